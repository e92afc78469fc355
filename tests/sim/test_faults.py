"""Deliberate faults in all parts of the array: each must turn the co-simulation red, and without them it is green."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from tests.hw.layers import random_layer
from tests.sim import planted
from tests.sim.echo import CACHE
from tests.sim.planted import FAULTS
from tests.sim.random_networks import Draw

from cosim.fuzz_cases import CONFIGS
from cosim.job import Job
from cosim.runner import run_jobs
from cosim.scoreboard import compare
from cosim.simulators import Build, build, find_simulator
from zerokeep import integer
from zeroskip import reference
from zeroskip.compiler.layers import pack_network
from zeroskip.compiler.packed import Packed
from zeroskip.cycles.prediction import modelled
from zeroskip.files.workplace import workplace
from zeroskip.packing import pack

CONFIG = CONFIGS[planted.NAME]
SEED = 3
STALLS = (0.0, 0.5)
CHECKSUM = "the loader does not look at the checksum"
LAYERS = {
    "padded": random_layer(1, filters=5, channels=6, size=(9, 7), padding=(1, 1), weights=0.3, activations=0.3),
    "few entries": random_layer(2, filters=6, channels=8, size=(11, 11), kernel=(1, 1), weights=0.1, activations=0.2),
    "signed": random_layer(3, filters=4, channels=5, size=(6, 6), stride=(2, 2), dtype=np.int8, images=2),
}
DRAWN = (7, 14, 35, 37)
"""Seeds of random networks: pooling, additions, several steps whose lanes do not end together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A program with what must come back; `predicted` has the model's figures."""

    name: str
    packed: Packed
    expected: np.ndarray


@cache
def cases() -> list[Case]:
    found = []
    for name, layer in LAYERS.items():
        for engine in ("skip-both", "skip-weights"):
            (program,) = pack(layer, CONFIG, engine).programs
            found.append(Case(name=f"{name}, {engine}", packed=program, expected=reference.run(layer)))
    for seed in DRAWN:
        draw = Draw(seed)
        network = draw.network()
        assert network is not None
        images = draw.images(network)
        own = pack_network(network, CONFIG, images, look=True)
        run, account = modelled(own)
        figures = {"total": run.total, "multiplications": account.multiplications, "gated": account.gated}
        found.append(Case(name=f"network {seed}", packed=replace(own, predicted=figures),
                          expected=integer.run(network, images)))
    return found


@cache
def built() -> Build:
    return build(planted.design(CACHE / "verilog"), find_simulator(), CACHE / "simulators")


def wrong(fault: int, stall: float, jobs: list[Job] | None = None) -> list[str]:
    """What is wrong with the fault of that number."""
    own = [Job(name=case.name, program=case.packed.program, map=case.packed.map, results=case.packed.results,
               result_beats=case.packed.result_beats, patience=8000) for case in cases()]
    with workplace() as place:
        (place / planted.FILE).write_text(f"{fault:x}\n")
        outcomes = run_jobs(built(), jobs or own, stall=stall, seed=SEED, folder=place)
    found = []
    for case, outcome in zip(cases(), outcomes, strict=False):
        if outcome.error is not None:
            return [*found, f"{case.name}: {outcome.error}"]
        text = compare(case.expected, case.packed.decode(outcome.result).astype(case.expected.dtype)).text
        figures = case.packed.predicted
        names = ("multiplications", "gated") if stall else ("total", "multiplications", "gated")
        differ = [f"{name} {outcome.counters[name]}, expected {figures[name]}" for name in names
                  if outcome.counters[name] != figures[name]]
        found += [f"{case.name}: {own}" for own in (text, *differ) if own]
    return found


def damaged() -> list[Job]:
    """A program of which one bit is wrong."""
    packed = cases()[0].packed
    program = packed.program.copy()
    program[len(program) // 2, 0] ^= 4
    return [Job(name="damaged", program=program, map=packed.map, results=packed.results,
                result_beats=packed.result_beats, patience=8000)]


@pytest.mark.parametrize("stall", STALLS)
def test_without_a_fault_all_is_right(stall: float) -> None:
    assert wrong(0, stall) == []


@pytest.mark.parametrize("number", range(1, 1 + len(FAULTS)), ids=lambda number: FAULTS[number - 1].what)
def test_a_fault_turns_it_red(number: int) -> None:
    if FAULTS[number - 1].what == CHECKSUM:
        (text,) = wrong(0, 0.0, damaged())
        assert text.endswith("the engine says of the program: its checksum is wrong")
        assert wrong(number, 0.0, damaged()) != [text]
    else:
        found = next((own for stall in STALLS if (own := wrong(number, stall))), [])
        print("\n".join(found))
        assert found, "nobody saw it"


def test_the_faults_are_in_many_parts() -> None:
    assert len(FAULTS) >= 12 and len({fault.file for fault in FAULTS}) >= 8
