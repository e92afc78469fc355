"""Evicting accumulators: one bank of sums, whose old values leave as the next block's first products arrive."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2


class Accumulators(wiring.Component):
    """`pixels` sums for each of `filters` filters, one accumulation a cycle without hazards.

    The first touch of a filter in a block moves the old sums into the result memory, at row ``evict + filter``, and
    starts from the product alone (a fresh block) or from the product and the partial sums in row ``source + filter``.
    A marker ends the block: every filter must have been touched since the last marker.

    Parameters
    ----------
    filters, pixels, acc_width, result_rows
        As in :class:`~zeroskip.config.ArrayConfig` (`lane_filters`).
    product_width
        Bits of a product, signed.

    Members
    -------
    start
        In: a new layer.
    touch, marker, filter, evict, source, fresh
        In: operation, one cycle before its products.
    report
        In, with `marker`: the block before this one has left, and is a result.
    products
        In, array of `pixels`.
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
        super().__init__({
            "start": In(1),
            "touch": In(1),
            "marker": In(1),
            "report": In(1),
            "filter": In(ceil_log2(filters)),
            "evict": In(ceil_log2(result_rows)),
            "source": In(ceil_log2(result_rows)),
            "fresh": In(1),
            "products": In(signed(product_width)).array(pixels),
            "full": Out(1),
            "read_en": In(1),
            "read_address": In(ceil_log2(result_rows)),
            "read_data": Out(data.ArrayLayout(signed(acc_width), pixels)),
            "read_blocked": Out(1),
        })

    def elaborate(self, platform):
        """Touched flags one stage early; accumulate and evict."""
        m = Module()
        sums = data.ArrayLayout(signed(self._acc_width), self._pixels)
        m.submodules.sums = bank = memory.Memory(shape=sums, depth=self._filters, init=[])
        m.submodules.results = results = memory.Memory(shape=sums, depth=self._result_rows, init=[])
        acc_write, acc_read = bank.write_port(), bank.read_port(domain="comb")
        result_write, result_read = results.write_port(), results.read_port()
        touched, untouched = Signal(self._filters), Signal()
        work, first, partial, index = Signal(), Signal(), Signal(), Signal.like(self.filter)
        target = Signal.like(self.evict)
        m.d.comb += [
            untouched.eq(~touched.bit_select(self.filter, 1)),
            self.read_blocked.eq(self.touch & untouched & ~self.fresh),
        ]
        with m.If(self.touch):
            m.d.sync += touched.bit_select(self.filter, 1).eq(1)
        with m.If(self.marker | self.start):
            m.d.sync += touched.eq(0)
        m.d.sync += [
            work.eq(self.touch), index.eq(self.filter), target.eq(self.evict + self.filter),
            first.eq(untouched), partial.eq(~self.fresh), self.full.eq(self.marker & self.report),
        ]
        m.d.comb += [
            acc_read.addr.eq(index),
            acc_write.en.eq(work), acc_write.addr.eq(index),
            result_write.en.eq(work & first), result_write.addr.eq(target),
            result_write.data.eq(acc_read.data),
            result_read.en.eq(self.read_en | self.read_blocked),
            result_read.addr.eq(Mux(self.read_blocked, self.source + self.filter, self.read_address)),
            self.read_data.eq(result_read.data),
        ]
        for p in range(self._pixels):
            old = Mux(first, Mux(partial, result_read.data[p], 0), acc_read.data[p])
            m.d.comb += acc_write.data[p].eq(self.products[p] + old)
        return m
