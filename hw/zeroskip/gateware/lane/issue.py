"""The issue stage: one entry a cycle to the multipliers, and never an end of a list before its sums have a place."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.lane.reader import QUEUE_WORDS, word_layout
from zeroskip.gateware.structs import any_of
from zeroskip.spec.config import EngineConfig

GAP_BITS = 9


def slot_layout(config: EngineConfig) -> data.StructLayout:
    """What goes to the multipliers in one cycle.

    `valid`: an entry; else only its flags count. `first`: sums begin, with the bias of the next job if `begin`; `end`:
    they leave afterwards; `finish`: they are the last of their job.
    """
    return data.StructLayout({"position": config.position_bits, "weight": 8, "kind": 2, "signed": 1, "valid": 1,
                              "first": 1, "begin": 1, "end": 1, "finish": 1})


class IssueStage(wiring.Component):
    """A queue of words, and from the first one the lowest entry that has something to do, one a cycle.

    Behind this stage nothing waits. An entry waits here while a write takes the memory port that it reads; the end of
    a list waits for `gap` cycles after the end before it, or with `late` the beginning of a list waits until the sums
    of the one before have gone.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    word : In(word_layout), word_valid : In(1)
        A word; whoever sends it keeps count of the room.
    taken : Out(1)
        A word has left the queue.
    steal : In(2)
        A write takes the port of the lower, the upper half of the map in this slot's turn.
    late : In(1), gap, gap_end : In(GAP_BITS)
        Of the step.
    captured : In(1)
        Sums have been taken over by the way out.
    room : In(1)
        There is a place for the sums that are taken over next.
    hold : In(1)
        Nothing is issued.
    slot : Out(slot_layout)
        One cycle after it was issued.
    multiplying, stolen, blocked, empty : Out(1)
        In each cycle at most one, for the accounting: an entry is issued; it waits for a write; for the way out; there
        is no word.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            "word": In(word_layout(config)), "word_valid": In(1), "taken": Out(1),
            "steal": In(2), "late": In(1), "gap": In(GAP_BITS), "gap_end": In(GAP_BITS),
            "captured": In(1), "room": In(1), "hold": In(1),
            "slot": Out(slot_layout(config)),
            "multiplying": Out(1), "stolen": Out(1), "blocked": Out(1), "empty": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from the decision to the slot."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """The word in work, its lowest entry, and what it waits for."""
        m = Module()
        word, have, mask = Signal(word_layout(self._config), name="current"), Signal(), Signal(self._config.look)
        rest, stolen, closed = Signal.like(mask), Signal(), Signal()
        first = Signal(init=1)
        may, go, done, ends = Signal(), Signal(), Signal(), Signal()
        lowest = [mask[k] & ~mask[:k].any() for k in range(len(mask))]
        chosen = any_of([Mux(bit, entry, 0) for bit, entry in zip(lowest, self._entries(word), strict=True)])
        chosen = data.View(word.entries.shape().elem_shape, chosen)
        m.d.comb += [
            rest.eq(mask & (mask - 1)), done.eq(go & (rest == 0)), ends.eq(word.last & (rest == 0)),
            stolen.eq((chosen.halves & self.steal).any()),
            closed.eq(self._closed(m, go, ends, first, word.finish)),
            may.eq(have & ~self.hold), go.eq(may & ~stolen & ~closed),
            self.multiplying.eq(go & mask.any()), self.stolen.eq(may & stolen),
            self.blocked.eq(may & ~stolen & closed), self.empty.eq(~have),
        ]
        self._queue(m, word, have, mask, rest, go, done)
        slot = self.slot
        m.d.sync += [slot.valid.eq(go & mask.any()), slot.first.eq(go & first), slot.end.eq(go & ends)]
        with m.If(go):
            m.d.sync += [slot.position.eq(chosen.position), slot.weight.eq(chosen.weight), slot.kind.eq(chosen.kind),
                         slot.signed.eq(chosen.signed), slot.begin.eq(word.begin), slot.finish.eq(word.finish),
                         first.eq(ends)]
        return m

    def _entries(self, word: data.View) -> list[Value]:
        return [word.entries[k].as_value() for k in range(self._config.look)]

    def _closed(self, m: Module, go: Value, ends: Value, first: Value, finish: Value) -> Value:
        """Whether the slot has to wait for the way out."""
        wait, open_ = Signal(GAP_BITS), Signal(init=1)
        left, gap = Signal(2), Mux(finish, self.gap_end, self.gap)
        with m.If(go & ends):
            m.d.sync += [wait.eq(gap), open_.eq(gap == 1)]
        with m.Elif(wait > 1):
            m.d.sync += [wait.eq(wait - 1), open_.eq(wait == 2)]
        with m.Else():
            m.d.sync += open_.eq(1)
        m.d.sync += left.eq(left + (go & ends) - self.captured)
        # If there is room, the sums of the one vector under way are taken over before those of the next one begin.
        return Mux(self.late, first & (left != 0) & ~((left == 1) & self.room), ends & ~open_)

    def _queue(self, m: Module, word: data.View, have: Value, mask: Value, rest: Value, go: Value, done: Value) -> None:
        """Words wait in a memory of LUTs; the first one is in a register."""
        m.submodules.queue = store = memory.Memory(shape=word_layout(self._config), depth=QUEUE_WORDS, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        level = Signal(range(QUEUE_WORDS + 1))
        some = Signal()
        m.d.comb += [write.en.eq(self.word_valid), write.data.eq(self.word), self.taken.eq((~have | done) & some)]
        with m.If(self.word_valid):
            m.d.sync += write.addr.eq(write.addr + 1)
        following = Signal.like(level)
        m.d.comb += following.eq(level + self.word_valid - self.taken)
        stay = Mux(self.taken, level[1:].any(), some)
        m.d.sync += [level.eq(following), some.eq(self.word_valid | stay)]
        with m.If(self.taken):
            m.d.sync += [read.addr.eq(read.addr + 1), word.eq(read.data), mask.eq(read.data.mask), have.eq(1)]
        with m.Elif(go):
            m.d.sync += [mask.eq(rest), have.eq(rest != 0)]
