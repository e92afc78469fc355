# amaranth: UnusedElaboratable=no
"""The zero-skip multiplier against a model of its registers and flags."""

from __future__ import annotations

import itertools
import random

import pytest
from tests.hw.streams import simulate

from cosim.energy.zero_skip_multiplier import ZeroSkipMultiplier


class Model:
    """The circuit, cycle by cycle: the product register is cleared where it would hold what does not count."""

    def __init__(self, gate):
        self.gate = gate
        self.operands, self.product, self.zero_next, self.gated_next, self.zero, self.gated = (0, 0), 0, 1, 0, 1, 0

    def tick(self, a, b, en, zero):
        self.product = 0 if self.zero_next else self.operands[0] * self.operands[1]
        if not self.gate or (en and not zero):
            self.operands = (a, b)
        self.zero, self.gated = self.zero_next, self.gated_next
        self.zero_next, self.gated_next = int(not en or zero), int(en and zero)


def check(operands, *, a_width, b_width, gate):
    dut = ZeroSkipMultiplier(a_width=a_width, b_width=b_width, gate=gate)
    model = Model(gate)

    async def bench(ctx):
        history = [(0, 0, 0)] * dut.latency
        for a, b, en, gating in operands:
            for port, value in zip((dut.a, dut.b, dut.en, dut.gating), (a, b, en, gating), strict=True):
                ctx.set(port, value)
            history.append((a, b, en))
            model.tick(a, b, en, bool(gate and gating and (a == 0 or b == 0)))
            await ctx.tick()
            a_then, b_then, en_then = history[-dut.latency]
            assert ctx.get(dut.product) == model.product == (a_then * b_then if en_then else 0)
            assert tuple(map(ctx.get, dut.held)) == model.operands
            assert (ctx.get(dut.zero), ctx.get(dut.gated)) == (model.zero, model.gated)

    simulate(dut, bench)


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize(("a_width", "b_width"), [(1, 1), (2, 3), (4, 3)])
def test_all_operands(a_width, b_width, gate):
    a_all = range(-(1 << a_width - 1), 1 << a_width - 1)
    b_all = range(-(1 << b_width - 1), 1 << b_width - 1)
    check([(a, b, 1, 1) for a, b in itertools.product(a_all, b_all)], a_width=a_width, b_width=b_width, gate=gate)


@pytest.mark.parametrize("gate", [False, True])
def test_random_operands_with_pauses(gate):
    rng = random.Random(1)
    edges = [(-256, -128), (255, -128), (-128, -128), (255, 127), (-256, 127), (0, -128), (-128, 0)]
    stream = [(*pair, 1, 1) for pair in edges]
    for _ in range(4000):
        a = rng.choice([0, rng.randint(-256, 255)])
        b = rng.choice([0, rng.randint(-128, 127)])
        stream.append((a, b, rng.random() < 0.7, rng.random() < 0.8))
    check(stream, a_width=9, b_width=8, gate=gate)


@pytest.mark.parametrize("gate", [False, True])
def test_told_zeros(gate):
    """What is told beside an operand counts, whatever the operand and `gating` are; without `gate` it does not."""
    rng = random.Random(2)
    dut = ZeroSkipMultiplier(a_width=9, b_width=8, gate=gate, told=True)
    model, seen = Model(gate), set()

    async def bench(ctx):
        for _ in range(3000):
            a, b = rng.choice([0, rng.randint(-256, 255)]), rng.choice([0, rng.randint(-128, 127)])
            a_zero, b_zero, en, gating = (rng.random() < share for share in (0.3, 0.3, 0.8, 0.5))
            for port, value in ((dut.a, a), (dut.b, b), (dut.a_zero, a_zero), (dut.b_zero, b_zero), (dut.en, en),
                                (dut.gating, gating)):
                ctx.set(port, value)
            model.tick(a, b, en, gate and (a_zero or b_zero))
            await ctx.tick()
            assert ctx.get(dut.product) == model.product
            assert tuple(map(ctx.get, dut.held)) == model.operands
            assert (ctx.get(dut.zero), ctx.get(dut.gated)) == (model.zero, model.gated)
            seen.add((a_zero, b_zero, a == 0, b == 0, en))

    simulate(dut, bench)
    assert len(seen) == 32


def test_told_has_no_flags_unless_asked_for():
    assert not hasattr(ZeroSkipMultiplier(a_width=9, b_width=8), "a_zero")


@pytest.mark.parametrize("told", [False, True])
def test_nothing_switches_while_gated(told):
    """Behind a product come only gated ones: the operand registers keep theirs, the product register falls to zero."""
    dut = ZeroSkipMultiplier(a_width=9, b_width=8, told=told)
    products = []

    async def bench(ctx):
        ctx.set(dut.en, 1)
        ctx.set(dut.a, 77)
        ctx.set(dut.b, -5)
        await ctx.tick().repeat(dut.latency)
        assert ctx.get(dut.product) == -385
        for a, b in [(0, 9), (33, 0), (0, 0)] * 5:
            ctx.set(dut.a, a)
            ctx.set(dut.b, b)
            if told:
                ctx.set(dut.a_zero, a == 0)
                ctx.set(dut.b_zero, b == 0)
            await ctx.tick()
            products.append(ctx.get(dut.product))
            assert tuple(map(ctx.get, dut.held)) == (77, -5)

    simulate(dut, bench)
    assert products == [-385, *[0] * 14]


@pytest.mark.parametrize(("value", "message"), [
    (0, "a_width must be a positive integer, not 0"),
    (2.0, "a_width must be a positive integer, not 2.0"),
    (True, "a_width must be a positive integer, not True"),
])
def test_wrong_width(value, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        ZeroSkipMultiplier(a_width=value, b_width=8)
