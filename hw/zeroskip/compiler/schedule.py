"""When the parts of a program come: a ring in a memory, which barrier makes room for which part, and the time it takes.

Stretches follow each other, for every map again. Barrier k is the one before stretch k; numbers go on over the maps,
so that negative ones are of the map before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zeroskip.spec.program import MOST_PARTS
from zeroskip.spec.words import FREE_BITS

MOST_FREE = (1 << FREE_BITS) - 1
"""Parts that one barrier can let come."""
IMAGES = 4
"""After so many maps everything repeats."""
BARRIER_CYCLES = 50
"""Of a barrier, with what leaves before it and begins behind it, about."""


@dataclass(frozen=True, kw_only=True)
class Ring:
    """What parts bring into one memory: words for each stretch, 0 where nothing comes, and where they lie.

    With `early` it must be there a stretch ahead: what waits for it lies in the same memory.
    """

    sizes: Sequence[int]
    places: Sequence[int]
    early: bool = False

    def before(self, at: int) -> int | None:
        """The latest stretch before `at` whose words lie in the place of that one's, itself one map before included."""
        count = len(self.sizes)
        own = at % count
        for other in range(at - 1, max(-1, at - count - 1), -1):
            number = other % count
            if self.sizes[number] and self.places[number] < self.places[own] + self.sizes[own] and (
                    self.places[own] < self.places[number] + self.sizes[number]):
                return other
        return None


def ring(sizes: Sequence[int], begin: int, end: int, *, early: bool = False) -> Ring | None:
    """Places one after the other, from the begin on again where the end is reached; nothing if one does not fit."""
    places, at = [], begin
    for size in sizes:
        if size > end - begin:
            return None
        if at + size > end:
            at = begin
        places.append(at)
        at += size
    return Ring(sizes=sizes, places=places, early=early)


def credits(rings: Sequence[Ring]) -> list[int | None] | None:
    """For each stretch the barrier that lets its part come, if it has one; nothing if a part came too late.

    A part's own barrier can let it come, too: the lanes wait there, then, while it is loaded.
    """
    count = len(rings[0].sizes)
    given: dict[int, int] = {}
    waits: list[int] = []
    latest = -count
    found: list[int | None] = []
    for at in range(IMAGES * count):
        if at % count == 0:
            found = []
        own = [one for one in rings if one.sizes[at % count]]
        if not own:
            found.append(None)
            continue
        for one in own:
            before = one.before(at)
            latest = max(latest, -count if before is None else before + 1)
        if len(waits) >= MOST_PARTS:
            latest = max(latest, waits[-MOST_PARTS])
        while given.get(latest, 0) >= MOST_FREE:
            latest += 1
        if latest > at - any(one.early for one in own):
            return None
        given[latest] = given.get(latest, 0) + 1
        waits.append(at)
        found.append(latest - (IMAGES - 1) * count)
    return found if all(one is None or one > -count for one in found) else None


def interval(cycles: Sequence[int], loads: Sequence[int], barriers: Sequence[int | None]) -> int:
    """Cycles from map to map, about: `cycles` of each stretch, `loads` of its part, the barrier that lets it come."""
    count = len(cycles)
    begins, loaded = [0], 0
    for at in range(1, IMAGES * count + 1):
        end = begins[at - 1] + cycles[(at - 1) % count] + BARRIER_CYCLES
        own = barriers[at % count]
        if own is not None:
            since = own + at - at % count
            loaded = max(loaded, end if since >= at else begins[max(0, since)]) + loads[at % count]
            end = max(end, loaded)
        begins.append(end)
    return begins[-1] - begins[-1 - count]
