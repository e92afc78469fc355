"""A program in parts: lists and instructions that do not fit at once come while the lanes are at work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zeroskip.compiler.code import Code, ListJob, Stretch, split
from zeroskip.compiler.memories import Memories, room_for_instructions
from zeroskip.compiler.part_code import emitted
from zeroskip.compiler.places import PlanError
from zeroskip.compiler.residents import Lists, Shares, even_load, heavy_first, shared
from zeroskip.compiler.schedule import BARRIER_CYCLES, Ring, credits, interval, ring
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import PIECE, beat_bits, word_bits
from zeroskip.spec.words import instruction_bits

EIGHTHS = (1, 2, 4, 8)
"""Tried as the longest lists of a stretch, in eighths of the memory."""
RINGS = 16
"""The ring that parts use is tried in so many sizes."""
MOVES, STEP = 150, 24
"""Changes that are tried on the best arrangement, each of a share of the memory."""
FEW = 0.002
"""So much longer may a map take if fewer words come for it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrangement:
    """Where everything lies, and when parts come.

    Parameters
    ----------
    stretches
        In order.
    lists
        Which lists stay, and the ring of those that come.
    ring
        Of the instructions; a stretch without any there has its own for ever.
    barriers
        For each stretch the barrier that lets its part come, if it has one.
    cycles, words
        From map to map, about; words that come for each.
    """

    stretches: Sequence[Stretch]
    lists: Lists
    ring: Ring
    barriers: Sequence[int | None]
    cycles: int
    words: int

    @property
    def cost(self) -> float:
        """Cycles from map to map first; and of alike ones, few words."""
        return self.cycles + FEW * self.words


def in_parts(config: EngineConfig, code: Code) -> Memories:
    """The content of the memories, of which some comes in parts for every map again; the best of what is tried.

    Raises
    ------
    PlanError
        It does not fit so either.
    """
    found: list[Arrangement] = []
    for eighths in EIGHTHS:
        words = config.list_words * eighths // 8
        limit = max(8, room_for_instructions(config, code) // 4)
        stretches = [own for whole in code.stretches for own in split(config, whole, words, limit)]
        found += _arrangements(config, code, stretches)
    if not found:
        raise _refusal(config, code)
    best = _improved(config, code, min(found, key=lambda own: own.cost))
    return emitted(config, code, best.stretches, best.lists, best.ring, best.barriers)


def _refusal(config: EngineConfig, code: Code) -> PlanError:
    jobs = [own for stretch in code.stretches for lane in stretch.lanes for own in lane if isinstance(own, ListJob)]
    longest = max((len(own.list) for own in jobs if own.fields["vectors"]), default=0)
    if longest > config.list_words:
        return PlanError(f"a list for several vectors takes {longest} words, a lane has {config.list_words} "
                         "(list_words)")
    most = max(own.most_instructions for own in code.stretches)
    return PlanError(f"parts of the program do not fit: lanes have up to {most} instructions between two barriers, and "
                     f"there is room for {room_for_instructions(config, code)} (instructions); lists take up to "
                     f"{longest} words of {config.list_words} (list_words)")


def _arrangements(config: EngineConfig, code: Code, stretches: Sequence[Stretch]) -> Iterator[Arrangement]:
    """Rings of many sizes, with what stays chosen in two ways."""
    own = instruction_ring(config, code, stretches)
    if own is None:
        return
    most = np.array([stretch.most_words for stretch in stretches], float)
    cycles = np.array([stretch.cycles + BARRIER_CYCLES for stretch in stretches], float)
    for number in range(RINGS + 1):
        words = config.list_words * number // RINGS
        for choose in (even_load, heavy_first):
            shares = choose(most, cycles, config.list_words - words)
            made = arranged(config, stretches, own, shares, words)
            if made is not None:
                yield made


def arranged(config: EngineConfig, stretches: Sequence[Stretch], own: Ring, shares: Shares, words: int
             ) -> Arrangement | None:
    """The arrangement in which so many words of each stretch's lists stay, and the others come into `words` words."""
    lists = shared(config, stretches, shares, words)
    if lists is None:
        return None
    barriers = credits([lists.ring, own])
    if barriers is None:
        return None
    loads = [_load(config, stretches[number], lists, own, number) for number in range(len(stretches))]
    return Arrangement(stretches=stretches, lists=lists, ring=own, barriers=barriers, words=lists.coming,
                       cycles=interval([stretch.cycles for stretch in stretches], loads, barriers))


def _load(config: EngineConfig, stretch: Stretch, lists: Lists, own: Ring, number: int) -> int:
    """Cycles in which a stretch's part comes."""
    beat = beat_bits(config)
    piece = max(1, PIECE // beat) + 1
    by_lane = lists.sizes[number].tolist()
    step = 2 if beat // word_bits(config.list_word_bits, beat) > 1 else 1
    total = 3 * piece
    for lane in range(0, config.lanes, step):
        most = max(by_lane[lane:lane + step])
        total += (piece + 1 + most * max(1, word_bits(config.list_word_bits, beat) // beat)) if most else 0
    if own.sizes[number]:
        each = max(1, word_bits(instruction_bits(config), beat) // beat)
        total += sum(piece + 1 + (len(lane) + 2) * each for lane in stretch.lanes)
    return total


def instruction_ring(config: EngineConfig, code: Code, stretches: Sequence[Stretch]) -> Ring | None:
    """Which instructions come in parts: none if all fit; else those of stretches that take long for what they have."""
    room = room_for_instructions(config, code) - len(code.once[0]) - 8
    sizes = [stretch.most_instructions + 2 for stretch in stretches]
    order = sorted(range(len(sizes)), key=lambda number: sizes[number] / (stretches[number].cycles + BARRIER_CYCLES))
    stays = sum(sizes)
    for count in range(len(sizes) + 1):
        coming = set(order[:count])
        stays -= sizes[order[count - 1]] if count else 0
        if stays <= room:
            own = [sizes[number] if number in coming else 0 for number in range(len(sizes))]
            end = room_for_instructions(config, code)
            found = ring(own, end - (room - stays), end, early=True)
            if found is not None and (not coming or credits([found]) is not None):
                return found
    return None


def _improved(config: EngineConfig, code: Code, best: Arrangement) -> Arrangement:
    """What stays of each stretch changed at random, as long as it gets better."""
    rng, shares = np.random.default_rng(0), best.lists.shares
    step = max(1, config.list_words // STEP)
    for _ in range(MOVES):
        one, other = rng.integers(len(shares), size=2)
        taken = min(step, int(shares[one]))
        if one == other or not taken:
            continue
        changed = shares.copy()
        changed[one] -= taken
        changed[other] += taken
        made = arranged(config, best.stretches, best.ring, changed, best.lists.ring_words)
        if made is not None and made.cost < best.cost:
            best, shares = made, changed
    return best
