"""Evicting accumulators: one bank of sums, whose old values leave as the next block's first products arrive."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2


class Accumulators(wiring.Component):
    """`pixels` sums for each of `filters` filters, one accumulation a cycle without hazards.

    The first touch of a filter in a block moves the old sums into the result memory (bank `bank`) and starts from the
    product alone. A marker ends the block: every filter must have been touched since the last marker.

    Parameters
    ----------
    filters, pixels, acc_width
        As in :class:`~zeroskip.config.ArrayConfig` (`lane_filters`).
    product_width
        Bits of a product, signed.

    Members
    -------
    start
        In: a new layer.
    touch, marker, filter, bank
        In: operation, one cycle before its products.
    report
        In, with `marker`: there was a block before this one.
    products
        In, array of `pixels`.
    full
        Out, one cycle: a marker has passed and the block before it lies complete in bank `full_bank`.
    read_en, read_address, read_data
        Read side of the result memory, address ``bank << ceil_log2(filters) | filter``; latency 1.
    """

    def __init__(self, *, filters: int, pixels: int, acc_width: int, product_width: int) -> None:
        self._filters, self._pixels = filters, pixels
        self._acc_width = acc_width
        super().__init__({
            "start": In(1),
            "touch": In(1),
            "marker": In(1),
            "report": In(1),
            "filter": In(ceil_log2(filters)),
            "bank": In(1),
            "products": In(signed(product_width)).array(pixels),
            "full": Out(1),
            "full_bank": Out(1),
            "read_en": In(1),
            "read_address": In(ceil_log2(filters) + 1),
            "read_data": Out(data.ArrayLayout(signed(acc_width), pixels)),
        })

    def elaborate(self, platform):
        """Touched flags one stage early; accumulate and evict."""
        m = Module()
        sums = data.ArrayLayout(signed(self._acc_width), self._pixels)
        m.submodules.sums = bank = memory.Memory(shape=sums, depth=self._filters, init=[])
        m.submodules.results = results = memory.Memory(shape=sums, depth=2 << ceil_log2(self._filters), init=[])
        acc_write, acc_read = bank.write_port(), bank.read_port(domain="comb")
        result_write, result_read = results.write_port(), results.read_port()
        touched = Signal(self._filters)
        work, first, marker, index, target = Signal(), Signal(), Signal(), Signal.like(self.filter), Signal()
        with m.If(self.touch):
            m.d.sync += touched.bit_select(self.filter, 1).eq(1)
        with m.If(self.marker | self.start):
            m.d.sync += touched.eq(0)
        m.d.sync += [
            work.eq(self.touch), marker.eq(self.marker & self.report), index.eq(self.filter), target.eq(self.bank),
            first.eq(~touched.bit_select(self.filter, 1)),
            self.full.eq(marker), self.full_bank.eq(target),
        ]
        m.d.comb += [
            acc_read.addr.eq(index),
            acc_write.en.eq(work), acc_write.addr.eq(index),
            result_write.en.eq(work & first), result_write.addr.eq((target << len(index)) | index),
            result_write.data.eq(acc_read.data),
            result_read.en.eq(self.read_en), result_read.addr.eq(self.read_address),
            self.read_data.eq(result_read.data),
        ]
        for p in range(self._pixels):
            m.d.comb += acc_write.data[p].eq(self.products[p] + Mux(first, 0, acc_read.data[p]))
        return m
