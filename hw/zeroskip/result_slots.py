"""Where the blocks of a lane lie in its result memory, and whether the next may leave."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.up_down import up_down


def slot_row(slot: Value, index: Value) -> Value:
    """Row of a result memory where filter `index` of a slot lies: slots are `index`'s range of rows apart.

    Where a lane has no more filters than half of the range, there are twice as many slots: those of the second half lie
    in the upper halves of those of the first. Then the index's last bit is never set, and else the slot's.
    """
    return Cat(index[:-1], index[-1] | slot[-1], slot[:-1])


class ResultSlots(wiring.Component):
    """A ring of `ring` slots: each block has the next one.

    A block's sums leave for its slot while the block after it computes. The last slots before that one may hold
    results that have not been read (`pending` of them). A result may leave where fewer than all slots are pending;
    partial sums, which start again at slot 0 after the last result, where their slot lies before the pending ones.

    Parameters
    ----------
    slots
        Slots that the result memory has room for.

    Members
    -------
    start, ring
        In: a new layer, the slots that it uses.
    step
        In: a block ends, the next begins.
    final, fresh
        In, with `step`: the block's sums are results; the next block starts from zero.
    drained
        In: the oldest pending slot has been read.
    evict, source
        Out: slot of the block before this one; of this block.
    partial_sums
        Out: this block starts from the partial sums in its slot.
    report
        Out: the block before this one is a result.
    blocked
        Out: the slot of the block before this one is still in use.
    """

    def __init__(self, *, slots: int) -> None:
        self._slots = slots
        super().__init__({
            "start": In(1),
            "ring": In(range(slots + 1)),
            "step": In(1),
            "final": In(1),
            "fresh": In(1),
            "drained": In(1),
            "evict": Out(range(slots)),
            "source": Out(range(slots)),
            "partial_sums": Out(1),
            "report": Out(1),
            "blocked": Out(1),
        })

    def elaborate(self, platform):
        """Two slots, and how many more are pending than may be: `room` is below zero where the next result waits.

        Whether a slot of partial sums lies before the pending ones is known a cycle late; until then it is taken for
        blocked, so that no comparison stands before the walker's issue. Of two slots, the one from which a block starts
        is still being written when the block before ends (see ``Accumulators``): that takes a cycle, too.
        """
        m = Module()
        room, behind = Signal(signed(len(self.ring) + 1)), Signal(init=1)  # nothing moves before a start
        following = Signal.like(self.ring)
        m.d.comb += [following.eq(self.source + 1), self.blocked.eq(room[-1] | behind)]
        m.d.sync += [room.eq(up_down(room, self.drained, self.step & self.final)),
                     behind.eq(Mux(self.step, ~self.final | ((self.ring == 2) & ~self.fresh),
                                    ~self.report & (self.evict >= room[:-1])))]
        with m.If(self.step):
            m.d.sync += [self.evict.eq(self.source), self.report.eq(self.final), self.partial_sums.eq(~self.fresh),
                         self.source.eq(Mux(following == self.ring, 0, following))]
        with m.If(self.start):
            m.d.sync += [room.eq(self.ring), self.source.eq(0), self.evict.eq(0), self.report.eq(0),
                         self.partial_sums.eq(0), behind.eq(0)]
        return m
