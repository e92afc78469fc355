# amaranth: UnusedElaboratable=no
"""The queue that looks after nothing, against a deque."""

from __future__ import annotations

import random
from collections import deque

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.primitives.queue import Queue


@pytest.mark.parametrize("depth", [2, 4, 16])
@pytest.mark.parametrize(("writes", "reads"), [(0.5, 0.5), (1.0, 0.6), (0.6, 1.0), (1.0, 1.0)])
def test_order(depth, writes, reads):
    """Items leave as they came; each can be read in the cycle after it was written, also while the queue fills up.

    `depth` items and no more are inside; now and then all are forgotten, also in the cycle of a write or a read.
    """
    rng = random.Random(f"{depth} {writes} {reads}")
    dut = Queue(width=9, depth=depth)
    inside, fills, restarts = deque(), [], []

    async def bench(ctx):
        for _ in range(3000):
            assert ctx.get(dut.valid) == bool(inside)
            if inside:
                assert ctx.get(dut.data) == inside[0]
            start = rng.random() < 0.01
            read = bool(inside) and rng.random() < reads
            write = len(inside) < depth and rng.random() < writes
            item = rng.getrandbits(9)
            for port, value in ((dut.start, start), (dut.read, read), (dut.write, write), (dut.write_data, item)):
                ctx.set(port, value)
            await ctx.tick()
            if read:
                inside.popleft()
            if write:
                inside.append(item)
            if start:
                restarts.append(len(inside))
                inside.clear()
            fills.append(len(inside))

    simulate(dut, bench)
    assert any(restarts) and min(fills) == 0
    assert max(fills) == depth or reads >= writes


@pytest.mark.parametrize("depth", [2, 8])
def test_full(depth):
    """Filled to the brim and emptied, many times over: the pointers go round."""
    rng = random.Random(depth)
    dut = Queue(width=9, depth=depth)

    async def bench(ctx):
        for count in [depth, depth, 1, depth, depth - 1, depth] * 4:
            items = [rng.getrandbits(9) for _ in range(count)]
            ctx.set(dut.write, 1)
            for item in items:
                ctx.set(dut.write_data, item)
                await ctx.tick()
            ctx.set(dut.write, 0)
            ctx.set(dut.read, 1)
            for item in items:
                assert ctx.get(dut.valid) and ctx.get(dut.data) == item
                await ctx.tick()
            ctx.set(dut.read, 0)
            assert not ctx.get(dut.valid)

    simulate(dut, bench)


@pytest.mark.parametrize("depth", [3, 6])
def test_wrong_depth(depth):
    with pytest.raises(ValueError, match=f"{depth} is not a power of 2"):
        Queue(width=1, depth=depth)
