"""The vector engine's Verilog on random networks, against the integer reference, bit for bit."""

import numpy as np
import pytest
from benchmarks.networks import Maker
from tests.sim.random_networks import Draw

from cosim.engine_rtl import EngineError, build, run_program
from zerokeep import integer
from zerokeep.step import Step
from zeroskip.compiler import places
from zeroskip.compiler.in_place import predecessors
from zeroskip.compiler.whole import whole
from zeroskip.spec.config import PRESETS, EngineConfig

NETWORKS = 60
CONFIGS = {
    "tiny": PRESETS["tiny"],
    "ways": EngineConfig(lanes=3, vector=4, look=4, ways=2, banks=8, map_words=4096, list_words=1024,
                         instructions=1024),
}


@pytest.fixture(scope="module", params=CONFIGS)
def engine(request, tmp_path_factory):
    config = CONFIGS[request.param]
    return config, build(config, tmp_path_factory.mktemp("engine"))


def wrong(config, simulator, seed):
    """Whether a random network is answered wrongly; nothing where none was drawn."""
    draw = Draw(seed)
    network = draw.network()
    if network is None:
        return None
    images = draw.images(network)
    program, _ = whole(config, network, look=draw.chance(0.5) and config.look > 1)
    found = run_program(simulator, program, list(images), stall=draw.one((0.0, 0.0, 0.3)), seed=seed).maps
    wanted = integer.run(network, images)
    return not np.array_equal(np.stack(found).reshape(wanted.shape), wanted)


def test_random_networks_are_bit_exact(engine):
    answers = {seed: wrong(*engine, seed) for seed in range(NETWORKS)}
    assert sum(answer is not None for answer in answers.values()) > NETWORKS * 0.8
    assert [seed for seed, answer in answers.items() if answer] == []


@pytest.mark.parametrize("seed", range(4))
def test_sums_lie_where_their_residuals_lay(engine, seed, monkeypatch):
    """A chain of blocks, the last one of them by other strides, as they lie where the memory is full."""
    monkeypatch.setattr(places, "ATTEMPTS", 1)
    config, simulator = engine
    make = Maker((2, 7, 9), seed)
    here = make.conv(4, (3, 3), 0.5)
    for _ in range(3):
        first = make.conv(4, (3, 3), 0.5, source=here)
        here = make.conv(4, (1, 3), 0.5, source=first, residual=here)
    make.conv(3, (3, 3), 0.5, stride=2 if seed % 2 else 1)
    network = make.done("blocks")
    images = np.random.default_rng(seed).integers(0, 256, (3, 2, 7, 9)).astype(np.uint8)
    program, builder = whole(config, network, look=bool(seed % 2))
    lie, before = builder.plan.maps, predecessors(builder.steps, ["input"], builder.leaving)
    assert len(before) == 3 and all(lie[name].base == lie[own].base for name, own in before.items())
    found = run_program(simulator, program, list(images), stall=0.2 * (seed % 2), seed=seed).maps
    wanted = integer.run(network, images)
    assert np.array_equal(np.stack(found).reshape(wanted.shape), wanted)


@pytest.mark.parametrize(("filters", "size", "seed"), [(8, (7, 9), 0), (6, (5, 8), 1), (16, (3, 3), 2)])
def test_averages_of_whole_maps_are_taken_side_by_side(engine, filters, size, seed):
    """By any stride, for there is one position; read once, and twice by one step."""
    config, simulator = engine
    make = Maker((3, *size), seed)
    make.conv(filters, (3, 3), 0.5)
    own = {"multipliers": [30000], "shift": 15 + int(np.log2(np.prod(size))), "clamp": (0, 255),
           "output_dtype": "uint8", "rounding": "up"}
    stride = ((1, 1), size, (2, 3))[seed]
    make.add(Step(name="average", op="avgpool", inputs=("conv0",), scale=1.0, parameters={
        "kernel": size, "stride": stride, "padding": (0, 0), **own}))
    if seed:
        make.add(Step(name="twice", op="concat", inputs=("average",) * 2, scale=1.0, parameters={
            **own, "multipliers": [20000, 15000], "shift": 14}))
    make.add(Step(name="flat", op="flatten", inputs=(make.last,), scale=1.0))
    make.conv(5, (1, 1), 0.7)
    network = make.done("averages")
    images = np.random.default_rng(seed).integers(0, 256, (3, 3, *size)).astype(np.uint8)
    program, builder = whole(config, network, look=bool(seed % 2))
    assert max(step.across for step in builder.steps) > 1
    found = run_program(simulator, program, list(images), stall=0.2 * (seed % 2), seed=seed).maps
    wanted = integer.run(network, images)
    assert len(np.unique(wanted)) > 4 and np.array_equal(np.stack(found).reshape(wanted.shape), wanted)


def test_a_program_with_a_flipped_bit_is_refused(engine):
    config, simulator = engine
    draw = Draw(1)
    network = draw.network()
    program, _ = whole(config, network, look=False)
    beats = program.beats().copy()
    beats[len(beats) // 2, 0] ^= 4
    with pytest.raises(EngineError, match=r"0 of .* result words came .*error [45]"):
        run_program(simulator, program, list(draw.images(network)), packets=[beats])
