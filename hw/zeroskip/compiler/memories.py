"""What the memories of the lanes hold, where all lists and instructions fit at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zeroskip.compiler.code import Code, ListJob, WeightList
from zeroskip.compiler.places import PlanError
from zeroskip.compiler.program import Part
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Op, sync


@dataclass(frozen=True, kw_only=True, eq=False)
class Memories:
    """The content of the memories, from address 0 on, and what comes into them later.

    Parameters
    ----------
    lists, instructions
        Words of each lane.
    tables
        Words of every lane's instruction memory, by the address of the first one.
    parts
        In the order in which they come for every map.
    """

    lists: Sequence[Sequence[int]]
    instructions: Sequence[Sequence[int]]
    tables: Mapping[int, Sequence[int]]
    parts: Sequence[Part] = field(default=())


def barrier(config: EngineConfig, **flags: int) -> int:
    """The instruction that waits for all lanes."""
    return sync(config).pack(op=Op.SYNC, **flags)


def room_for_instructions(config: EngineConfig, code: Code) -> int:
    """Instructions that a lane holds beside the tables."""
    return config.instructions - sum(len(words) for words in code.tables.values())


def at_once(config: EngineConfig, code: Code) -> Memories | PlanError:
    """All lists and instructions in the memories from the start; or why they do not fit."""
    refusal = _refusal(config, code)
    if refusal is not None:
        return refusal
    lists: list[list[int]] = []
    instructions: list[list[int]] = []
    for lane in range(config.lanes):
        words: list[int] = []
        known: dict[WeightList, int] = {}
        own = [*code.once[lane], barrier(config, release=1), barrier(config, **code.stretches[0].flags)]
        begin = len(own)
        for number, stretch in enumerate(code.stretches):
            if number:
                own.append(barrier(config, **stretch.flags))
            for one in stretch.lanes[lane]:
                if isinstance(one, ListJob) and one.list not in known:
                    known[one.list] = len(words)
                    words += one.list.words
                own.append(one.at(config, known[one.list]) if isinstance(one, ListJob) else one)
        own.append(barrier(config, **code.stretches[0].flags, last=1, jump=1, target=begin))
        lists.append(words)
        instructions.append(own)
    return Memories(lists=lists, instructions=instructions, tables=code.tables)


def _refusal(config: EngineConfig, code: Code) -> PlanError | None:
    lists = [{own for stretch in code.stretches for own in stretch.lists[lane]} for lane in range(config.lanes)]
    words = [sum(map(len, own)) for own in lists]
    most = max(range(config.lanes), key=lambda lane: words[lane])
    if words[most] > config.list_words:
        return PlanError(f"the lists of lane {most} take {words[most]} words, it has {config.list_words} (list_words)")
    barriers, room = 2 + len(code.stretches), room_for_instructions(config, code)
    used = barriers + max(len(code.once[lane]) + sum(len(own.lanes[lane]) for own in code.stretches)
                          for lane in range(config.lanes))
    if used > room:
        return PlanError(f"a lane has {used} instructions beside {len(code.tables)} tables, there is room for {room} "
                         "(instructions)")
    return None
