"""Layers that run as several programs: their jobs, and one outcome out of those of the parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cosim.job import Job, Outcome
from zeroskip.compiler.packed import PackedLayer


def jobs_of(name: str, packed: PackedLayer, *, patience: int) -> list[Job]:
    """A job for each program of a layer."""
    count = len(packed.programs)
    return [Job(name=f"{name}, part {number} of {count}" if count > 1 else name, program=program.program,
                map=program.map, result_beats=program.result_beats, results=program.results,
                later=program.later, patience=patience)
            for number, program in enumerate(packed.programs, 1)]


def split(packed: PackedLayer, beats: np.ndarray) -> list[np.ndarray]:
    """The beats of the whole answer by program."""
    ends = np.cumsum([program.result_beats for program in packed.programs])
    return np.split(beats, ends[:-1])


def join(name: str, outcomes: Sequence[Outcome], *, multipliers: int) -> Outcome:
    """The outcome of a layer out of those of its programs, in order; with the first error that there is.

    Counters add up. What the programs after the first one load is not hidden by anything: it counts in ``total``, as
    ``wait`` and, in all of the `multipliers`, as waiting, and not in ``load``.
    """
    for outcome in outcomes:
        if outcome.error is not None:
            return replace(outcome, name=name, error=outcome.error if len(outcomes) == 1 else
                           f"{outcome.name}: {outcome.error}")
    sums = [{key: sum(getattr(outcome, kind)[key] for outcome in outcomes) for key in getattr(outcomes[0], kind)}
            for kind in ("counters", "observed")]
    later = sum(outcome.counters.get("load", 0) for outcome in outcomes[1:])
    for counts in sums:
        for key, change in (("load", -later), ("total", later), ("wait", later),
                            ("slots_waiting", later * multipliers)):
            if key in counts:
                counts[key] += change
    return Outcome(name=name, result=np.concatenate([outcome.result for outcome in outcomes]), counters=sums[0],
                   observed=sums[1])
