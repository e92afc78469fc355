"""Which lists stay in the memories of the lanes, and which come for every map again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeroskip.compiler.code import Stretch, WeightList
from zeroskip.compiler.schedule import Ring, ring
from zeroskip.spec.config import EngineConfig

Shares = npt.NDArray[np.float64]
"""For each stretch, how many words of a lane's lists stay."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lists:
    """Lists that stay, and lists that come.

    Parameters
    ----------
    shares
        What was wanted.
    staying
        For each lane, lists with their addresses.
    coming
        Words that come for a map.
    parts
        For each stretch and lane, the lists that come.
    sizes
        How many words these have, (stretches, lanes).
    ring
        Where they come.
    ring_words
        How many words it has.
    """

    shares: Shares
    staying: Sequence[dict[WeightList, int]]
    parts: Sequence[Sequence[Sequence[WeightList]]]
    sizes: npt.NDArray[np.int64]
    ring: Ring
    ring_words: int

    @property
    def coming(self) -> int:
        """Words that come for a map."""
        return int(self.sizes.sum())

    def address(self, number: int, lane: int, wanted: WeightList) -> int:
        """Where a list lies while a stretch runs."""
        if wanted in self.staying[lane]:
            return self.staying[lane][wanted]
        at = self.ring.places[number]
        for own in self.parts[number][lane]:
            if own is wanted:
                return at
            at += len(own)
        raise AssertionError("every list of a stretch stays or comes")


def even_load(words: Shares, cycles: Shares, room: int) -> Shares:
    """What comes is the same for each cycle of the stretch before, as far as that has so much.

    Parameters
    ----------
    words, cycles
        Of each stretch, of the lane with the most.
    room
        How many words may stay.
    """
    before = np.roll(cycles, 1)
    low, high = 0.0, float((words / before).max(initial=0)) + 1
    for _ in range(50):
        rate = (low + high) / 2
        stays = np.maximum(0, words - rate * before).sum()
        low, high = (low, rate) if stays <= room else (rate, high)
    return np.maximum(0, words - high * before)


def heavy_first(words: Shares, cycles: Shares, room: int) -> Shares:
    """Stretches stay that have many words for the cycles that they take."""
    shares, left = np.zeros(len(words)), float(room)
    for number in np.argsort(-words / cycles, kind="stable"):
        shares[number] = min(words[number], left)
        left -= shares[number]
    return shares


def shared(config: EngineConfig, stretches: Sequence[Stretch], shares: Shares, ring_words: int) -> Lists | None:
    """The first lists of each stretch stay, up to its share; nothing if they do not fit, or the others do not."""
    staying: list[dict[WeightList, int]] = []
    coming: list[list[list[WeightList]]] = [[[] for _ in range(config.lanes)] for _ in stretches]
    sizes = np.zeros((len(stretches), config.lanes), int)
    limits, room = shares.tolist(), config.list_words - ring_words
    for lane in range(config.lanes):
        known: dict[WeightList, int] = {}
        used = 0
        for number, stretch in enumerate(stretches):
            limit = min(used + limits[number], room)
            for one, size in zip(stretch.lists[lane], stretch.sizes[lane], strict=True):
                if one in known:
                    continue
                if used + size <= limit:
                    known[one] = used
                    used += size
                else:
                    coming[number][lane].append(one)
                    sizes[number, lane] += size
        staying.append(known)
    places = ring(sizes.max(axis=1).tolist(), room, config.list_words)
    if places is None:
        return None
    return Lists(shares=shares, staying=staying, parts=coming, sizes=sizes, ring=places, ring_words=ring_words)
