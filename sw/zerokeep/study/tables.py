"""The questions of a study answered in tables: accuracy at equal filter ratio, at equal non-zeros, at equal cycles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from zerokeep.study.statistics import Line, Paired, at, by_seed, common_places, paired, summary

REFERENCE = "zero-keep"
PLACES = 3


def accuracy(line: Line) -> float:
    """Of the integers, in percent."""
    return 100 * float(line["accuracy"]["int8"])


def loss(line: Line) -> float:
    """Points below the base network."""
    return 100 * float(line["accuracy"]["base"]) - accuracy(line)


def cycles(line: Line) -> float:
    """For an image, predicted, weights loaded anew for each batch included."""
    own = line["cycles"]
    return float(own["skip-both"]["end_to_end"]) / float(own["images"])


def nonzeros(line: Line) -> float:
    """Weights that are not zero."""
    return float(line["totals"]["nonzero"])


def way(line: Line) -> str:
    """What a line is compared as: its criterion, and the threshold where that is not the study's common one."""
    recipe = line["recipe"]
    by_layer = recipe["threshold"] == "layer" and recipe["nzer_orig"] is not None
    return f"{line['criterion']}, by layer" if by_layer else str(line["criterion"])


def select(lines: Iterable[Line], **wanted: Any) -> list[Line]:
    """The lines with these values."""
    return [line for line in lines if all(line[key] == value for key, value in wanted.items())]


def ways(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """The lines of each way, the reference first."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(way(line), []).append(line)
    return dict(sorted(found.items(), key=lambda own: own[0] != REFERENCE))


def levels(lines: Iterable[Line]) -> list[float]:
    """The levels of non-zeros asked for, the highest first."""
    return sorted({line["nzer_orig_asked"] for line in lines if line["nzer_orig_asked"] is not None}, reverse=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    head = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def shown(values: Sequence[float], digits: int = 2) -> str:
    """Mean and spread, with thousands marked."""
    own = summary(values)
    spread = "" if math.isnan(own.spread) else f" ± {own.spread:,.{digits}f}"
    return f"{own.mean:,.{digits}f}{spread}"


def compared(own: Paired | None) -> list[str]:
    """Difference and p, for a table."""
    if own is None:
        return ["", ""]
    p = f"{own.p:.3f}" if own.p >= 0.0005 else "under 0.001"
    return [f"{own.difference.mean:+.2f} ± {own.difference.spread:.2f}", p]


def comparison(lines: Sequence[Line]) -> str:
    """One group of lines, criterion by criterion, paired by seed with the reference."""
    groups = ways(lines)
    reference = by_seed(groups.get(REFERENCE, []), accuracy)
    rows = []
    for name, group in groups.items():
        against = None if name == REFERENCE else paired(by_seed(group, accuracy), reference)
        rows.append([name, str(len(group)), shown([nonzeros(line) for line in group], 0),
                     shown([cycles(line) for line in group], 0), shown([accuracy(line) for line in group]),
                     shown([loss(line) for line in group]), *compared(against)])
    return table(["criterion", "seeds", "non-zeros", "cycles an image", "int8, %", "points lost",
                  f"against {REFERENCE}", "p"], rows)


def at_equal_cycles(lines: Sequence[Line]) -> str:
    """Accuracy of each criterion where its curve over the levels passes the same cycles, seed by seed."""
    curves = {name: _curves(own) for name, own in ways(lines).items()}
    whole = {name: own for name, own in curves.items() if all(len(curve) > 1 for curve in own.values())}
    if REFERENCE not in whole:
        return ""
    places = common_places([curve for own in whole.values() for curve in own.values()], cycles, PLACES)
    rows = []
    for place in places:
        found = {name: {seed: value for seed, curve in own.items()
                        if (value := at(curve, cycles, place, accuracy)) is not None} for name, own in whole.items()}
        for name, values in found.items():
            against = None if name == REFERENCE else paired(values, found[REFERENCE])
            rows.append([f"{place:,.0f}", name, str(len(values)), shown(list(values.values())), *compared(against)])
    return table(["cycles an image", "criterion", "seeds", "int8, %", f"against {REFERENCE}", "p"], rows)


def beside_zeros_alone(lines: Sequence[Line]) -> str:
    """One recipe, and zeros without removing filters at its non-zeros and at its cycles, seed by seed.

    Empty where the reference has several lines of a seed, or zeros alone fewer than two levels on either side of it.
    """
    recipes, alone = select(lines, criterion=REFERENCE), _curves(select(lines, criterion="zeros-only"))
    own = {line["seed"]: line for line in recipes if len(alone.get(line["seed"], [])) > 1}
    if not own or len({line["seed"] for line in recipes}) != len(recipes):
        return ""
    rows = [[REFERENCE, str(len(recipes)), shown([accuracy(line) for line in recipes]),
             shown([loss(line) for line in recipes]), "", ""]]
    for along, label in ((nonzeros, "its non-zeros"), (cycles, "its cycles")):
        found = {seed: value for seed, line in own.items()
                 if (value := at(alone[seed], along, along(line), accuracy)) is not None}
        if found:
            lost = [100 * own[seed]["accuracy"]["base"] - value for seed, value in found.items()]
            rows.append([f"zeros-only at {label}", str(len(found)), shown(list(found.values())), shown(lost),
                         *compared(paired(found, by_seed(recipes, accuracy)))])
    return table(["recipe", "seeds", "int8, %", "points lost", f"against {REFERENCE}", "p"], rows)


def _curves(lines: Sequence[Line]) -> dict[int, list[Line]]:
    """The lines of each seed."""
    return {seed: select(lines, seed=seed) for seed in dict.fromkeys(line["seed"] for line in lines)}


def filters_left(lines: Sequence[Line]) -> str:
    """Filters and non-zeros that are left, layer by layer: means over the seeds."""
    names = [row["name"] for row in lines[0]["counts"]]
    rows = []
    for name, group in ways(lines).items():
        cells = []
        for number in range(len(names)):
            own = [line["counts"][number] for line in group]
            cells.append(f"{summary([row['filters'] for row in own]).mean:.0f} of {own[0]['filters_before']}: "
                         f"{summary([row['nonzero'] for row in own]).mean:,.0f}")
        rows.append([name, *cells])
    return table(["criterion", *names], rows)


def filters_that_may_go(lines: Sequence[Line], level: float, points: float = 1.0) -> str:
    """Points lost over the share of filters removed, at one level of non-zeros, and where `points` are lost."""
    own = [line for line in select(lines, nzer_orig_asked=level)]
    none = {line["seed"]: loss(line) for line in select(own, criterion="zeros-only")}
    rows = []
    ratios = sorted({line["recipe"]["filter_ratio"] for line in own if line["criterion"] != "zeros-only"})
    seeds = set(none)
    for name, of_way in ways(own).items():
        if name == "zeros-only":
            continue
        lost = [none]
        for ratio in ratios:
            group = [line for line in of_way if line["recipe"]["filter_ratio"] == ratio]
            lost.append(by_seed(group, loss))
        if not all(lost):
            continue
        shared = seeds.intersection(*lost)
        means = [summary([each[seed] for seed in shared]).mean for each in lost]
        rows.append([name, str(len(shared)), *(f"{mean:.2f}" for mean in means),
                     _reaches([0.0, *ratios], means, points)])
    return table(["criterion", "seeds", *(f"{ratio:.0%} of the filters gone" for ratio in [0.0, *ratios]),
                  f"share at {points:g} point lost"], rows)


def _reaches(ratios: Sequence[float], losses: Sequence[float], points: float) -> str:
    """The ratio at which the loss first passes `points`."""
    if losses[0] > points:
        return "none: zeros alone lose more"
    for before, after, low, high in zip(ratios, ratios[1:], losses, losses[1:], strict=False):
        if high > points:
            return f"{before + (after - before) * (points - low) / (high - low):.0%}"
    return f"over {ratios[-1]:.0%}"
