# amaranth: UnusedElaboratable=no
"""The accumulator's twin against a sum in Python."""

from __future__ import annotations

import random

import pytest
from tests.hw.gateware.primitives.stimulus import signed_number, wrapped
from tests.hw.streams import simulate

from zeroskip.gateware.primitives.accumulator import Accumulator


@pytest.mark.parametrize(("acc_width", "product_width"), [(2, 1), (2, 2), (28, 17), (28, 28), (32, 18), (48, 36)])
def test_sums(acc_width, product_width):
    rng = random.Random(f"{acc_width} {product_width}")
    dut = Accumulator(acc_width=acc_width, product_width=product_width)
    seen = set()

    async def bench(ctx):
        acc = 0
        history = [acc] * dut.latency
        assert ctx.get(dut.acc) == acc
        for _ in range(4000):
            product, bias = signed_number(rng, product_width), signed_number(rng, acc_width)
            first, en = rng.random() < 0.1, rng.random() < 0.8
            for port, value in ((dut.product, product), (dut.bias, bias), (dut.first, first), (dut.en, en)):
                ctx.set(port, value)
            plain = product + (bias if first else acc)
            seen.add((first, en, wrapped(plain, acc_width) != plain))
            assert ctx.get(dut.negative) == (wrapped(plain, acc_width) < 0)
            if en:
                acc = wrapped(plain, acc_width)
            history.append(acc)
            await ctx.tick()
            assert ctx.get(dut.acc) == history[-dut.latency]

    simulate(dut, bench)
    wraps = {wrap for first, _, wrap in seen if first}
    assert {(first, en) for first, en, _ in seen} == {(0, 0), (0, 1), (1, 0), (1, 1)} and wraps == {False, True}


def test_the_domains_reset_does_not_reach_the_sum():
    from amaranth.hdl import ResetInserter, Signal

    dut, reset = Accumulator(acc_width=28, product_width=17), Signal()

    async def bench(ctx):
        ctx.set(dut.product, 5)
        ctx.set(dut.en, 1)
        ctx.set(reset, 1)
        await ctx.tick()
        await ctx.tick()
        assert ctx.get(dut.acc) == 10

    simulate(ResetInserter(reset)(dut), bench)


@pytest.mark.parametrize(("widths", "error", "message"), [
    ({"acc_width": 27, "product_width": 17}, ValueError, "acc_width must be even, not 27"),
    ({"acc_width": 16, "product_width": 17}, ValueError, "product_width must be at most acc_width, 16, not 17"),
    ({"acc_width": 0, "product_width": 17}, TypeError, "acc_width must be a positive integer, not 0"),
    ({"acc_width": 28, "product_width": "17"}, TypeError, "product_width must be a positive integer, not '17'"),
])
def test_wrong_widths(widths, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Accumulator(**widths)
