# amaranth: UnusedElaboratable=no
"""A cell of the dense array against sums in Python."""

from __future__ import annotations

import itertools
import random
from typing import NamedTuple

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.dense.cell import DenseCell


class Step(NamedTuple):
    """Operands, and whether they end and begin their sum."""

    a: int
    b: int
    last: bool
    first: bool


def steps_of(sums, rng):
    """Steps of sums one after another, with pauses (None) in between."""
    steps = []
    for terms in sums:
        for index, (a, b) in enumerate(terms):
            steps += [None] * rng.choice([0, 0, 0, 1, 3]) + [Step(a, b, index == len(terms) - 1, index == 0)]
    return steps


def feed(dut, steps, rng, gating):
    """Drives operands, and the flags beside their products; where there is no step anything but flags."""
    async def bench(ctx):
        ctx.set(dut.gating, gating)
        flags = [(0, 0)] * dut.product_latency
        for step in steps + [None] * dut.latency:
            ctx.set(dut.activation, step.a if step else rng.randint(-256, 255))
            ctx.set(dut.weight, step.b if step else rng.randint(-128, 127))
            ctx.set(dut.en, step is not None)
            flags.append((step.first, step.last) if step else (0, 0))
            first, last = flags.pop(0)
            ctx.set(dut.first, first)
            ctx.set(dut.last, last)
            await ctx.tick()

    return bench


@pytest.mark.parametrize("gating", [0, 1])
@pytest.mark.parametrize("gate", [False, True])
def test_sums(gate, gating):
    """Sums of all lengths one after another, with pauses in between; a sum may be of zeros alone."""
    rng = random.Random(gate * 2 + gating)
    dut = DenseCell(acc_width=24, gate=gate)
    sums = [[(rng.choice([0, rng.randint(-256, 255)]), rng.choice([0, rng.randint(-128, 127)]))
             for _ in range(rng.choice([1, 2, 5, 9]))] for _ in range(120)]
    sums += [[(0, 5)], [(255, -128), (-256, -128)], [(0, 0), (0, 0)]]
    steps = steps_of(sums, rng)

    async def check(ctx):
        wanted = iter(sums)
        await ctx.tick().repeat(dut.latency)
        for step in steps:
            if step and step.last:
                assert ctx.get(dut.total) == sum(a * b for a, b in next(wanted))
            await ctx.tick()
        assert next(wanted, None) is None

    async def flags(ctx):
        await ctx.tick().repeat(dut.product_latency)
        for step in steps:
            assert ctx.get(dut.gated) == bool(gate and gating and step and 0 in (step.a, step.b))
            await ctx.tick()

    simulate(dut, feed(dut, steps, rng, gating), check, flags)


def test_a_gated_product_switches_nothing():
    """Operands of the multiplier change with products that are not gated alone, and so does the sum."""
    rng, dut = random.Random(5), DenseCell(acc_width=24, gate=True)
    steps = steps_of([[(rng.choice([0, 0, 3, -7]), rng.choice([0, 5, 9])) for _ in range(40)] for _ in range(5)], rng)
    seen = []

    async def watch(ctx):
        async for _, _, a, b in ctx.tick().sample(dut.multiplier.a, dut.multiplier.b):
            seen.append((a, b))

    simulate(dut, feed(dut, steps, rng, 1), background=[watch])
    used = [(step.a, step.b) for step in steps if step and step.a and step.b]
    changes = [new for old, new in itertools.pairwise([(0, 0), *seen]) if old != new]
    assert changes == [new for old, new in itertools.pairwise([(0, 0), *used]) if old != new]


def test_wrong_width():
    with pytest.raises(TypeError, match=r"^acc_width must be a positive integer, not -1$"):
        DenseCell(acc_width=-1, gate=True)
