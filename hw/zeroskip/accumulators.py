"""Evicting accumulators: one bank of sums, whose old values leave as the next block's first products arrive."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from zeroskip.choosing_adder import ChoosingAdder
from zeroskip.result_slots import slot_row


class Accumulators(wiring.Component):
    """`pixels` sums for each of `filters` filters, one accumulation a cycle without hazards.

    The first touch of a filter in a block moves the old sums into slot `evict` of the result memory (``slot_row``), and
    starts from the product alone (a fresh block) or from the product and the partial sums in slot `source`. A marker
    ends the block: every filter must have been touched since the last marker. Whether one has is told by a bit for each
    filter in a LUT memory, the parity of the last block that touched it; `clear` makes it untouched.

    From a touch to the write of its old sums two cycles pass. Partial sums of the last block but one may be taken up
    from the third cycle after the last touch of the last block on (``ResultSlots`` sees to it).

    Parameters
    ----------
    filters, pixels, acc_width, result_rows
        As in :class:`~zeroskip.config.ArrayConfig` (`lane_filters`).
    product_width
        Bits of a product, signed.

    Members
    -------
    start, filters_used
        In: a new layer, and how many filters it has.
    touch, clear, marker, filter, evict, source, fresh
        In: operation, two cycles before its products.
    report
        In, with `marker`: the block before this one has left, and is a result.
    products
        In, array of `pixels`.
    complete
        Out: all filters have been touched since the last marker, before this cycle.
    turn, turn_touched
        In: a filter; out: it has been touched since the last marker, before this cycle.
    full
        Out, one cycle: a marker has passed with `report`.
    read_en, read_address, read_data
        Read side of the result memory; latency 1.
    read_blocked
        Out: the memory is being read for partial sums, `read_en` is not heard.
    """

    def __init__(self, *, filters: int, pixels: int, acc_width: int, product_width: int, result_rows: int) -> None:
        self._filters, self._pixels = filters, pixels
        self._acc_width, self._result_rows = acc_width, result_rows
        slots = 2 * result_rows // filters
        super().__init__({
            "start": In(1),
            "filters_used": In(range(filters + 1)),
            "touch": In(1),
            "clear": In(1),
            "marker": In(1),
            "report": In(1),
            "filter": In(range(filters)),
            "evict": In(range(slots)),
            "source": In(range(slots)),
            "fresh": In(1),
            "products": In(signed(product_width)).array(pixels),
            "complete": Out(1),
            "turn": In(range(filters)),
            "turn_touched": Out(1),
            "full": Out(1),
            "read_en": In(1),
            "read_address": In(exact_log2(result_rows)),
            "read_data": Out(data.ArrayLayout(signed(acc_width), pixels)),
            "read_blocked": Out(1),
        })

    def elaborate(self, platform):
        """First touches one stage early; accumulate and evict."""
        m = Module()
        sums = data.ArrayLayout(signed(self._acc_width), self._pixels)
        m.submodules.sums = bank = memory.Memory(shape=sums, depth=self._filters, init=[])
        m.submodules.results = results = memory.Memory(shape=sums, depth=self._result_rows, init=[])
        acc_write, acc_read = bank.write_port(), bank.read_port(domain="comb")
        result_write, result_read = results.write_port(), results.read_port()
        untouched = self._track_touches(m)
        operation = data.StructLayout({"work": 1, "first": 1, "full": 1, "index": self.filter.shape(),
                                       "target": self.evict.shape()})
        coming, now, kept, partial = Signal(operation), Signal(operation), Signal(sums), Signal()
        work, first, index, target = now.work, now.first, now.index, now.target
        m.d.comb += [self.read_blocked.eq(untouched & ~self.fresh), self.full.eq(now.full)]
        m.d.sync += [
            coming.work.eq(self.touch), coming.index.eq(self.filter), coming.target.eq(self.evict),
            coming.first.eq(untouched), partial.eq(~self.fresh), coming.full.eq(self.marker & self.report),
            now.eq(coming), kept.eq(Mux(partial, result_read.data, 0)),  # a memory's output is slow
        ]
        m.d.comb += [
            acc_read.addr.eq(index),
            acc_write.en.eq(work), acc_write.addr.eq(index),
            result_write.en.eq(first),
            result_write.addr.eq(slot_row(target, index)),
            result_write.data.eq(acc_read.data),
            result_read.en.eq(self.read_en | self.read_blocked),
            result_read.addr.eq(Mux(self.read_blocked, slot_row(self.source, self.filter), self.read_address)),
            self.read_data.eq(result_read.data),
        ]
        for p in range(self._pixels):
            m.submodules[f"choosing_adder_{p}"] = adder = ChoosingAdder(width=self._acc_width)
            m.d.comb += [
                adder.addend.eq(self.products[p]), adder.second.eq(first), adder.values[0].eq(acc_read.data[p]),
                adder.values[1].eq(kept[p]), acc_write.data[p].eq(adder.sum),
            ]
        return m

    def _track_touches(self, m):
        """Whether this touch is its filter's first in the block; and how many filters lack theirs."""
        m.submodules.parities = parities = memory.Memory(shape=1, depth=self._filters, init=[])
        write, read, look = parities.write_port(), parities.read_port(domain="comb"), parities.read_port(domain="comb")
        parity, untouched, lacking = Signal(), Signal(), Signal(range(self._filters + 1))
        m.d.comb += [
            read.addr.eq(self.filter), untouched.eq(self.touch & (read.data != parity)),
            write.en.eq(self.touch | self.clear), write.addr.eq(self.filter), write.data.eq(parity ^ self.clear),
            look.addr.eq(self.turn), self.turn_touched.eq(look.data == parity),
            self.complete.eq(lacking == 0),
        ]
        m.d.sync += [lacking.eq(lacking - untouched), parity.eq(parity ^ self.marker)]
        with m.If(self.marker | self.start | self.clear):  # what was under way before a start does not count
            m.d.sync += lacking.eq(self.filters_used)
        return untouched
