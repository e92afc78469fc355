"""Where the blocks of a lane lie in its result memory, and whether the next may leave."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2


class ResultSlots(wiring.Component):
    """A ring of `ring` slots of `filters` rows: each block has the next one.

    A block's sums leave for its slot while the block after it computes. The last slots before that one may hold
    results that have not been read (`pending` of them). A result may leave where fewer than all slots are pending;
    partial sums, which start again at slot 0 after the last result, where their slot lies before the pending ones.

    Parameters
    ----------
    rows
        Rows of the result memory.

    Members
    -------
    start, filters, ring
        In: a new layer, rows and number of its slots.
    step
        In: a block ends, the next begins.
    final, fresh
        In, with `step`: the block's sums are results; the next block starts from zero.
    drained
        In: the oldest pending slot has been read.
    evict, source
        Out: first row of the slot of the block before this one; of this block.
    partial_sums
        Out: this block starts from the partial sums in its slot.
    report
        Out: the block before this one is a result.
    blocked
        Out: the slot of the block before this one is still in use.
    """

    def __init__(self, *, rows: int) -> None:
        self._rows = rows
        super().__init__({
            "start": In(1),
            "filters": In(range(rows + 1)),
            "ring": In(range(rows + 1)),
            "step": In(1),
            "final": In(1),
            "fresh": In(1),
            "drained": In(1),
            "evict": Out(ceil_log2(rows)),
            "source": Out(ceil_log2(rows)),
            "partial_sums": Out(1),
            "report": Out(1),
            "blocked": Out(1),
        })

    def elaborate(self, platform):
        """Two slots and a count."""
        m = Module()
        index, left, pending = (Signal(range(self._rows + 2), name=name) for name in ("index", "left", "pending"))
        m.d.comb += self.blocked.eq(Mux(self.report, pending > self.ring, left + pending >= self.ring))
        m.d.sync += pending.eq(pending + (self.step & self.final) - self.drained)
        with m.If(self.step):
            m.d.sync += [self.evict.eq(self.source), left.eq(index), self.report.eq(self.final),
                         self.partial_sums.eq(~self.fresh), index.eq(index + 1),
                         self.source.eq(self.source + self.filters)]
            with m.If(index == self.ring - 1):
                m.d.sync += [index.eq(0), self.source.eq(0)]
        with m.If(self.start):
            m.d.sync += [index.eq(0), left.eq(0), pending.eq(0), self.source.eq(0), self.evict.eq(0),
                         self.report.eq(0), self.partial_sums.eq(0)]
        return m
