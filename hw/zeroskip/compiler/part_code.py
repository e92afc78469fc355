"""The instructions of a program in parts, and the parts."""

from __future__ import annotations

from collections.abc import Sequence

from zeroskip.compiler.code import Code, ListJob, Stretch
from zeroskip.compiler.memories import Memories, barrier
from zeroskip.compiler.program import Block, Part
from zeroskip.compiler.residents import Lists
from zeroskip.compiler.schedule import MOST_FREE, Ring
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import Target, beat_bits, word_bits


def emitted(config: EngineConfig, code: Code, stretches: Sequence[Stretch], lists: Lists, ring: Ring,
            barriers: Sequence[int | None]) -> Memories:
    """All words, where `barriers` let the parts of stretches come."""
    writer = _Writer(config, code, stretches, lists, ring, barriers)
    instructions = [writer.staying(lane) for lane in range(config.lanes)]
    parts = [writer.part(number) for number, own in enumerate(barriers) if own is not None]
    staying = [[word for own in known for word in own.words] for known in lists.staying]
    return Memories(lists=staying, instructions=instructions, tables=code.tables, parts=parts)


class _Writer:
    """Writes instructions: stretches one after the other, each with a jump to the next one."""

    def __init__(self, config: EngineConfig, code: Code, stretches: Sequence[Stretch], lists: Lists, ring: Ring,
                 barriers: Sequence[int | None]) -> None:
        self.config, self.code, self.stretches, self.lists, self.ring = config, code, stretches, lists, ring
        self.waits = [own is not None for own in barriers]
        count = len(stretches)
        self.free = [sum(own is not None and own % count == number for own in barriers) for number in range(count)]
        self.serial = [own == number for number, own in enumerate(barriers)]
        self.ahead = sum(own is not None and own < 0 for own in barriers)
        self.bases = [self._bases(lane) for lane in range(config.lanes)]

    def _first(self, lane: int) -> list[int]:
        """Before the first map: zeros, and the parts that come ahead of it."""
        left = self.ahead
        own = [*self.code.once[lane], barrier(self.config, release=1, free=min(left, MOST_FREE))]
        while left > MOST_FREE:
            left -= MOST_FREE
            own.append(barrier(self.config, free=min(left, MOST_FREE)))
        return own

    def _ends(self, number: int) -> int:
        """Instructions of the barrier before a stretch."""
        return 1 + self.serial[number]

    def _bases(self, lane: int) -> list[int]:
        """Where the instructions of each stretch begin."""
        at, found = len(self._first(lane)) + self._ends(0), []
        for number, stretch in enumerate(self.stretches):
            found.append(self.ring.places[number] if self.ring.sizes[number] else at)
            if not self.ring.sizes[number]:
                at += len(stretch.lanes[lane]) + self._ends((number + 1) % len(self.stretches))
        return found

    def _barrier(self, number: int, lane: int, **more: int) -> list[int]:
        """Before a stretch; a part for which there is no place before comes while all wait."""
        flags = {**self.stretches[number].flags, **more, "jump": 1, "target": self.bases[lane][number],
                 "program": int(self.waits[number])}
        if self.serial[number]:
            return [barrier(self.config, free=self.free[number]), barrier(self.config, **flags)]
        return [barrier(self.config, **flags, free=self.free[number])]

    def _stretch(self, number: int, lane: int) -> list[int]:
        own = [one.at(self.config, self.lists.address(number, lane, one.list)) if isinstance(one, ListJob) else one
               for one in self.stretches[number].lanes[lane]]
        following = (number + 1) % len(self.stretches)
        return own + self._barrier(following, lane, **({} if following else {"last": 1}))

    def staying(self, lane: int) -> list[int]:
        """What a lane's memory has from the start."""
        found = self._first(lane) + self._barrier(0, lane)
        for number in range(len(self.stretches)):
            if not self.ring.sizes[number]:
                found += self._stretch(number, lane)
        return found

    def part(self, number: int) -> Part:
        """What comes for a stretch: lists, of two lanes together where a beat has two words, and instructions."""
        config, blocks, lane = self.config, list[Block](), 0
        words = [[word for own in lane for word in own.words] for lane in self.lists.parts[number]]
        pairs = beat_bits(config) // word_bits(config.list_word_bits, beat_bits(config)) > 1
        while lane < config.lanes:
            both = pairs and lane + 1 < config.lanes
            own, other = words[lane], words[lane + 1] if both else []
            size = max(len(own), len(other))
            if size:
                padded = [one + [0] * (size - len(one)) for one in (own, other)]
                blocks.append(Block(target=Target.LIST, lane=lane, address=self.lists.ring.places[number],
                                    words=padded[0], second=padded[1] if both else None))
            lane += 1 + both
        if self.ring.sizes[number]:
            blocks += [Block(target=Target.INSTRUCTION, lane=lane, address=self.bases[lane][number],
                             words=self._stretch(number, lane)) for lane in range(config.lanes)]
        return Part(blocks=blocks)
