"""Which lane does what: the lists of a step cut so that all lanes end together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOVES = 8
"""Pieces that may change lanes, for each lane."""
UNEVEN = 0.01
"""How much longer the longest lane may be than the shortest one before pieces change lanes."""
SLACK = 1.02
"""How much longer lanes may work where filters are to stay whole."""


@dataclass(frozen=True, kw_only=True, order=True)
class Job:
    """Vectors `first` to `first` + `count` - 1 of a filter's plane."""

    filter: int
    first: int
    count: int


def cut(costs: Sequence[int], cuts: np.ndarray, lanes: int, *, whole: bool = False) -> list[list[Job]]:
    """The jobs of each lane.

    Parameters
    ----------
    costs
        Cycles of a vector, for each filter.
    cuts
        Vectors of a plane at which a job may begin, from 0 on; the last one is the number of vectors.
    lanes
        How many there are.
    whole
        Filters stay whole where that costs little, for the list of one that is cut is in two lanes; and they are in
        the order of their costs, so that lanes can wait for each other in between, too.

    Two ways are tried, and the one whose longest lane is shorter is taken: filters one after the other, cut where a
    lane has its share (McNaughton's rule: lanes end together but for a cut), then evened by pieces that change lanes;
    and whole filters, the longest first.
    """
    shares = _evened(_wrapped(costs, cuts, lanes), costs, cuts)
    filters = _longest_first(costs, int(cuts[-1]), lanes)
    filters = filters if whole else [sorted(jobs) for jobs in filters]
    longest, other = (max(load(jobs, costs) for jobs in found) for found in (shares, filters))
    return shares if longest <= other and not (whole and other <= longest * SLACK) else filters


def load(jobs: Sequence[Job], costs: Sequence[int]) -> int:
    """Cycles of jobs."""
    return sum(costs[job.filter] * job.count for job in jobs)


def _longest_first(costs: Sequence[int], vectors: int, lanes: int) -> list[list[Job]]:
    loads = np.zeros(lanes, np.int64)
    found: list[list[Job]] = [[] for _ in range(lanes)]
    for number in np.argsort(-np.asarray(costs), kind="stable"):
        lane = int(loads.argmin())
        loads[lane] += costs[number]
        found[lane].append(Job(filter=int(number), first=0, count=vectors))
    return found


def _evened(found: list[list[Job]], costs: Sequence[int], cuts: np.ndarray) -> list[list[Job]]:
    """The same with ends of jobs given by the longest lane to the shortest one, for as long as that helps much."""
    loads = [load(jobs, costs) for jobs in found]
    for _ in range(MOVES * len(found)):
        most, least = int(np.argmax(loads)), int(np.argmin(loads))
        over = loads[most] - loads[least]
        if over <= UNEVEN * max(loads):
            break
        pieces = [(abs(2 * costs[job.filter] * piece.count - over), number, piece)
                  for number, job in enumerate(found[most]) for piece in _ends(job, cuts)
                  if costs[job.filter] * piece.count < over]
        if not pieces:
            break
        _, number, piece = min(pieces)
        job = found[most].pop(number)
        rest = Job(filter=job.filter, count=job.count - piece.count,
                   first=job.first + (piece.count if piece.first == job.first else 0))
        found[most][number:number] = [rest] if rest.count else []
        found[least].append(piece)
        moved = costs[job.filter] * piece.count
        loads[most], loads[least] = loads[most] - moved, loads[least] + moved
    return [sorted(jobs) for jobs in found]


def _ends(job: Job, cuts: np.ndarray) -> list[Job]:
    """The shortest piece at each end of a job."""
    end = job.first + job.count
    inside = cuts[(cuts > job.first) & (cuts < end)]
    if not len(inside):
        return [job]
    return [Job(filter=job.filter, first=job.first, count=int(inside[0]) - job.first),
            Job(filter=job.filter, first=int(inside[-1]), count=end - int(inside[-1]))]


def _wrapped(costs: Sequence[int], cuts: np.ndarray, lanes: int) -> list[list[Job]]:
    vectors = int(cuts[-1])
    total = int(sum(costs)) * vectors
    found: list[list[Job]] = [[] for _ in range(lanes)]
    lane, done = 0, 0
    for number, cost in enumerate(costs):
        first = 0
        while first < vectors:
            end = vectors
            if lane < lanes - 1:
                wanted = first + (total * (lane + 1) / lanes - done) / cost
                end = int(cuts[np.abs(cuts - wanted).argmin()])
            if end > first:
                found[lane].append(Job(filter=number, first=first, count=end - first))
                done += cost * (end - first)
                first = end
            if lane < lanes - 1 and (first < vectors or done >= total * (lane + 1) / lanes):
                lane += 1
    return found
