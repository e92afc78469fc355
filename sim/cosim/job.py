"""What goes into a simulator process and what comes out: programs, results, and the two files that carry them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zeroskip.layer import save_npz

ENVIRONMENT = "ZEROKEEP_COSIM_JOB"
"""The environment variable that names the folder of the job."""
QUIET_CYCLES = 100
"""Cycles after a result in which nothing more may come."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One program with its map.

    Parameters
    ----------
    name
        What to call it in messages.
    weights, map
        Beats, uint8 (beats, 16).
    result_beats
        Beats that must come back.
    patience
        Cycles without a beat on any stream after which the hardware is held to hang.
    reset
        Reset engine and counters by the control register before it.
    abort_after
        Do not wait for the result: reset the engine after so many cycles.
    """

    name: str
    weights: np.ndarray
    map: np.ndarray
    result_beats: int
    patience: int = 100_000
    reset: bool = False
    abort_after: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What the hardware answered to one job.

    ``result`` is uint8 (beats, 16); ``counters`` are those of the hardware by name, ``observed`` the testbench's own;
    ``error`` is a sentence where something was wrong, and then the rest may be missing.
    """

    name: str
    result: np.ndarray
    counters: dict[str, int] = field(default_factory=dict)
    observed: dict[str, int] = field(default_factory=dict)
    error: str | None = None


def write_jobs(folder: Path, jobs: Sequence[Job], settings: dict[str, Any]) -> None:
    """Write ``job.npz`` and ``job.json`` into `folder`."""
    arrays: dict[str, np.ndarray] = {}
    entries = []
    for number, job in enumerate(jobs):
        arrays |= {f"weights_{number}": job.weights, f"map_{number}": job.map}
        entries.append({"name": job.name, "result_beats": job.result_beats, "patience": job.patience,
                        "reset": job.reset, "abort_after": job.abort_after})
    save_npz(folder / "job.npz", arrays)
    (folder / "job.json").write_text(json.dumps(settings | {"jobs": entries}))


def read_jobs(folder: Path) -> tuple[list[Job], dict[str, Any]]:
    """Undo `write_jobs`."""
    settings = json.loads((folder / "job.json").read_text())
    with np.load(folder / "job.npz", allow_pickle=False) as arrays:
        jobs = [Job(weights=arrays[f"weights_{n}"], map=arrays[f"map_{n}"], **entry)
                for n, entry in enumerate(settings.pop("jobs"))]
    return jobs, settings


def write_outcomes(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write ``outcome.npz`` and then ``outcome.json``: where the second stands, both are whole."""
    save_npz(folder / "outcome.npz", {f"result_{n}": outcome.result for n, outcome in enumerate(outcomes)})
    entries = [{"name": o.name, "counters": o.counters, "observed": o.observed, "error": o.error} for o in outcomes]
    unfinished = folder / "outcome.tmp"
    unfinished.write_text(json.dumps(entries))
    unfinished.replace(folder / "outcome.json")


def read_outcomes(folder: Path) -> list[Outcome]:
    """Undo `write_outcomes`."""
    entries = json.loads((folder / "outcome.json").read_text())
    with np.load(folder / "outcome.npz", allow_pickle=False) as arrays:
        return [Outcome(result=arrays[f"result_{n}"], **entry) for n, entry in enumerate(entries)]
