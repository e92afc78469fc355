# amaranth: UnusedElaboratable=no
"""The lowest bit of a mask, what is left, and whether nothing is: all masks of 4 and 8 bits, many wider ones."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import Elaboratable, Module, Signal, unsigned
from tests.hw.streams import simulate

from zeroskip.lowest import Lowest


class Bench(Elaboratable):
    def __init__(self, bits):
        self.mask, self.rest = Signal(bits), Signal(bits)
        self.index, self.last, self.widths = Signal(range(bits)), Signal(), {}

    def elaborate(self, platform):
        m = Module()
        lowest = Lowest(m, self.mask, "bit")
        self.widths = {name: getattr(lowest, name).shape() for name in ("index", "rest", "last")}
        m.d.comb += [self.index.eq(lowest.index), self.rest.eq(lowest.rest), self.last.eq(lowest.last)]
        m.d.sync += Signal(name="clocked").eq(1)
        return m


def masks(bits):
    """All of few bits; of many those with one, two, all but one or all bits, and random ones, thin and thick."""
    if bits <= 8:
        return range(1 << bits)
    rng, full = random.Random(bits), (1 << bits) - 1
    ones = [1 << bit for bit in range(bits)]
    return [0, full, *ones, *(full ^ one for one in ones), *(low | high for low in ones for high in ones),
            *(full ^ (one - 1) for one in ones), *(rng.getrandbits(bits) for _ in range(500)),
            *(rng.getrandbits(bits) & rng.getrandbits(bits) & rng.getrandbits(bits) for _ in range(500))]


@pytest.mark.parametrize("bits", [4, 8, 16, 32])
def test_masks(bits):
    """The number and whether it is the last count only where a bit is set; the rest always."""
    dut = Bench(bits)

    async def bench(ctx):
        for mask in masks(bits):
            ctx.set(dut.mask, mask)
            assert ctx.get(dut.rest) == mask & (mask - 1), f"{mask:#x}"
            if mask:
                assert 1 << ctx.get(dut.index) == mask & -mask, f"{mask:#x}"
                assert ctx.get(dut.last) == (mask & (mask - 1) == 0), f"{mask:#x}"

    simulate(dut, bench)
    assert dut.widths == {"index": unsigned((bits - 1).bit_length()), "rest": unsigned(bits), "last": unsigned(1)}
