# amaranth: UnusedElaboratable=no
"""The multiplier's twin against a product in Python."""

from __future__ import annotations

import itertools
import random

import pytest
from tests.hw.gateware.primitives.stimulus import signed_number
from tests.hw.streams import simulate

from zeroskip.gateware.primitives.multiplier import RegisteredMultiplier


def check(operands, *, a_width, b_width, clearable=True):
    """`operands`: (a, b, clear) of each cycle."""
    dut = RegisteredMultiplier(a_width=a_width, b_width=b_width, clearable=clearable)
    wanted = [0] * dut.latency

    async def bench(ctx):
        assert ctx.get(dut.product) == 0
        for a, b, clear in operands:
            ctx.set(dut.a, a)
            ctx.set(dut.b, b)
            if clearable:
                ctx.set(dut.clear, clear)
            wanted.append(0 if clear and clearable else a * b)
            await ctx.tick()
            assert ctx.get(dut.product) == wanted[-dut.latency]

    simulate(dut, bench)


@pytest.mark.parametrize(("a_width", "b_width"), [(1, 1), (3, 2), (4, 4)])
def test_all_operands(a_width, b_width):
    every = itertools.product(range(-1 << a_width - 1, 1 << a_width - 1), range(-1 << b_width - 1, 1 << b_width - 1),
                              (0, 1))
    check(every, a_width=a_width, b_width=b_width)


@pytest.mark.parametrize("clearable", [True, False])
@pytest.mark.parametrize(("a_width", "b_width"), [(9, 8), (18, 18), (18, 1), (1, 18)])
def test_random_operands(a_width, b_width, clearable):
    rng = random.Random(f"{a_width} {b_width}")
    check([(signed_number(rng, a_width), signed_number(rng, b_width), rng.random() < 0.3) for _ in range(2000)],
          a_width=a_width, b_width=b_width, clearable=clearable)


def test_the_domains_reset_does_not_reach_the_product():
    from amaranth.hdl import ResetInserter, Signal

    dut, reset = RegisteredMultiplier(a_width=9, b_width=8), Signal()

    async def bench(ctx):
        ctx.set(dut.a, 5)
        ctx.set(dut.b, 7)
        ctx.set(reset, 1)
        await ctx.tick()
        assert ctx.get(dut.product) == 35

    simulate(ResetInserter(reset)(dut), bench)


def test_clear_is_there_only_if_asked_for():
    assert not hasattr(RegisteredMultiplier(a_width=9, b_width=8, clearable=False), "clear")


@pytest.mark.parametrize(("widths", "error", "message"), [
    ({"a_width": 19, "b_width": 8}, ValueError, "a_width must be at most 18, not 19"),
    ({"a_width": 9, "b_width": 19}, ValueError, "b_width must be at most 18, not 19"),
    ({"a_width": 0, "b_width": 8}, TypeError, "a_width must be a positive integer, not 0"),
    ({"a_width": 9, "b_width": True}, TypeError, "b_width must be a positive integer, not True"),
])
def test_wrong_widths(widths, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        RegisteredMultiplier(**widths)
