"""Where maps lie in the memory: at their time beside each other, and written where nobody reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zeroskip.compiler.layout import Layout
from zeroskip.compiler.steps import Map, Step
from zeroskip.spec.config import EngineConfig

FEW_ZEROS = 32
"""Words of zeros around a map that are written every time without further ado."""
ATTEMPTS = 200
"""Placements that are tried."""


class PlanError(ValueError):
    """What does not fit; the message says what it needs, what there is, and which setting would take it."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A map in the memory: its layout, and the word in which its zeros, then its first plane begin."""

    layout: Layout
    base: int

    @property
    def origin(self) -> int:
        """The position of its first plane."""
        return self.base * self.layout.banks + self.layout.lead

    @property
    def end(self) -> int:
        """The word behind it."""
        return self.base + self.layout.words

    def in_halves(self, half: int) -> tuple[int, int]:
        """Its words in the lower half of a memory whose halves have `half` words, and in the upper one."""
        lower = min(max(0, half - self.base), self.layout.words)
        return lower, self.layout.words - lower


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """What is to be placed.

    Parameters
    ----------
    config
        The engine.
    steps
        In order.
    layouts
        Of all maps but the one that leaves.
    lives
        For each map the step that makes it (-1: it comes in), and the last one that reads it.
    predecessors
        Maps that can take the place of another one, and of which.
    zeros
        Words of zeros that have to be written for a map whenever it is made, unless it is alone in its place.
    """

    config: EngineConfig
    steps: Sequence[Step]
    layouts: Mapping[str, Layout]
    lives: Mapping[str, tuple[int, int]]
    predecessors: Mapping[str, str] = field(default_factory=dict)
    zeros: Mapping[str, int] = field(default_factory=dict)
    _entries: dict[tuple[int, int], int] = field(default_factory=dict)

    def entries(self, step: Step, source: int) -> int:
        """How many entries of a step read one of its sources; counted once."""
        if (id(step), source) not in self._entries:
            self._entries[id(step), source] = sum(int((taps.source == source).sum()) for taps in step.taps)
        return self._entries[id(step), source]


def lives_of(incoming: Mapping[str, Map], steps: Sequence[Step], *, stay: bool) -> dict[str, tuple[int, int]]:
    """The step that makes a map (-1: it comes in), and the last one that reads it.

    With `stay` a map that comes in keeps its place, so that the next one can come while the program is at later steps.
    """
    found = {name: (-1, len(steps) if stay else -1) for name in incoming}
    for number, step in enumerate(steps):
        found.setdefault(step.out, (number, number))
        for name in (step.out, *step.sources):
            found[name] = (found[name][0], max(number, found[name][1]))
    return found


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What makes one placement other than the next.

    Parameters
    ----------
    draws
        For each map with a will of its own the seed of it; all others take what costs least.
    moved
        Maps that do not take the place of another one, although they can.
    alone
        Maps that nothing else shares a place with.
    """

    draws: Mapping[str, int] = field(default_factory=dict)
    moved: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()

    def changed(self, work: Work, rng: np.random.Generator) -> Wishes:
        """The same but for one or two maps."""
        draws, moved, alone = dict(self.draws), self.moved, self.alone
        many = sorted(name for name, words in work.zeros.items() if words > FEW_ZEROS)
        for _ in range(rng.integers(1, 3)):
            kind = rng.random()
            if many and kind < 0.2:
                alone = alone ^ {str(rng.choice(many))}
            elif work.predecessors and kind < 0.5:
                moved = moved ^ {str(rng.choice(sorted(work.predecessors)))}
            else:
                draws[str(rng.choice(sorted(work.layouts)))] = int(rng.integers(1, 1 << 16))
        return Wishes(draws=draws, moved=moved, alone=alone)


def placed(work: Work) -> tuple[dict[str, Placed], float]:
    """Of some placements, the one that costs the fewest cycles; and these, about.

    From a few to begin with, the best one so far is changed a little, and what is no worse is kept.

    Raises
    ------
    PlanError
        None fits.
    """
    rng = np.random.default_rng(0)
    most = max(work.zeros, key=lambda name: work.zeros[name], default=None)
    alone = frozenset({most} if most is not None and work.zeros[most] > FEW_ZEROS else ())
    begin = [Wishes(moved=moved, alone=own) for own in (frozenset[str](), alone)
             for moved in (frozenset[str](), frozenset(work.predecessors))]
    best, failure = None, None
    for attempt in range(ATTEMPTS):
        wishes = begin[attempt] if attempt < len(begin) else (best[1] if best else begin[0]).changed(work, rng)
        try:
            places = _attempt(work, wishes)
        except PlanError as error:
            failure = failure or error
            continue
        cycles = disturbance(work, places) + zeros(work, places)
        if best is None or cycles <= best[0]:
            best = cycles, wishes, places
        if not cycles:
            break
    if best is None:
        assert failure is not None
        raise failure
    return best[2], best[0]


def zeros(work: Work, places: Mapping[str, Placed]) -> float:
    """Cycles in which zeros are written around maps whose place others use, too: a word in each."""
    return float(sum(words for name, words in work.zeros.items() if words and beside(name, places)))


def disturbance(work: Work, places: Mapping[str, Placed]) -> float:
    """Cycles in which lanes wait for writes, about: a write takes the turn of every second lane that reads its half."""
    total = 0.0
    for step in work.steps:
        if step.out in places and work.config.lanes > 1:
            reads = _reads(work, step, places)
            written = places[step.out].in_halves(work.config.map_words // 2)
            share = step.filters / places[step.out].layout.channels
            total += share * sum(w * r for w, r in zip(written, reads, strict=True)) / max(1.0, sum(reads)) / 2
    return total


def _reads(work: Work, step: Step, places: Mapping[str, Placed]) -> list[float]:
    """How many entries of a step's lists read each half."""
    reads, half = [0.0, 0.0], work.config.map_words // 2
    for number, source in enumerate(step.sources):
        entries = work.entries(step, number)
        for side, words in enumerate(places[source].in_halves(half)):
            reads[side] += entries * words / places[source].layout.words
    return reads


def _attempt(work: Work, wishes: Wishes) -> dict[str, Placed]:
    """In order of making, at an end of a gap: beside all others if there is room, else beside those of the same time.

    A map that can takes the place of another one. Where some are to be alone, the others take no room that they can do
    without. What costs least is taken, or what the map's own will makes of it.
    """
    found: dict[str, Placed] = {}
    always = {name: (-1, len(work.steps)) for name in wishes.alone}
    lives = {**work.lives, **always}
    for name in sorted((own for own in work.lives if own in work.layouts), key=lambda own: work.lives[own]):
        layout, before = work.layouts[name], work.predecessors.get(name)
        if (before is not None and name not in wishes.moved and layout == work.layouts[before]
                and not always.keys() & {name, before}):
            found[name] = found[before]
            continue
        now = [place for other, place in found.items() if _overlap(lives[name], lives[other])]
        beside_all = name in always or not always
        fits = _fits(work.config, layout.words, list(found.values())) if beside_all else []
        fits = fits or _fits(work.config, layout.words, now)
        if not fits:
            raise PlanError(f"map {name!r} takes {layout.words} words of {work.config.banks} positions beside what "
                            f"else is needed at its time, the map memory has {work.config.map_words} (map_words)")
        number = work.lives[name][0]
        reads = _reads(work, work.steps[number], found) if number >= 0 else [0.0, 0.0]
        rng = np.random.default_rng(wishes.draws[name]) if name in wishes.draws else None
        base = min(fits, key=lambda start: _preference(work, Placed(layout=layout, base=start), reads, found, rng))
        found[name] = Placed(layout=layout, base=base)
    return found


def _preference(work: Work, place: Placed, reads: Sequence[float], found: Mapping[str, Placed],
                rng: np.random.Generator | None) -> tuple[float, int, int]:
    """Least first: the cycles that it costs, then the distance from an end, so that the middle stays free.

    It costs what writes disturb, and the zeros of those that would not be alone in their places any more.
    """
    words = work.config.map_words
    cost = sum(w * r for w, r in zip(place.in_halves(words // 2), reads, strict=True)) / (2 * max(1.0, sum(reads)))
    cost += sum(zeros for other, zeros in work.zeros.items()
                if other in found and place.base < found[other].end and found[other].base < place.end)
    if rng is not None:
        cost *= rng.random() + 0.5
        if rng.random() < 0.2:
            cost = 0.0
    return cost, min(place.base, words - place.end), place.base


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two maps are there at the same time; a map that is read last by the step that makes the other is."""
    return one[0] <= other[1] and other[0] <= one[1]


def _fits(config: EngineConfig, words: int, taken: Sequence[Placed]) -> list[int]:
    """Where so many words can begin: at either end of each gap."""
    fits, reached = [], 0
    for begin, end in [*sorted((place.base, place.end) for place in taken), (config.map_words, config.map_words)]:
        if begin - reached >= words:
            fits += [reached, begin - words]
        reached = max(reached, end)
    return fits


def beside(name: str, places: Mapping[str, Placed]) -> list[str]:
    """The other maps that use the place of a map, too."""
    own = places[name]
    return [other for other, place in places.items() if other != name and place.base < own.end and own.base < place.end]
