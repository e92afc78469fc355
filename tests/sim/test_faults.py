"""Deliberate faults in all parts of the array: each must turn the co-simulation red, and without them it is green."""

from __future__ import annotations

from collections.abc import Iterator
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
from cosim.parts import jobs_of
from cosim.runner import run_jobs
from cosim.scoreboard import compare
from cosim.simulators import Build, build, find_simulator
from zerokeep import integer
from zerokeep.network import INPUT, Network
from zerokeep.step import Step
from zeroskip import reference
from zeroskip.compiler.layers import pack_network
from zeroskip.compiler.packed import Packed, whole
from zeroskip.cycles.prediction import modelled
from zeroskip.files.workplace import workplace
from zeroskip.packing import pack

CONFIG = CONFIGS[planted.NAME]
SEED = 3
STALLS = (0.0, 0.5)
PATIENCE = 8000
CHECKSUM = "the loader does not look at the checksum"
LAYERS = {
    "padded": random_layer(1, filters=5, channels=6, size=(9, 7), padding=(1, 1), weights=0.3, activations=0.3),
    "few entries": random_layer(2, filters=6, channels=8, size=(11, 11), kernel=(1, 1), weights=0.1, activations=0.2),
    "a weight to a filter": replace(random_layer(4, filters=4, channels=4, size=(16, 16), kernel=(1, 1), output=None),
                                    weight=np.eye(4, dtype=np.int8)[:, :, None, None]),
    "signed": random_layer(3, filters=4, channels=5, size=(6, 6), stride=(2, 2), dtype=np.int8, images=2),
}
DRAWN = (7, 14, 35, 37)
"""Seeds of random networks: upsampling, pooling, concatenation, a table, convolutions."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A program with what must come back; `predicted` has the model's figures."""

    name: str
    packed: Packed
    expected: np.ndarray

    @property
    def job(self) -> Job:
        """What goes over the streams."""
        (job,) = jobs_of(self.name, whole(self.packed, "skip-both"), patience=PATIENCE)
        return job


def pooled() -> Network:
    """A convolution whose results leave by the maximum of squares, and another one."""
    layers = [random_layer(seed, filters=3, channels=3, size=(8, 9), padding=(1, 1)) for seed in (5, 6)]
    steps = [Step(name=name, op="conv", inputs=(source,), scale=1.0, layer=replace(layer, input=None))
             for name, source, layer in zip(("first", "last"), (INPUT, "squares"), layers, strict=True)]
    squares = Step(name="squares", op="maxpool", inputs=("first",), scale=1.0, parameters={
        "kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)})
    return Network(name="pooled", input_shape=(3, 8, 9), input_scale=1.0, steps=(steps[0], squares, steps[1]))


def network_case(name: str, network: Network, images: np.ndarray) -> Case:
    packed = pack_network(network, CONFIG, images, look=True)
    run, account = modelled(packed)
    figures = {"total": run.total, "multiplications": account.multiplications, "gated": account.gated}
    return Case(name=name, packed=replace(packed, predicted=figures), expected=integer.run(network, images))


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
        found.append(network_case(f"network {seed}", network, draw.images(network)))
    images = random_layer(7, channels=3, size=(8, 9), images=2).needed_input()
    return [*found, network_case("pooled", pooled(), images)]


@cache
def built() -> Build:
    return build(planted.design(CACHE / "verilog"), find_simulator(), CACHE / "simulators")


def wrong(fault: int, stall: float, own: list[Case] | None = None) -> list[str]:
    """What is wrong with the fault of that number."""
    own = own or cases()
    with workplace() as place:
        (place / planted.FILE).write_text(f"{fault:x}\n")
        outcomes = run_jobs(built(), [case.job for case in own], stall=stall, seed=SEED, folder=place)
    found = []
    for case, outcome in zip(own, outcomes, strict=True):
        if outcome.error is not None:
            return [*found, f"{case.name}: {outcome.error}"]
        text = compare(case.expected, case.packed.decode(outcome.result).astype(case.expected.dtype)).text
        figures = case.packed.predicted
        names = ("multiplications", "gated") if stall else ("total", "multiplications", "gated")
        differ = [f"{name} {outcome.counters[name]}, expected {figures[name]}" for name in names
                  if outcome.counters[name] != figures[name]]
        found += [f"{case.name}: {sentence}" for sentence in (text, *differ) if sentence]
    return found


def case_of(name: str) -> Case:
    (found,) = [case for case in cases() if case.name == name]
    return found


def damaged() -> list[Case]:
    """A program of which one bit is wrong."""
    case = cases()[0]
    program = case.packed.program.copy()
    program[len(program) // 2, 0] ^= 4
    return [replace(case, packed=replace(case.packed, program=program))]


def runs() -> Iterator[tuple[float, list[Case]]]:
    """Pauses and programs; the last is for results that leave far more slowly than they become complete."""
    yield from ((stall, cases()) for stall in STALLS)
    yield 0.9, [case_of("a weight to a filter, skip-both")]


@pytest.mark.parametrize("number", range(3))
def test_without_a_fault_all_is_right(number: int) -> None:
    assert wrong(0, *list(runs())[number]) == []


@pytest.mark.parametrize("number", range(1, 1 + len(FAULTS)), ids=lambda number: FAULTS[number - 1].what)
def test_a_fault_turns_it_red(number: int) -> None:
    if FAULTS[number - 1].what == CHECKSUM:
        (text,) = wrong(0, 0.0, damaged())
        assert text.endswith("the engine says of the program: its checksum is wrong")
        assert wrong(number, 0.0, damaged()) != [text]
    else:
        found = next((own for stall, some in runs() if (own := wrong(number, stall, some))), [])
        print("\n".join(found))
        assert found, "nobody saw it"


def test_the_faults_are_in_many_parts() -> None:
    assert len(FAULTS) >= 12 and len({fault.file for fault in FAULTS}) >= 8
