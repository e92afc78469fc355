# amaranth: UnusedElaboratable=no
"""The walker issues each entry of a list once per visit, and no block ends before all its filters were touched."""

from __future__ import annotations

from amaranth.hdl import Cat, Mux, Signal
from tests.formal.harness import Harness

from zeroskip.accumulators import Accumulators
from zeroskip.walker import Walker


def walker(h: Harness, *, entries: int, filters: int, slots: int, soonest: int = 1) -> None:
    """Any visits of any lists, with the accumulators behind it as in a lane.

    One entry of the lists is looked at; lists are written while none is read. Visits stay until they are taken. Results
    are read where there are any. A layer may begin anew where no list is read, no filter swept and no marker on its
    way; its first visit comes `soonest` cycles later at the earliest.
    """
    dut = h.m.submodules.dut = Walker(entries=entries, filters=filters, position_bits=1, pixels=1, slots=slots)
    behind = h.m.submodules.behind = Accumulators(filters=filters, pixels=1, acc_width=2, product_width=1,
                                                  result_rows=filters * slots // 2)
    used, ring = h.constant("used", range(filters + 1)), h.constant("ring", range(slots + 1))
    h.assume((used >= 1) & (used <= filters) & (ring >= 1) & (ring <= slots))
    first = Signal(init=1)
    h.m.d.sync += first.eq(0)
    visit, valid, unread = dut.visits.payload, dut.visits.valid, Signal(range(slots + 2))
    start = first | (h.free("start") & ~valid)
    h.assume(~valid | ~Cat(start, *(h.past(start, age, init=1) for age in range(1, soonest))).any())
    h.assume(start | h.keeps(dut.visits))
    h.assume(~valid | visit.marker | (visit.end >= visit.more))
    drained = h.free("drained") & (unread != 0)
    h.drive(dut, start=start, filters_used=used, ring=ring, drained=drained, complete=behind.complete,
            turn_touched=behind.turn_touched)
    touch = dut.entry | dut.sweep
    late = {"touch": h.past(touch), **{name: h.past(getattr(dut, name)) for name in (
        "clear", "marker", "report", "filter", "evict", "source")}}
    h.drive(behind, start=start, filters_used=used, turn=dut.turn, read_en=0, read_address=0, products_0=0, fresh=0,
            **late)
    h.assume(~(start | h.past(start)) | ~touch & ~dut.marker)
    # the list that is being read, and the entry that is looked at
    moved, left, at = valid & dut.visits.ready, Signal.like(visit.more), Signal.like(dut.write_address)
    going = left != 0
    reads, address = dut.take | going, Mux(going, at, visit.end)
    with h.m.If(reads):
        h.m.d.sync += [left.eq(Mux(going, left - 1, visit.more)), at.eq(address - 1)]
    place, content = h.constant("place", range(entries)), Signal(12)
    with h.m.If(dut.write & (dut.write_address == place)):
        h.m.d.sync += content.eq(dut.write_data)
    h.assume(~dut.write | (~valid & ~going))
    h.assume(~dut.write | (dut.write_data[8:] < used))
    with h.m.If(start):
        h.m.d.sync += left.eq(0)
    kept = ~h.past(start, init=1)
    h.prove(dut.entry == h.past(reads))
    h.prove(~h.past(reads & (address == place)) | (Cat(dut.weight, dut.filter) == content[: 8 + len(dut.filter)]))
    h.prove(~dut.take | ~going)
    h.prove(dut.take == (moved & ~visit.marker))
    h.prove(dut.ended == (moved & visit.marker))
    h.prove(dut.passed == (moved & (visit.marker | visit.last)))
    fence = visit.channel[2]
    h.prove(~kept | (dut.marker == h.past(moved & visit.marker & ~fence)))
    h.prove(dut.entry + dut.sweep + dut.clear + dut.marker <= 1)
    # each block: all filters, none of those that are not used, and results only for slots that are free
    touched, blocks, again = Signal(filters), Signal(2), Signal()
    h.m.d.sync += touched.eq(Mux(dut.marker | start, 0, touched | Mux(touch, 1 << dut.filter, 0)))
    h.prove(~kept | ~dut.marker | (touched == (1 << used) - 1))
    h.prove(~kept | ~touch | (dut.filter < used))
    h.m.d.sync += [unread.eq(Mux(start, 0, unread + (dut.marker & dut.report) - drained)),
                   blocks.eq(Mux(start, 0, blocks + (dut.marker & (blocks != 3)))),
                   again.eq(again | (start & touched.any()))]
    # the accumulators tell a filter's first touch in a block from the others: it reads partial sums
    known = Signal(filters)
    h.m.d.sync += known.eq(Mux(late["marker"] | start, 0, known | Mux(late["touch"], 1 << late["filter"], 0)))
    h.prove(behind.read_blocked == (late["touch"] & ~known.bit_select(late["filter"], 1)))
    # the slot of the block before the last one is still being written when the last one ends
    h.prove(~(h.past(dut.marker) & touch & kept & (ring == 2)) | dut.fresh)
    # nothing waits without a reason: a list that is read, a block that may not leave, filters to clear or to sweep
    waits = Signal(range(filters + 4))
    h.prove(~(valid & visit.marker & fence & ~going) | moved)
    free = valid & ~moved & ~going & ~start
    h.m.d.sync += waits.eq(Mux(free & ~dut.held & ~dut.clear, waits + 1, 0))
    h.prove(~h.past(free & ~visit.marker) | dut.held | dut.clear)
    h.prove(waits <= filters + 1)
    h.cover(dut.marker & (blocks == 2) & (used == filters) & h.past(dut.entry, 3))
    h.cover(reads & going & (address == place) & (content != 0) & (left == 1))
    h.cover(dut.marker & again & (used == filters))
    h.cover(dut.held & (unread != 0))
    h.cover(moved & visit.marker & fence & touched.any())
