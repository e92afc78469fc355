# amaranth: UnusedElaboratable=no
"""The drain against loops over block, group, lane, filter; groups finish their blocks at any time."""

from __future__ import annotations

import random

import pytest
from tests.hw.layers import result_row, small_config
from tests.hw.streams import expect, simulate

from zeroskip.drain import Drain, params_rows
from zeroskip.wire import Mode


def value(group, lane, row, block, pixel):
    """A sum that tells where it comes from; every second one is negative."""
    code = (((block % 32 * 4 + group) * 8 + lane) * 32 + row) * 8 + pixel
    return -code if row % 2 else code


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("filters", [1, 3])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 4, 2, 1), (4, 2, 1, 1), (4, 1, 4, 2)])
def test_order(shape, filters, stall):
    """Two layers of some blocks; each group's block becomes complete by itself, at most `ring` ahead.

    In the second layer the parameters take turns. Now and then a lane needs its memory itself.
    """
    groups, lanes, pixels, units = shape
    config = small_config(groups, lanes, pixels, units=units, lane_filters=4)
    own, ring = groups // units, 3
    dut, rng = Drain(config=config), random.Random(f"{shape} {filters} {stall}")
    blocks = [4, 17]
    state = {"full": [0] * own, "done": [0] * own, "drained": [0] * own, "layer": 0}

    def block_rows(block, layer):
        sets = params_rows(config) * (block // 5 % 4) * layer
        rows = [result_row(config.result_rows, 4, block % ring, f) for f in range(filters)]
        return [{"acc": [value(g, e, rows[f], block, p) for p in range(pixels)],
                 "param": sets + (g * lanes + e) * 16 + f,
                 "last": block == blocks[layer] - 1 and g == own - 1 and e == lanes - 1 and f == filters - 1}
                for g in range(own) for e in range(lanes) for f in range(filters)]

    def show(row):
        return {"acc": [row.acc[p] for p in range(pixels)], "param": row.param, "last": bool(row.last)}

    async def fake_groups(ctx):
        """Complete blocks, answer reads one cycle later, mind what has been drained."""
        while True:
            blocked = [rng.random() < 0.2 for _ in range(own)]
            for g in range(own):
                if state["done"][g] < blocks[state["layer"]] and rng.random() < 0.3 and state["full"][g] < ring:
                    state["full"][g] += 1
                    state["done"][g] += 1
                ctx.set(dut.full[g], (state["full"][g] > 0) | (state["full"][g] > 1) << 1)
                ctx.set(dut.read_blocked[g], blocked[g])
            _, _, en, lane, row, start, *drained = await ctx.tick().sample(
                dut.read_en, dut.read_lane, dut.read_address, dut.start, *dut.drained)
            if start:
                continue
            for g in range(own):
                for p in range(pixels):
                    if blocked[g]:
                        ctx.set(dut.read_data[g][p], -1)
                    elif en:
                        ctx.set(dut.read_data[g][p], value(g, lane, row, state["drained"][g] + drained[g], p))
                assert state["full"][g] >= drained[g]
                state["full"][g] -= drained[g]
                state["drained"][g] += drained[g]

    async def bench(ctx):
        ctx.set(dut.config.filters, filters)
        ctx.set(dut.config.ring, ring)
        ctx.set(dut.config.blocks, 5)
        for layer, count in enumerate(blocks):
            ctx.set(dut.config.mode, Mode.TILED.value * layer)
            ctx.set(dut.config.drain_blocks, count)
            state.update(layer=layer, done=[0] * own, drained=[0] * own, full=[0] * own)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            rows = [row for block in range(count) for row in block_rows(block, layer)]
            await expect(ctx, dut.rows, rows, stall=stall, rng=rng, show=show)
            assert state["drained"] == [count] * own

    simulate(dut, bench, background=[fake_groups], cycles=20_000)


def test_full_rate():
    """A row a cycle where everything is complete and the sink is ready."""
    config = small_config(2, 2, 2, lane_filters=4)
    dut = Drain(config=config)

    async def bench(ctx):
        ctx.set(dut.config.filters, 3)
        ctx.set(dut.config.ring, 8)
        ctx.set(dut.config.drain_blocks, 1000)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for full in dut.full:
            ctx.set(full, 3)
        ctx.set(dut.rows.ready, 1)
        await ctx.tick().until(dut.rows.valid)
        for _ in range(30):
            _, _, valid = await ctx.tick().sample(dut.rows.valid)
            assert valid

    simulate(dut, bench, cycles=200)
    assert Drain.params_depth(config) == 4 * 2 * 2 * 16
