# amaranth: UnusedElaboratable=no
"""The zero-skip multiplier against a model of its registers and flags."""

from __future__ import annotations

import itertools
import random

import pytest
from tests.hw.streams import simulate

from zeroskip.multiplier import ZeroSkipMultiplier


class Model:
    """The circuit, cycle by cycle."""

    def __init__(self, gate):
        self.gate = gate
        self.operands, self.raw, self.zero_next, self.gated_next, self.zero, self.gated = (0, 0), 0, 1, 0, 1, 0

    def tick(self, a, b, en, gating):
        gated = bool(self.gate and gating and (a == 0 or b == 0))
        if not self.gate or not self.zero_next:
            self.raw = self.operands[0] * self.operands[1]
        if not self.gate or (en and not gated):
            self.operands = (a, b)
        self.zero, self.gated = self.zero_next, self.gated_next
        self.zero_next, self.gated_next = int(not en or gated), int(en and gated)


def check(operands, *, a_width, b_width, gate):
    dut = ZeroSkipMultiplier(a_width=a_width, b_width=b_width, gate=gate)
    model = Model(gate)

    async def bench(ctx):
        history = [(0, 0, 0)] * dut.latency
        for a, b, en, gating in operands:
            for port, value in zip((dut.a, dut.b, dut.en, dut.gating), (a, b, en, gating), strict=True):
                ctx.set(port, value)
            history.append((a, b, en))
            model.tick(a, b, en, gating)
            await ctx.tick()
            a_then, b_then, en_then = history[-dut.latency]
            assert ctx.get(dut.product) == (a_then * b_then if en_then else 0)
            assert ctx.get(dut.raw) == model.raw
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


def test_nothing_switches_while_gated():
    dut = ZeroSkipMultiplier(a_width=9, b_width=8)

    async def bench(ctx):
        ctx.set(dut.en, 1)
        ctx.set(dut.a, 77)
        ctx.set(dut.b, -5)
        await ctx.tick().repeat(dut.latency)
        assert ctx.get(dut.product) == -385
        for a, b in [(0, 9), (33, 0), (0, 0)] * 5:
            ctx.set(dut.a, a)
            ctx.set(dut.b, b)
            await ctx.tick()
            assert ctx.get(dut.raw) == -385
            assert tuple(map(ctx.get, dut.held)) == (77, -5)
        assert ctx.get(dut.product) == 0

    simulate(dut, bench)


@pytest.mark.parametrize(("value", "message"), [
    (0, "a_width must be a positive integer, not 0"),
    (2.0, "a_width must be a positive integer, not 2.0"),
    (True, "a_width must be a positive integer, not True"),
])
def test_wrong_width(value, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        ZeroSkipMultiplier(a_width=value, b_width=8)
