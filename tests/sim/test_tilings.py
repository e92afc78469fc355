# amaranth: UnusedElaboratable=no
"""Layers cut into tiles of pixels, filters and channels in any way that fits, on generated Verilog of every shape."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.hw.test_tiled import CONFIGS, LAYERS
from tests.sim.echo import CACHE

from cosim.designs import cached
from cosim.job import Job
from cosim.measure import broken_rules
from cosim.runner import run_jobs
from cosim.simulators import build, find_simulator
from zeroskip import reference
from zeroskip.arrangement import arrangements
from zeroskip.compiler.packed import PackError
from zeroskip.spec.config import EngineConfig
from zeroskip.counts import count
from zeroskip.layer import Layer
from zeroskip.map_packing import map_beats
from zeroskip.plan import Plan, Tiling, make_plan
from zeroskip.wire import encode
from zeroskip.zero_skip_packing import decode_result
from zeroskip.zero_skip_program import program_sections

STALLS = (0.0, 0.4)
ENGINES = ("skip-weights", "skip-both")


def cut(layer: Layer, config: EngineConfig, seed: str, *, skip: bool) -> Plan:
    """A plan that is cut in some way that fits and is not whole."""
    own = layer.as_convolution()
    height, words = own.output_shape[2], -(-own.channels // 16)
    ways = [(way, Tiling(rows=rows, filters=tiles, channel_words=count))
            for way in arrangements(config.groups, config.pixels) for rows in {height, -(-height // 2), 3, 1}
            for tiles in range(1, 1 + own.filters) for count in range(1, words + 1)
            if rows <= height and (rows, tiles, count) != (height, 1, words)]
    random.Random(seed).shuffle(ways)
    for way, tiling in ways:
        try:
            return make_plan(own, config, way, skip_activations=skip, tiling=tiling)
        except PackError:
            continue
    raise AssertionError(f"{seed} does not fit")


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize("name", CONFIGS)
def test_tilings(name: str, stall: float) -> None:
    """Every layer on both engines, cut in another way each time; without pauses and with."""
    config = CONFIGS[name]
    plans = {(case, engine): cut(layer, config, f"{name} {stall} {case} {engine}", skip=engine == "skip-both")
             for case, layer in LAYERS.items() for engine in ENGINES}
    assert sum(len(plan.passes) > 2 for plan in plans.values()) >= 12
    assert sum(not own.final for plan in plans.values() for own in plan.passes) >= 8
    jobs = [Job(name=f"{case}, {engine}: {plan.tiling}", weights=encode(program_sections(plan)),
                map=map_beats(plan.layer, plan.layout), result_beats=plan.result_beats, patience=100_000)
            for (case, engine), plan in plans.items()]
    built = build(cached(config, "zero-skip", CACHE / "verilog"), find_simulator(), CACHE / "simulators")
    for ((case, engine), plan), outcome in zip(plans.items(), run_jobs(built, jobs, stall=stall, seed=4), strict=True):
        layer = LAYERS[case]
        assert outcome.error is None, f"{outcome.name}: {outcome.error}"
        found, wanted = decode_result(plan, outcome.result, linear=layer.is_linear), reference.run(layer)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted, err_msg=outcome.name)
        assert broken_rules(engine, outcome.counters, count(layer), config, layer, stall=stall) == [], outcome.name
