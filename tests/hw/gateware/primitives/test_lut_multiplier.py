# amaranth: UnusedElaboratable=no
"""The multiplier of carry cells, its plain form, against products in Python."""

from __future__ import annotations

import itertools
import random

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.primitives.lut_multiplier import LutMultiplier


@pytest.mark.parametrize(("a_width", "b_width"), [(10, 17), (1, 1), (5, 3), (2, 9)])
def test_products(a_width, b_width):
    rng = random.Random(f"{a_width} {b_width}")
    dut = LutMultiplier(a_width=a_width, b_width=b_width)
    ends = [*itertools.product((0, (1 << a_width) - 1), (0, (1 << b_width) - 1))]

    async def bench(ctx):
        for a, b in [*ends, *((rng.getrandbits(a_width), rng.getrandbits(b_width)) for _ in range(2000))]:
            ctx.set(dut.a, a)
            ctx.set(dut.b, b)
            await ctx.tick().repeat(dut.latency)
            assert ctx.get(dut.product) == a * b

    simulate(dut, bench)


def test_a_width_of_nothing():
    with pytest.raises(TypeError, match="a_width"):
        LutMultiplier(a_width=0, b_width=3)
