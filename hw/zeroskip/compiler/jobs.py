"""Which lane does what: the lists of a step cut so that all lanes end together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, order=True)
class Job:
    """Vectors `first` to `first` + `count` - 1 of a filter's plane."""

    filter: int
    first: int
    count: int


def cut(costs: Sequence[int], vectors: int, lanes: int, unit: int) -> list[list[Job]]:
    """The jobs of each lane.

    Parameters
    ----------
    costs
        Cycles of a vector, for each filter.
    vectors
        Of a plane.
    lanes
        How many there are.
    unit
        A plane can be cut at multiples of so many vectors.

    Two ways are tried, and the one whose longest lane is shorter is taken: filters one after the other, cut where a
    lane has its share (McNaughton's rule: lanes end together but for a unit), and whole filters, the longest first.
    """
    shares = _wrapped(costs, vectors, lanes, unit)
    whole = _longest_first(costs, vectors, lanes)
    return min((shares, whole), key=lambda found: max(_load(jobs, costs) for jobs in found))


def _load(jobs: Sequence[Job], costs: Sequence[int]) -> int:
    return sum(costs[job.filter] * job.count for job in jobs)


def _longest_first(costs: Sequence[int], vectors: int, lanes: int) -> list[list[Job]]:
    loads = np.zeros(lanes, np.int64)
    found: list[list[Job]] = [[] for _ in range(lanes)]
    for number in np.argsort(-np.asarray(costs), kind="stable"):
        lane = int(loads.argmin())
        loads[lane] += costs[number]
        found[lane].append(Job(filter=int(number), first=0, count=vectors))
    return [sorted(jobs) for jobs in found]


def _wrapped(costs: Sequence[int], vectors: int, lanes: int, unit: int) -> list[list[Job]]:
    total = int(sum(costs)) * vectors
    found: list[list[Job]] = [[] for _ in range(lanes)]
    lane, done = 0, 0
    for number, cost in enumerate(costs):
        first = 0
        while first < vectors:
            left = total * (lane + 1) / lanes - done  # of this lane's share
            count = vectors - first
            if lane < lanes - 1 and cost * count > left:
                count = min(count, round(left / cost / unit) * unit)
            if count:
                found[lane].append(Job(filter=number, first=first, count=count))
                done += cost * count
                first += count
            if first < vectors or (lane < lanes - 1 and done >= total * (lane + 1) / lanes):
                lane = min(lane + 1, lanes - 1)
    return found
