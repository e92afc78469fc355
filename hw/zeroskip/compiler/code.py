"""Instructions and lists before they have places in the memories of the lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Op, header, job

INSTRUCTION_CYCLES = 4


@dataclass(frozen=True, eq=False)
class WeightList:
    """The words of a list, header and entries; alike ones are one, and compared as such."""

    words: tuple[int, ...]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.words)


@dataclass(frozen=True, kw_only=True, eq=False)
class ListJob:
    """A job, and the list that it runs; `cycles` that it takes, about."""

    fields: Mapping[str, int]
    list: WeightList
    cycles: int

    def at(self, config: EngineConfig, address: int) -> int:
        """The instruction, where the list lies at an address."""
        return job(config).pack(op=Op.JOB, list=address, words=len(self.list) - config.header_words - 1, **self.fields)


Instruction = int | ListJob


@dataclass(frozen=True, kw_only=True, eq=False)
class Stretch:
    """What the lanes do between two barriers.

    Parameters
    ----------
    flags
        Fields of the SYNC before it.
    lanes
        Instructions of each lane.
    """

    flags: Mapping[str, int]
    lanes: Sequence[Sequence[Instruction]]

    @cached_property
    def lists(self) -> list[list[WeightList]]:
        """The lists that each lane needs, each one once."""
        return [list(dict.fromkeys(own.list for own in lane if isinstance(own, ListJob))) for lane in self.lanes]

    @cached_property
    def sizes(self) -> list[list[int]]:
        """The words of each of these lists."""
        return [[len(own) for own in lane] for lane in self.lists]

    @cached_property
    def most_words(self) -> int:
        """Words of the lists of the lane with the most."""
        return max(map(sum, self.sizes))

    @cached_property
    def most_instructions(self) -> int:
        """Instructions of the lane with the most."""
        return max(len(own) for own in self.lanes)

    @cached_property
    def cycles(self) -> int:
        """Cycles of the lane that takes the longest, about."""
        return max(sum(one.cycles if isinstance(one, ListJob) else INSTRUCTION_CYCLES for one in own)
                   for own in self.lanes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Code:
    """All that the lanes do: instructions once, then stretches for every map.

    Parameters
    ----------
    once
        Instructions of each lane before the first barrier, as many for all.
    stretches
        In order; the barrier before the first one waits for a map.
    tables
        Words of every lane's instruction memory, by the address of the first one.
    """

    once: Sequence[Sequence[int]]
    stretches: Sequence[Stretch]
    tables: Mapping[int, Sequence[int]]


def split(config: EngineConfig, stretch: Stretch, words: int, instructions: int) -> list[Stretch]:
    """Stretches that do the same one after the other, each with lists of so many words at most, and instructions.

    A job of one vector whose list is longer is cut, its sums are held in between. A longer list for more vectors stays
    whole, and is alone.
    """
    lanes = [_cut_lists(config, own, words) for own in stretch.lanes]
    whole = replace(stretch, lanes=lanes)
    count = max(1, -(-whole.most_words // words), -(-whole.most_instructions // instructions))
    longest = max(1, max(len(own) for own in lanes))
    while True:
        found = _divided(whole, count)
        if count >= longest or all(own.most_words <= words and own.most_instructions <= instructions for own in found):
            return found
        count = min(longest, count + max(1, count // 8))


def _divided(stretch: Stretch, count: int) -> list[Stretch]:
    """So many stretches, in which each lane has about as long to work."""
    parts: list[list[Sequence[Instruction]]] = [[] for _ in range(count)]
    for own in stretch.lanes:
        costs = [one.cycles if isinstance(one, ListJob) else INSTRUCTION_CYCLES for one in own]
        share, done, at = sum(costs) / count, 0.0, 0
        for number, part in enumerate(parts):
            begin = at
            while at < len(own) and (number == count - 1 or done + costs[at] / 2 < share * (number + 1)):
                done += costs[at]
                at += 1
            part.append(own[begin:at])
    later = {"step": stretch.flags["step"]} if "step" in stretch.flags else {}
    found = [Stretch(flags=later if number else stretch.flags, lanes=lanes) for number, lanes in enumerate(parts)]
    return [own for number, own in enumerate(found) if not number or own.most_instructions]


def _cut_lists(config: EngineConfig, instructions: Sequence[Instruction], words: int) -> list[Instruction]:
    """Lists of jobs of one vector in pieces of so many words."""
    found: list[Instruction] = []
    for own in instructions:
        if isinstance(own, ListJob) and len(own.list) > words and own.fields["vectors"] == 0:
            found += _pieces(config, own, words)
        else:
            found.append(own)
    return found


def _pieces(config: EngineConfig, whole: ListJob, words: int) -> list[ListJob]:
    """A job of one vector as several: the sums of each but the last are held for the next one."""
    head, bits = config.header_words, config.list_word_bits
    fields = header(config)
    first = sum(word << k * bits for k, word in enumerate(whole.list.words[:head]))
    known = fields.unpack(first & (1 << fields.bits) - 1)
    entries = whole.list.words[head:]
    count = -(-len(entries) // max(1, words - head))
    size = -(-len(entries) // count)
    found = []
    for at in range(0, len(entries), size):
        packed = fields.pack(**{**known, "resume": int(at > 0), "hold": int(at + size < len(entries))})
        own = (*(packed >> k * bits & (1 << bits) - 1 for k in range(head)), *entries[at:at + size])
        found.append(replace(whole, list=WeightList(own), cycles=max(1, whole.cycles * len(own) // len(whole.list))))
    return found
