"""What the fuzz runs: sessions of random layers, each session one process of a simulator, all of it from one seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosim.fuzz_layers import make_layer, pick
from cosim.job import Job, Outcome
from cosim.measure import broken_rules
from cosim.parts import jobs_of, join, split
from cosim.runner import NOT_RUN, run_jobs
from cosim.scoreboard import compare
from cosim.simulators import Build
from zeroskip import reference
from zeroskip.compiler.packed import PackedLayer, PackError
from zeroskip.counts import count
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec.config import PRESETS, EngineConfig
from zeroskip.spec.engines import ENGINES, KINDS

SMALL: dict[str, Any] = {"map_words": 4096, "list_words": 1024, "instructions": 1024}
CONFIGS: dict[str, EngineConfig] = PRESETS | {
    "pairs": EngineConfig(lanes=2, vector=2, look=4, ways=2, banks=4, **SMALL),
    "ones": EngineConfig(lanes=4, vector=1, look=8, ways=1, banks=4, **SMALL),
    "odd": EngineConfig(lanes=3, vector=4, look=1, ways=4, banks=8, **SMALL),
}
"""The presets, and three as small as ``tiny``: two of everything; one position to a weight; no power of two."""
STALLS = (0.0, 0.1, 0.3, 0.6)
CUTS = 0.15
"""Share of the layers before which another layer is begun and cut off by a reset."""
DRAWS = 50
"""Layers drawn, at most, until one fits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """A layer on an engine; with `abort_after` a reset comes after so many cycles, and nothing is looked at."""

    engine: str
    layer: Layer
    abort_after: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Session:
    """Steps that run one after the other on the hardware `kind` of ``CONFIGS[name]``, each of its streams pausing."""

    name: str
    kind: str
    stall: float
    seed: int
    steps: tuple[Step, ...]

    @property
    def config(self) -> EngineConfig:
        """The parameters of the hardware."""
        return CONFIGS[self.name]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """On one step: what is wrong (nothing: right), cycles, and what is kept where it was wrong."""

    wrong: str | None = None
    cycles: int = 0
    streams: dict[str, np.ndarray] | None = None
    outputs: dict[str, np.ndarray] | None = None


def fitting(rng: np.random.Generator, config: EngineConfig, engine: str, refused: list[str]
            ) -> tuple[Layer, PackedLayer]:
    """A random layer that the packer takes; what it says of those that it does not goes to `refused`."""
    for _ in range(DRAWS):
        layer = make_layer(rng, config, skips=KINDS[engine] == "zero-skip")
        try:
            return layer, pack(layer, config, engine)
        except PackError as error:
            refused.append(str(error))
    raise AssertionError(f"of {DRAWS} random layers none fits: {refused[-1]}")


def make_session(seed: int, number: int, turn: tuple[str, str], count: int, refused: list[str]) -> Session:
    """The session of that number: `count` layers to judge, and those that resets cut off before some of them."""
    name, kind = turn
    rng = np.random.default_rng([seed, number])
    engines = [engine for engine in ENGINES if KINDS[engine] == kind]
    stall = STALLS[number % len(STALLS)] if number < len(STALLS) else float(pick(rng, STALLS))
    steps: list[Step] = []
    for _ in range(count):
        if rng.random() < CUTS:
            engine = pick(rng, engines)
            layer, packed = fitting(rng, CONFIGS[name], engine, refused)
            length = len(packed.programs[0].program) + packed.predicted["total"]
            steps.append(Step(engine=engine, layer=layer, abort_after=int(rng.integers(1, length + 1))))
        engine = pick(rng, engines)
        layer, _ = fitting(rng, CONFIGS[name], engine, refused)
        steps.append(Step(engine=engine, layer=layer))
    return Session(name=name, kind=kind, stall=stall, seed=int(rng.integers(2**31)), steps=tuple(steps))


def patience(layer: Layer, stall: float) -> int:
    """Cycles without a beat on any stream: even one multiplier would have done every product of the layer."""
    return int((20_000 + int(count(layer)["macs"])) / (1 - stall))


def jobs(session: Session, step: Step, packed: PackedLayer) -> list[Job]:
    """The programs of a step; of one that is cut off the first."""
    own = jobs_of(f"{step.engine} {step.layer.weight.shape}", packed, patience=patience(step.layer, session.stall))
    return own if step.abort_after is None else [replace(own[0], abort_after=step.abort_after)]


def judge(session: Session, step: Step, packed: PackedLayer, outcome: Outcome) -> Verdict:
    """The answer against the reference, the counters against the layer's exact counts."""
    expected = reference.run(step.layer)
    outputs = {"expected": expected}
    if outcome.error is not None:
        wrong = [outcome.error]
    else:
        outputs["found"] = packed.decode(split(packed, outcome.result))
        text = compare(expected, outputs["found"]).text
        wrong = ([text] if text else []) + broken_rules(
            step.engine, outcome.counters, count(step.layer), session.config, packed, stall=session.stall)
    if not wrong:
        return Verdict(cycles=outcome.counters["total"])
    streams = {"program": np.concatenate([packet for own in packed.programs for packet in (own.program, *own.later)]),
               "map": np.concatenate([own.map for own in packed.programs]), "result": outcome.result}
    return Verdict(wrong="; ".join(wrong), streams=streams, outputs=outputs)


def verdicts(session: Session, build: Build) -> list[Verdict | None]:
    """Run the steps in one process; a verdict for each, ``None`` for those that are cut off.

    After an error the simulation ends: the list ends there, too.
    """
    packed = [pack(step.layer, session.config, step.engine) for step in session.steps]
    own = [jobs(session, step, its) for step, its in zip(session.steps, packed, strict=True)]
    outcomes = iter(run_jobs(build, [job for some in own for job in some], stall=session.stall, seed=session.seed))
    found: list[Verdict | None] = []
    for step, its, some in zip(session.steps, packed, own, strict=True):
        parts = [next(outcomes) for _ in some]
        if next((part.error for part in parts if part.error is not None), None) == NOT_RUN:
            break
        found.append(verdict_of(session, step, parts, its))
    return found


def verdict_of(session: Session, step: Step, parts: Sequence[Outcome], packed: PackedLayer | None = None
               ) -> Verdict | None:
    """The verdict on a step by the outcomes of its programs; ``None`` where it was cut off, and that went well."""
    packed = packed or pack(step.layer, session.config, step.engine)
    outcome = join(parts[0].name, parts, multipliers=session.config.multipliers)
    return None if step.abort_after is not None and outcome.error is None else judge(session, step, packed, outcome)


def turns(weights: Sequence[tuple[str, str, int]]) -> Iterator[tuple[str, str]]:
    """Configuration and kind for session after session, each as often as its weight says, well mixed.

    >>> list(zip(range(4), turns([("a", "x", 3), ("b", "y", 1)])))
    [(0, ('a', 'x')), (1, ('a', 'x')), (2, ('b', 'y')), (3, ('a', 'x'))]
    """
    done: dict[Any, int] = {}
    while True:
        name, kind, _ = min(weights, key=lambda turn: (done.get(turn[:2], 0) + 0.5) / turn[2] if turn[2] else np.inf)
        done[name, kind] = done.get((name, kind), 0) + 1
        yield name, kind
