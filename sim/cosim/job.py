"""What goes into a simulator process and what comes out: programs, results, and the two files that carry them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zeroskip.files.npz import read_npz
from zeroskip.files.reading import read_json
from zeroskip.files.writing import write_json, write_npz, write_text

ENVIRONMENT = "ZEROKEEP_COSIM_JOB"
"""The environment variable that names the folder of the job."""
WATCH_FILE = "watch.npz"
WATCHED = ("step", "stream", "word", "mask")
"""What is kept of each word that an engine writes, beside its bytes."""
JSON_BYTES = 256 << 20
"""The most that a description of jobs or outcomes may have."""
QUIET_CYCLES = 100
"""Cycles after a result in which nothing more may come."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One program with its map.

    Parameters
    ----------
    name
        What to call it in messages.
    program, map
        Beats, uint8 (beats, bytes of a beat).
    result_beats
        Beats that must come back.
    results
        Packets in which they come, all of the same length.
    later
        Packets that follow the program while maps are at work, beats likewise.
    patience
        Cycles without a beat on any stream after which the hardware is held to hang.
    reset
        Reset engine and counters by the control register before it.
    abort_after
        Do not wait for the result: reset the engine after so many cycles.
    """

    name: str
    program: np.ndarray
    map: np.ndarray
    result_beats: int
    results: int = 1
    later: tuple[np.ndarray, ...] = ()
    patience: int = 100_000
    reset: bool = False
    abort_after: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What the hardware answered to one job.

    ``result`` is uint8 (beats, bytes of a beat), in the order of the beats' numbers; ``lasts`` are the cycles from the
    first beat of the map to the last beat of each packet, that one included; ``counters`` are those of the hardware by
    name, ``observed`` the testbench's own;
    ``error`` is a sentence where something was wrong, and then the rest may be missing.
    """

    name: str
    result: np.ndarray
    lasts: list[int] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    observed: dict[str, int] = field(default_factory=dict)
    error: str | None = None


def write_jobs(folder: Path, jobs: Sequence[Job], settings: dict[str, Any]) -> None:
    """Write ``job.npz`` and ``job.json`` into `folder`."""
    entries = [{"name": job.name, "result_beats": job.result_beats, "results": job.results, "patience": job.patience,
                "reset": job.reset, "abort_after": job.abort_after, "packets": 1 + len(job.later)} for job in jobs]
    write_npz(folder / "job.npz", _joined("program", [packet for job in jobs for packet in (job.program, *job.later)])
              | _joined("map", [job.map for job in jobs]))
    write_json(folder / "job.json", settings | {"jobs": entries})


def read_jobs(folder: Path) -> tuple[list[Job], dict[str, Any]]:
    """Undo `write_jobs`."""
    settings = read_json(folder / "job.json", JSON_BYTES)
    arrays = read_npz(folder / "job.npz")
    packets, jobs = iter(_parts("program", arrays)), []
    for map_, entry in zip(_parts("map", arrays), settings.pop("jobs"), strict=True):
        first, *later = itertools.islice(packets, entry.pop("packets"))
        jobs.append(Job(program=first, later=tuple(later), map=map_, **entry))
    return jobs, settings


def _joined(name: str, parts: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Streams of beats one behind the other, and where each begins: an archive of thousands of arrays is slow."""
    starts = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    return {name: np.concatenate(parts) if parts else np.zeros((0, 1), np.uint8), f"{name}_starts": starts}


def _parts(name: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Undo `_joined`."""
    return [arrays[name][start:end] for start, end in itertools.pairwise(arrays[f"{name}_starts"].tolist())]


def write_outcomes(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write ``outcome.npz`` and then ``outcome.json``: where the second stands, both are whole."""
    write_npz(folder / "outcome.npz", _joined("result", [outcome.result for outcome in outcomes]))
    entries = [{"name": o.name, "lasts": o.lasts, "counters": o.counters, "observed": o.observed, "error": o.error}
               for o in outcomes]
    write_text(folder / "outcome.json", json.dumps(entries))


def read_outcomes(folder: Path) -> list[Outcome]:
    """Undo `write_outcomes`."""
    entries = read_json(folder / "outcome.json", JSON_BYTES)
    results = _parts("result", read_npz(folder / "outcome.npz"))
    return [Outcome(result=result, **entry) for result, entry in zip(results, entries, strict=True)]
