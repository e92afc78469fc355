# amaranth: UnusedElaboratable=no
"""Rows that are no longer needed against loops over blocks, layer after layer, one block done after the other."""

from __future__ import annotations

import random
from collections import deque

import numpy as np
import pytest
from tests.hw.layers import random_layer, small_config, some_plan
from tests.hw.streams import simulate

from zeroskip.plan import registers
from zeroskip.ring_retire import RingRetire
from zeroskip.wire import Config

LARGE = {"value_positions": 512, "map_positions": 1024, "lane_filters": 8}
FAR = [
    random_layer(1, size=(1, 2), kernel=(5, 5), padding=(4, 4), images=2),
    random_layer(2, size=(8, 3), kernel=(2, 1), stride=(7, 1), images=2),
    random_layer(3, size=(1, 1), kernel=(1, 1), images=3),
    random_layer(4, size=(3, 9), kernel=(1, 1), padding=(2, 0)),
]
"""Results below the map, rows that nothing reads, a block for each image, results above the map."""


def some_layer(rng):
    kernel, padding = (rng.randint(1, 4), rng.randint(1, 3)), (rng.randrange(3), rng.randrange(3))
    size = tuple(max(rng.randint(1, 9), own - 2 * pad) for own, pad in zip(kernel, padding, strict=True))
    return random_layer(rng.getrandbits(30), filters=2, kernel=kernel, size=size, padding=padding,
                        stride=(rng.randint(1, 3), rng.randint(1, 2)), images=rng.randint(1, 3))


def plans(rng, count, raster):
    """`count` plans with or without raster blocks, some of `FAR` first; of any array."""
    due, seen = 3 * FAR, 0
    while seen < count:
        layer = due.pop() if due else some_layer(rng)
        groups, pixels = rng.choice([(1, 2), (2, 4), (4, 2)] if raster else [(1, 1), (2, 2), (4, 2), (2, 4), (1, 8)])
        config = small_config(groups, 1, pixels, **LARGE)
        plan = some_plan(layer, config, rng.randrange(100), True)
        if plan.arrangement.raster == raster:
            seen += 1
            yield plan


def first_read(plan, block):
    """The first row of the map that any of a block's pixels may read, in its plane: the top of its windows."""
    layer, groups = plan.layer, range(plan.config.groups)
    top = min(int(y[block][valid[block]].min()) for y, _, valid in map(plan.grid.places, groups) if valid[block].any())
    return (top * layer.stride[0] - layer.padding[0]) // layer.stride[0]


def freed(plan):
    """Rows that become free with each block of an image."""
    rows, before = plan.layout.rows, 0
    for block in range(plan.grid.count):
        last = block == plan.grid.count - 1
        now = rows if last else min(max(0, first_read(plan, block + 1)), rows)
        yield now - before
        before = now


async def begin(ctx, dut, plan):
    values = registers(plan)
    for register in Config:
        if register < Config.ROW_OFFSET:
            ctx.set(dut.config[register.name.lower()], values.get(register, 0))
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)


@pytest.mark.parametrize("often", [1.0, 0.4])
@pytest.mark.parametrize("raster", [False, True])
def test_rows(raster, often):
    """Each block's rows `latency` cycles after its step and nothing otherwise, steps in every cycle or not.

    Each image frees all of its rows; some layers are cut off by the next one. The plan says the same.
    """
    rng, dut = random.Random(f"{raster} {often}"), RingRetire()
    seen = {"rows": 0, "several": 0, "cut": 0}

    async def layer(ctx, plan):
        rows = list(freed(plan))
        assert np.cumsum(rows).tolist() == plan.free_rows.tolist() and sum(rows) == plan.layout.rows
        due = deque(rows * plan.images)
        seen["rows"] += max(rows) > 1
        seen["several"] += plan.images > 1 and plan.grid.count > 1
        if len(due) > 2 and rng.random() < 0.3:
            seen["cut"] += 1
            due = deque(list(due)[: rng.randrange(1, len(due))])
        coming = deque([0] * dut.latency)
        await begin(ctx, dut, plan)
        while due or any(coming):
            step = bool(due) and rng.random() < often
            ctx.set(dut.step, step)
            coming.append(due.popleft() if step else 0)
            assert ctx.get(dut.rows) == coming.popleft()
            await ctx.tick()
        ctx.set(dut.step, 0)
        for _ in range(dut.latency + 1):
            assert ctx.get(dut.rows) == 0
            await ctx.tick()

    async def bench(ctx):
        for plan in plans(rng, 40, raster):
            await layer(ctx, plan)

    simulate(dut, bench)
    assert all(seen.values())
