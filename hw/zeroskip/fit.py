"""Which zero-skip array suits a network and a chip best: groups, lanes and pixels by area and cycle model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zeroskip.area import Area, estimate
from zeroskip.compiler.packed import PackError, check_accumulators
from zeroskip.config import MOST_MULTIPLIERS, ArrayConfig, derive
from zeroskip.counts import count
from zeroskip.layer import Layer
from zeroskip.program_image import check_supported
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.zero_skip_packing import best_plan

GROUPS, LANES, PIXELS = (1, 2, 4, 8, 16, 32), (1, 2, 4, 8), (1, 2, 4, 8)
FEWER_UNITS = (1, 2, 4)
"""Output units: as many as the result stream takes, a half and a quarter of them."""
SMALLER: tuple[dict[str, int], ...] = ({}, {"result_rows": 32}, {"words": 64, "list_entries": 1024},
                                       {"words": 64, "list_entries": 1024, "map_positions": 2048},
                                       {"words": 64, "list_entries": 1024, "map_positions": 2048, "result_rows": 32})
"""Memories, from those of the presets to small ones; the first that the chip has room for are taken."""

CHIPS = {
    "ecp5-25f": Area(luts=24288, multipliers=28, memories=56),
    "ecp5-45f": Area(luts=43848, multipliers=72, memories=108),
    "ecp5-85f": Area(luts=83640, multipliers=156, memories=208),
}
"""What chips have."""

GOALS: dict[str, Callable[[Area], int]] = {
    "cycles": lambda area: 1, "per-lut": lambda area: area.luts, "per-multiplier": lambda area: area.multipliers,
}
"""What each goal pays for a cycle; the product is to be small."""


class FitError(ValueError):
    """Nothing fits: the message says what does not."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A configuration, its estimated area, and the network's cycles by the model."""

    config: ArrayConfig
    area: Area
    cycles: int

    def cost(self, goal: str) -> int:
        """What the goal wants to be small."""
        return self.cycles * GOALS[goal](self.area)


def fits(area: Area, chip: Area) -> bool:
    """There is enough of everything."""
    return (area.luts <= chip.luts and area.multipliers <= chip.multipliers and area.memories <= chip.memories)


def candidates(chip: Area) -> Iterator[tuple[ArrayConfig, Area]]:
    """Every shape that the chip has room for, each with as large memories as it has room for."""
    shapes = [(groups, lanes, pixels) for groups in GROUPS for lanes in LANES for pixels in PIXELS
              if groups * lanes * pixels <= MOST_MULTIPLIERS]
    for groups, lanes, pixels in shapes:
        most = derive(groups=groups, lanes=lanes, pixels=pixels).output_units
        for units in sorted({max(1, most // fewer) for fewer in FEWER_UNITS}, reverse=True):
            for memories in SMALLER:
                config = derive(groups=groups, lanes=lanes, pixels=pixels, output_units=units, **memories)
                area = estimate(config)
                if fits(area, chip):
                    yield config, area
                    break


def least_cycles(layer: Layer, pairs: int, config: ArrayConfig) -> int:
    """Cycles that a layer needs in any case: its products, and its results' way out."""
    size = 4 if layer.multiplier is None else 1
    results = int(np.prod(layer.output_shape)) * max(1 / (config.output_units * config.pixels), size / BEAT_BYTES)
    return max(pairs // config.multipliers, int(results))


def network_cycles(layers: Sequence[Layer], config: ArrayConfig, least: Sequence[int], limit: float) -> int | None:
    """The sum of the layers' totals on ``skip-both``, or ``None`` as soon as it must be more than `limit`.

    Raises
    ------
    PackError
        A layer does not fit.
    """
    total = sum(least)
    for layer, bound in sorted(zip(layers, least, strict=True), key=lambda item: -item[1]):
        if total > limit:
            return None
        total += best_plan(layer, config, skip_activations=True)[1]["total"] - bound
    return total if total <= limit else None


def fit(layers: Mapping[str, Layer], chip: Area, goal: str, *, most: int = 10,
        progress: Callable[[str], None] = lambda text: None) -> list[Candidate]:
    """The best candidates, the best one first.

    Parameters
    ----------
    layers
        The network's, with inputs.
    chip
        What there is.
    goal
        Of `GOALS`.
    most
        How many are wanted; of the others many are ruled out without the cycle model.
    progress
        Called with a few words at each step.

    Raises
    ------
    FitError
        No shape fits the chip, or no shape that does has room for the network.
    PackError
        A layer could overflow its accumulators.
    """
    if goal not in GOALS:
        raise ValueError(f"goal must be one of {', '.join(GOALS)}, not {goal!r}")
    known = list(candidates(chip))
    if not known:
        raise FitError(f"no shape fits {chip.luts:,} LUTs, {chip.multipliers} multipliers and {chip.memories} memories")
    for layer in layers.values():
        check_supported(layer)
        check_accumulators(layer, known[0][0].acc_width)
    own, pairs = [layer.as_convolution() for layer in layers.values()], [count(layer)["pairs"] for layer in
                                                                         layers.values()]
    waiting = []
    for config, area in known:
        least = [least_cycles(layer, int(number), config) for layer, number in zip(own, pairs, strict=True)]
        waiting.append((sum(least) * GOALS[goal](area), config, area, least))
    waiting.sort(key=lambda item: item[0])
    return _search(own, waiting, goal, most, progress)


def _search(layers: Sequence[Layer], waiting: Sequence[tuple[int, ArrayConfig, Area, list[int]]], goal: str, most: int,
            progress: Callable[[str], None]) -> list[Candidate]:
    """Candidates in the order of what they cost at least, until no other can be among the best."""
    best: list[Candidate] = []
    refusal: PackError | None = None
    for number, (bound, config, area, least) in enumerate(waiting, 1):
        limit = best[-1].cost(goal) if len(best) == most else float("inf")
        if bound >= limit:
            break
        progress(f"{number} of {len(waiting)}: {config.groups} groups, {config.lanes} lanes, {config.pixels} pixels")
        try:
            cycles = network_cycles(layers, config, least, limit / GOALS[goal](area))
        except PackError as error:
            refusal = refusal or error
            continue
        if cycles is not None:
            best.append(Candidate(config=config, area=area, cycles=cycles))
            best = sorted(best, key=lambda found: found.cost(goal))[:most]
    if not best:
        raise FitError(f"the network fits no shape that fits the chip: {refusal}")
    return best
