# amaranth: UnusedElaboratable=no
"""A cell of the dense array against sums in Python."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.dense_pe import DensePE


@pytest.mark.parametrize("gating", [0, 1])
@pytest.mark.parametrize("gate", [False, True])
def test_sums(gate, gating):
    """Sums of all lengths one after another, with pauses in between; a sum may be of zeros alone."""
    rng = random.Random(gate * 2 + gating)
    dut = DensePE(acc_width=24, gate=gate)
    sums = [[(rng.choice([0, rng.randint(-256, 255)]), rng.choice([0, rng.randint(-128, 127)]))
             for _ in range(rng.choice([1, 2, 5, 9]))] for _ in range(120)]
    sums += [[(0, 5)], [(255, -128), (-256, -128)], [(0, 0), (0, 0)]]
    steps = []
    for terms in sums:
        for index, (a, b) in enumerate(terms):
            steps += [None] * rng.choice([0, 0, 0, 1, 3]) + [(a, b, index == len(terms) - 1)]

    async def feed(ctx):
        ctx.set(dut.gating, gating)
        lasts = [0] * dut.last_latency
        for step in steps + [None] * dut.latency:
            a, b, last = step or (rng.randint(-256, 255), rng.randint(-128, 127), 0)
            ctx.set(dut.activation, a)
            ctx.set(dut.weight, b)
            ctx.set(dut.en, step is not None)
            lasts.append(int(last))
            ctx.set(dut.last, lasts.pop(0))
            await ctx.tick()

    async def check(ctx):
        wanted = iter(sums)
        await ctx.tick().repeat(dut.latency - 1)
        for step in steps:
            gated = ctx.get(dut.gated)
            assert gated == bool(gate and gating and step and 0 in step[:2])
            await ctx.tick()
            if step and step[2]:
                assert ctx.get(dut.total) == sum(a * b for a, b in next(wanted))

    simulate(dut, feed, check)


def test_wrong_width():
    with pytest.raises(TypeError, match=r"^acc_width must be a positive integer, not -1$"):
        DensePE(acc_width=-1, gate=True)
