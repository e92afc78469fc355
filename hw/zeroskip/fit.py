"""Which vector engine suits a network and a chip best: lanes, vector, look-ahead, ways out and memories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zeroskip.area import Area, estimate
from zeroskip.compiler.layers import VectorPacked, pack_network
from zeroskip.compiler.network import QuantisedNetwork, lowered
from zeroskip.compiler.places import PlanError
from zeroskip.cycles.prediction import modelled
from zeroskip.spec.config import LIMITS, EngineConfig

LANES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16)
VECTORS = (1, 2, 4, 8, 16, 32)
LOOKS = (1, 2, 4)
WAYS = (1, 2, 4)
LEAST_BANKS = 4
BEAT_BANKS = 16
"""Banks of an engine with that many multipliers or more: beats of 128 bits."""
WIDE_BEATS_FROM = 32
IMAGES = 2
"""That the model runs back to back."""

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
    """A configuration, its estimated area, and the network's cycles from answer to answer by the exact model."""

    config: EngineConfig
    area: Area
    cycles: int

    def cost(self, goal: str) -> int:
        """What the goal wants to be small."""
        return self.cycles * GOALS[goal](self.area)


def fits(area: Area, chip: Area) -> bool:
    """There is enough of everything."""
    return (area.luts <= chip.luts and area.multipliers <= chip.multipliers and area.memories <= chip.memories)


def shapes(chip: Area) -> Iterator[EngineConfig]:
    """Every shape that the chip has room for, with the smallest memories."""
    for lanes in LANES:
        for vector in VECTORS:
            banks = max(LEAST_BANKS, vector, BEAT_BANKS if lanes * vector >= WIDE_BEATS_FROM else 0)
            for look in LOOKS:
                for ways in (own for own in WAYS if own <= vector):
                    config = _lean(EngineConfig(lanes=lanes, vector=vector, look=look, ways=ways, banks=banks,
                                                map_words=512, list_words=256, instructions=256), chip)
                    if fits(estimate(config), chip):
                        yield config


def _lean(config: EngineConfig, chip: Area) -> EngineConfig:
    """With requantisers that do with one multiplier, as many as it takes for the chip."""
    over = estimate(config).multipliers - chip.multipliers
    return replace(config, lean=min(over, config.lanes * config.ways)) if over > 0 else config


def least_cycles(network: QuantisedNetwork, config: EngineConfig) -> int:
    """Cycles that a network needs in any case without looking ahead: its entries' vectors, over the lanes."""
    total = 0
    for step in lowered(network).steps:
        vectors = -(-step.result.rows * step.result.columns // config.vector)
        leaving = -(-step.written.rows * step.written.columns // config.ways)
        entries = sum(len(taps) for taps in step.taps)
        total += max(entries * vectors, step.filters * leaving) // config.lanes
    return total


def with_memories(network: QuantisedNetwork, config: EngineConfig, chip: Area, codes: np.ndarray, *, look: bool
                  ) -> tuple[EngineConfig, VectorPacked]:
    """The configuration with memories that hold the network, as small as they were found; and its program.

    Raises
    ------
    PlanError
        None that the chip has room for holds it.
    """
    grown, refusal = config, PlanError("nothing was tried")
    while fits(estimate(grown), chip):
        try:
            return grown, pack_network(network, grown, codes, look=look, parts=False)
        except PlanError as error:
            refusal = error
        name = next((own for own in ("list_words", "instructions", "map_words") if own in str(refusal)), "")
        if not name or getattr(grown, name) >= LIMITS[name][1]:
            break
        grown = replace(grown, **{name: 2 * getattr(grown, name)})
    raise refusal


def fit(network: QuantisedNetwork, codes: np.ndarray, chip: Area, goal: str, *, most: int = 10,
        progress: Callable[[str], None] = lambda text: None) -> list[Candidate]:
    """The best candidates, the best one first.

    Parameters
    ----------
    network
        In integers.
    codes
        Of some images, (N, channels, rows, columns), whose zeros count where an array looks ahead.
    chip
        What there is.
    goal
        Of `GOALS`.
    most
        How many are wanted; of the others many are ruled out without being compiled.
    progress
        Called with a few words at each step.

    Raises
    ------
    FitError
        No shape fits the chip, or no shape that does has room for the network.
    UnsupportedError
        A step of the network does not run on the array.
    """
    if goal not in GOALS:
        raise ValueError(f"goal must be one of {', '.join(GOALS)}, not {goal!r}")
    known = list(shapes(chip))
    if not known:
        raise FitError(f"no shape fits {chip.luts:,} LUTs, {chip.multipliers} multipliers and {chip.memories} memories")
    images = np.concatenate([codes[:1]] * IMAGES)
    waiting = sorted(((least_cycles(network, own) / own.look * GOALS[goal](estimate(own)), number, own)
                      for number, own in enumerate(known)), key=lambda item: item[:2])
    return _search(network, images, chip, [(bound, own) for bound, _, own in waiting], goal, most, progress)


def _search(network: QuantisedNetwork, images: np.ndarray, chip: Area, waiting: Sequence[tuple[float, EngineConfig]],
            goal: str, most: int, progress: Callable[[str], None]) -> list[Candidate]:
    """Candidates in the order of what they cost at least, until no other can be among the best."""
    best: list[Candidate] = []
    refusal: PlanError | None = None
    for number, (bound, shape) in enumerate(waiting, 1):
        if len(best) == most and bound >= best[-1].cost(goal):
            break
        progress(f"{number} of {len(waiting)}: {shape.lanes} lanes, vectors of {shape.vector}, {shape.look} looks, "
                 f"{shape.ways} ways out")
        try:
            config, packed = with_memories(network, shape, chip, images, look=shape.look > 1)
        except PlanError as error:
            refusal = refusal or error
            continue
        lasts = modelled(packed)[0].lasts
        best.append(Candidate(config=config, area=estimate(config), cycles=lasts[-1] - lasts[-2]))
        best = sorted(best, key=lambda found: found.cost(goal))[:most]
    if not best:
        raise FitError(f"the network fits no shape that fits the chip: {refusal}")
    return best


