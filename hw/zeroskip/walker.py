"""The list walker of a lane: one (weight, filter) a cycle, sweeps in the bubbles, blocks told apart by markers."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.iterator import CHANNEL_BITS, visit_shape
from zeroskip.result_slots import ResultSlots


class Walker(wiring.Component):
    """Takes visits and reads their lists without a bubble between lists.

    A cycle without an entry touches a filter that the block has not touched yet (a sweep, adds zero), so that by the
    marker every filter has been touched and the block before has left the accumulators. A block begins only when the
    one before it may leave (see ``ResultSlots``). A marker's `start` holds its flags: bit 0, the block's sums are
    results; bit 1, the next block starts from zero.

    Parameters
    ----------
    entries
        Depth of the list memory.
    filters
        Filters of a lane.
    slot_bits, channel_bits
        Widths of a visit's fields.
    result_rows
        Rows of the result memory.

    Members
    -------
    start, filters_used, unused, ring
        In: a new layer, how many filters it has in a lane, the mask of the others, and slots for results.
    visits
        In, stream of ``visit_shape``.
    take
        Out: a list is taken up; its values belong into the value register at the end of this cycle.
    passed, passed_slot
        Out: the lane is done with this slot.
    drained
        In: the oldest results have been read.
    write, write_address, write_data
        In: fill the list memory.
    entry, sweep, marker, report
        Out, one cycle after issue: what the accumulators are to do.
    weight, filter, evict, source, fresh
        Out, with them.
    held
        Out, one cycle later: a visit waits only because the block before may not leave.
    busy
        Out: something is in the pipeline.
    """

    def __init__(self, *, entries: int, filters: int, slot_bits: int, result_rows: int,
                 channel_bits: int = CHANNEL_BITS) -> None:
        self._entries, self._filters, self._result_rows = entries, filters, result_rows
        address_bits = ceil_log2(entries)
        super().__init__({
            "start": In(1),
            "filters_used": In(range(filters + 1)),
            "unused": In(filters),
            "ring": In(range(result_rows + 1)),
            "visits": In(stream.Signature(visit_shape(slot_bits, channel_bits))),
            "take": Out(1),
            "passed": Out(1),
            "passed_slot": Out(slot_bits),
            "drained": In(1),
            "write": In(1),
            "write_address": In(address_bits),
            "write_data": In(16),
            "entry": Out(1),
            "sweep": Out(1),
            "marker": Out(1),
            "report": Out(1),
            "weight": Out(signed(8)),
            "filter": Out(ceil_log2(filters)),
            "evict": Out(ceil_log2(result_rows)),
            "source": Out(ceil_log2(result_rows)),
            "fresh": Out(1),
            "held": Out(1),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        """Issue of entries, sweeps and markers; one stage to the outputs."""
        m = Module()
        m.submodules.lists = lists = memory.Memory(shape=16, depth=self._entries, init=[])
        write, read = lists.write_port(), lists.read_port()
        head = self.visits.payload
        address, more = Signal.like(read.addr), Signal(4)
        going, end, sweep = Signal(), Signal(), Signal()
        (seen, lowest), blocked = self._track_filters(m, sweep, end), self._track_slots(m, end)
        m.d.comb += [
            going.eq(more != 0),
            self.take.eq(~going & ~blocked & self.visits.valid & ~head.marker),
            end.eq(~going & ~blocked & self.visits.valid & head.marker & seen.all()),
            sweep.eq(~going & ~blocked & ~self.take & ~seen.all()),
            self.visits.ready.eq(self.take | end),
            self.passed.eq(end | (self.take & head.last)),
            self.passed_slot.eq(head.slot),
            read.en.eq(going | self.take),
            read.addr.eq(Mux(going, address, head.start)),
            write.en.eq(self.write), write.addr.eq(self.write_address), write.data.eq(self.write_data),
        ]
        with m.If(read.en):
            m.d.sync += address.eq(read.addr + 1)
        with m.If(going):
            m.d.sync += more.eq(more - 1)
        with m.Elif(self.take):
            m.d.sync += more.eq(head.more)
        with m.If(self.start):
            m.d.sync += more.eq(0)
        swept = Signal.like(self.filter)
        m.d.sync += [self.entry.eq(read.en), self.sweep.eq(sweep), self.marker.eq(end),
                     self.held.eq(~going & blocked & self.visits.valid)]
        m.d.sync += swept.eq(Cat(Cat(lowest[f] for f in range(self._filters) if f >> bit & 1).any()
                                 for bit in range(len(swept))))
        m.d.comb += [
            self.weight.eq(read.data[:8].as_signed()),
            self.filter.eq(Mux(self.entry, read.data[8:], swept)),
            self.busy.eq(going | self.entry | self.sweep | self.marker),
        ]
        return m

    def _track_filters(self, m, sweep, end):
        """Filters touched in this block, unused ones count; and the lowest that has not been touched."""
        seen, lowest = Signal(self._filters), Signal(self._filters)
        touched = (1 << self.filter) & self.entry.replicate(self._filters)
        m.d.comb += lowest.eq(~seen & (seen + 1))  # the carry finds it
        m.d.sync += seen.eq(Mux(end | self.start, self.unused, seen | touched | Mux(sweep, lowest, 0)))
        return seen, lowest

    def _track_slots(self, m, end):
        """The result memory's slots; whether the block before this one may not leave yet."""
        m.submodules.slots = slots = ResultSlots(rows=self._result_rows)
        m.d.comb += [
            slots.start.eq(self.start), slots.filters.eq(self.filters_used), slots.ring.eq(self.ring),
            slots.step.eq(end), slots.final.eq(self.visits.payload.start[0]),
            slots.fresh.eq(self.visits.payload.start[1]), slots.drained.eq(self.drained),
        ]
        m.d.sync += [self.report.eq(slots.report), self.evict.eq(slots.evict), self.source.eq(slots.source),
                     self.fresh.eq(~slots.partial_sums)]
        return slots.blocked
