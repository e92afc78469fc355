"""Means, spreads and paired tests over the cells of a study."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Line = Mapping[str, Any]
Value = Callable[[Line], float]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Of several values: `mean`, `spread` (standard deviation, n - 1; NaN for one value) and their `count`."""

    mean: float
    spread: float
    count: int


def summary(values: Sequence[float]) -> Summary:
    """Mean and spread.

    >>> summary([1.0, 2.0, 3.0])
    Summary(mean=2.0, spread=1.0, count=3)
    """
    array = np.asarray(values, float)
    spread = float(array.std(ddof=1)) if len(array) > 1 else math.nan
    return Summary(mean=float(array.mean()), spread=spread, count=len(array))


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Differences of pairs, and the probability `p` of such a mean or more by chance: Student's t, two-sided."""

    difference: Summary
    p: float


def paired(one: Mapping[Any, float], other: Mapping[Any, float]) -> Paired | None:
    """The differences `one` - `other` over the keys that both have; ``None`` for fewer than three."""
    from scipy import stats

    keys = sorted(set(one) & set(other))
    if len(keys) < 3:
        return None
    first, second = [one[key] for key in keys], [other[key] for key in keys]
    differences = summary([a - b for a, b in zip(first, second, strict=True)])
    if differences.spread == 0:
        return Paired(difference=differences, p=1.0 if differences.mean == 0 else 0.0)
    return Paired(difference=differences, p=float(stats.ttest_rel(first, second).pvalue))


def by_seed(lines: Sequence[Line], value: Value) -> dict[int, float]:
    """A value of each line by its seed.

    Raises
    ------
    ValueError
        A seed is there twice: the lines are not of one group.
    """
    found = {line["seed"]: value(line) for line in lines}
    if len(found) != len(lines):
        raise ValueError("several lines have the same seed")
    return found


def at(lines: Sequence[Line], along: Value, place: float, value: Value) -> float | None:
    """The value where `along` is `place`, between two lines of one seed; straight over the logarithm of `along`.

    ``None`` where the place lies outside the lines.

    >>> at([{"c": 10, "a": 0.5}, {"c": 1000, "a": 0.9}], lambda own: own["c"], 100, lambda own: own["a"])
    0.7
    """
    points = sorted((math.log(along(line)), value(line)) for line in lines)
    wanted = math.log(place)
    if not points or not points[0][0] <= wanted <= points[-1][0]:
        return None
    return float(np.interp(wanted, [x for x, _ in points], [y for _, y in points]))


def common_places(curves: Sequence[Sequence[Line]], along: Value, count: int) -> list[float]:
    """`count` places, in equal ratios, that lie within every one of the curves; none where they do not overlap."""
    low = max(min(along(line) for line in curve) for curve in curves)
    high = min(max(along(line) for line in curve) for curve in curves)
    if low >= high:
        return []
    return [float(place) for place in np.geomspace(low, high, count + 2)[1:-1]]
