# amaranth: UnusedElaboratable=no
"""The multiplexer of many values, for every number of them."""

import random

import pytest
from amaranth.hdl import Elaboratable, Module, Signal
from tests.hw.streams import simulate

from zeroskip.gateware.primitives.choose import choose


class Dut(Elaboratable):
    """A multiplexer with its ports."""

    def __init__(self, count):
        self.values = [Signal(range(1 << 3 + number % 2), name=f"value_{number}") for number in range(count)]
        self.index, self.out = Signal(range(max(2, count))), Signal(4)

    def elaborate(self, platform):
        m = Module()
        m.d.sync += Signal().eq(0)  # for the simulator's clock
        m.d.comb += self.out.eq(choose(m, self.values, self.index))
        return m


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 18])
def test_every_value(count):
    dut, rng = Dut(count), random.Random(count)

    async def bench(ctx):
        for _ in range(40):
            given = [rng.getrandbits(len(value)) for value in dut.values]
            for value, number in zip(dut.values, given, strict=True):
                ctx.set(value, number)
            for index in range(count):
                ctx.set(dut.index, index)
                assert ctx.get(dut.out) == given[index]
            await ctx.tick()

    simulate(dut, bench)
