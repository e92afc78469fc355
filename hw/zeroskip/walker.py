"""The list walker of a lane: one (weight, filter) a cycle, sweeps in the bubbles, blocks told apart by markers."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.iterator import visit_shape
from zeroskip.result_slots import ResultSlots

LIST_BITS = 12
"""Bits of a list's entry: weight, filter."""


class Walker(wiring.Component):
    """Takes visits and reads their lists, from the end on, without a bubble between lists.

    A cycle without an entry sweeps one filter, the next in turn (adds zero to it), so that by the marker every filter
    has been touched and the block before has left the accumulators; the turn passes over filters that have been. A
    block begins only when the one before it may leave (see ``ResultSlots``). The flags of a marker: bit 0, the block's
    sums are results; bit 1, the next block starts from zero; bit 2, the block goes on. After `start` all filters are
    cleared, one a cycle.

    Parameters
    ----------
    entries
        Depth of the list memory.
    filters
        Filters of a lane.
    position_bits, pixels
        Widths of a visit's fields.
    slots
        Slots of the result memory.

    Members
    -------
    start, filters_used, ring
        In: a new layer, how many filters it has in a lane, and slots for results.
    visits
        In, stream of ``visit_shape``.
    take
        Out: a list is taken up; its values are to stand beside the first entry.
    passed, ended
        Out: the lane is done with a word; it was a marker.
    drained
        In: the oldest results have been read.
    write, write_address, write_data
        In: fill the list memory.
    complete
        In: every filter has been touched since the last marker that reached the accumulators, before this cycle.
    turn, turn_touched
        Out: the filter that is next in turn; in: it has been touched since that marker.
    entry, sweep, clear, marker, report
        Out, one cycle after issue: what the accumulators are to do.
    weight, filter, evict, source, fresh
        Out, with them.
    held
        Out, one cycle later: a visit waits only because the block before may not leave.
    busy
        Out: something is in the pipeline.
    """

    def __init__(self, *, entries: int, filters: int, position_bits: int, pixels: int, slots: int) -> None:
        self._entries, self._filters, self._slots = entries, filters, slots
        address_bits = ceil_log2(entries)
        super().__init__({
            "start": In(1),
            "filters_used": In(range(filters + 1)),
            "ring": In(range(slots + 1)),
            "visits": In(stream.Signature(visit_shape(position_bits, pixels))),
            "take": Out(1),
            "passed": Out(1),
            "ended": Out(1),
            "drained": In(1),
            "write": In(1),
            "write_address": In(address_bits),
            "write_data": In(LIST_BITS),
            "complete": In(1),
            "turn": Out(range(filters)),
            "turn_touched": In(1),
            "entry": Out(1),
            "sweep": Out(1),
            "clear": Out(1),
            "marker": Out(1),
            "report": Out(1),
            "weight": Out(signed(8)),
            "filter": Out(ceil_log2(filters)),
            "evict": Out(range(slots)),
            "source": Out(range(slots)),
            "fresh": Out(1),
            "held": Out(1),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        """Issue of entries, sweeps and markers; one stage to the outputs."""
        m = Module()
        m.submodules.lists = lists = memory.Memory(shape=LIST_BITS, depth=self._entries, init=[])
        write, read = lists.write_port(), lists.read_port()
        head = self.visits.payload
        address, more = Signal.like(read.addr), Signal.like(head.more)
        going, free, fence, end, idle = (Signal(name=name) for name in ("going", "free", "fence", "end", "idle"))
        blocked = self._track_slots(m, end)
        clearing = Signal()
        turn, whole = self._sweep(m, clearing, idle, end)
        m.d.comb += [
            going.eq(more != 0),
            free.eq(~going & ~blocked & ~clearing),
            self.take.eq(free & self.visits.valid & ~head.marker),
            fence.eq(head.channel[2]),
            end.eq(free & self.visits.valid & head.marker & ~fence & whole),
            idle.eq(free & ~self.take),
            self.ended.eq(end | (~going & self.visits.valid & head.marker & fence)),
            self.visits.ready.eq(self.take | self.ended),
            self.passed.eq(self.ended | (self.take & head.last)),
            read.en.eq(going | self.take),
            read.addr.eq(Mux(going, address, head.end)),
            write.en.eq(self.write), write.addr.eq(self.write_address), write.data.eq(self.write_data),
        ]
        with m.If(read.en):
            m.d.sync += address.eq(read.addr - 1)
        with m.If(going):
            m.d.sync += more.eq(more - 1)
        with m.Elif(self.take):
            m.d.sync += more.eq(head.more)
        with m.If(self.start):
            m.d.sync += more.eq(0)
        swept = Signal.like(self.filter)
        m.d.sync += [self.entry.eq(read.en), swept.eq(turn), self.marker.eq(end),
                     self.clear.eq(clearing),
                     self.held.eq(~going & blocked & self.visits.valid)]
        m.d.comb += [
            self.weight.eq(read.data[:8].as_signed()),
            self.filter.eq(Mux(self.entry, read.data[8:], swept)),
            self.busy.eq(going | self.entry | self.sweep | self.marker),
        ]
        return m

    def _sweep(self, m, clearing, idle, end):
        """Filters in turn in idle cycles; and whether the block may end: all have been swept, or touched by entries.

        The accumulators say nothing of this block while the marker before it is on its way to them.
        """
        turn, before, all_swept, known = Signal(range(self._filters + 1)), Signal(), Signal(), Signal()
        last, advances = Signal(), Signal()  # so that no comparison stands before a block's end
        m.d.comb += [
            known.eq(~self.marker & ~before), self.turn.eq(turn), last.eq(turn + 1 == self.filters_used),
            advances.eq(~all_swept & (idle | (known & self.turn_touched))),
        ]
        m.d.sync += [self.sweep.eq(idle & ~end & ~all_swept), before.eq(self.marker)]
        with m.If(clearing):
            m.d.sync += [turn.eq(turn + 1), clearing.eq(turn != self._filters - 1)]
            with m.If(turn == self._filters - 1):
                m.d.sync += turn.eq(0)
        with m.Elif(advances):
            m.d.sync += [turn.eq(turn + 1), all_swept.eq(last)]
        with m.If(end):
            m.d.sync += [turn.eq(0), all_swept.eq(0)]
        with m.If(self.start):
            m.d.sync += [turn.eq(0), all_swept.eq(0), clearing.eq(1)]
        return turn, all_swept | (self.complete & known)

    def _track_slots(self, m, end):
        """The result memory's slots; whether the block before this one may not leave yet."""
        m.submodules.slots = slots = ResultSlots(slots=self._slots)
        flags = self.visits.payload.channel
        m.d.comb += [
            slots.start.eq(self.start), slots.ring.eq(self.ring), slots.drained.eq(self.drained),
            slots.step.eq(end), slots.final.eq(flags[0]), slots.fresh.eq(flags[1]),
        ]
        m.d.sync += [self.report.eq(slots.report), self.evict.eq(slots.evict), self.source.eq(slots.source),
                     self.fresh.eq(~slots.partial_sums)]
        return slots.blocked
