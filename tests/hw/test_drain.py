# amaranth: UnusedElaboratable=no
"""The drain against loops over block, group, lane, filter; groups finish their blocks at any time."""

from __future__ import annotations

import random

import pytest
from amaranth.utils import ceil_log2
from tests.hw.layers import small_config
from tests.hw.streams import expect, simulate

from zeroskip.drain import Drain


def value(group, lane, bank, number, block, pixel):
    """A sum that tells where it comes from; every second one is negative."""
    code = ((((block % 32 * 4 + group) * 8 + lane) * 2 + bank) * 16 + number) * 8 + pixel
    return -code if number % 2 else code


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("filters", [1, 3])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 4, 2, 1), (4, 2, 1, 1), (4, 1, 4, 2)])
def test_order(shape, filters, stall):
    """Two layers of some blocks; each group's block becomes complete by itself, at most two ahead."""
    groups, lanes, pixels, units = shape
    config = small_config(groups, lanes, pixels, units=units, lane_filters=3)
    own = groups // units
    dut, rng = Drain(config=config), random.Random(f"{shape} {filters} {stall}")
    blocks = [3, 4]
    state = {"full": [[0, 0] for _ in range(own)], "done": [0] * own, "drained": [0] * own, "layer": 0}

    def block_rows(block):
        return [{"acc": [value(g, e, block % 2, f, block, p) for p in range(pixels)],
                 "param": (g * lanes + e) * 16 + f, "last": e == lanes - 1 and f == filters - 1}
                for g in range(own) for e in range(lanes) for f in range(filters)]

    def show(row):
        return {"acc": [row.acc[p] for p in range(pixels)], "param": row.param, "last": bool(row.last)}

    async def fake_groups(ctx):
        """Set full banks, answer reads one cycle later, mind what has been drained."""
        while True:
            for g in range(own):
                if state["done"][g] < blocks[state["layer"]] and rng.random() < 0.3:
                    bank = state["done"][g] % 2
                    if not state["full"][g][bank]:
                        state["full"][g][bank] = 1
                        state["done"][g] += 1
                ctx.set(dut.full[g], state["full"][g][0] | state["full"][g][1] << 1)
            _, _, en, lane, address, start, *drained = await ctx.tick().sample(
                dut.read_en, dut.read_lane, dut.read_address, dut.start, *dut.drained)
            if start:
                continue
            for g in range(own):
                bank, number = divmod(address, 1 << ceil_log2(3))
                if en:
                    for p in range(pixels):
                        ctx.set(dut.read_data[g][p], value(g, lane, bank, number, state["drained"][g], p))
                for bank in range(2):
                    if drained[g] >> bank & 1:
                        assert state["full"][g][bank] and state["drained"][g] % 2 == bank
                        state["full"][g][bank] = 0
                        state["drained"][g] += 1

    async def bench(ctx):
        ctx.set(dut.filters, filters)
        for layer, count in enumerate(blocks):
            state.update(layer=layer, done=[0] * own, drained=[0] * own, full=[[0, 0] for _ in range(own)])
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            rows = [row for block in range(count) for row in block_rows(block)]
            await expect(ctx, dut.rows, rows, stall=stall, rng=rng, show=show)
            assert state["drained"] == [count] * own

    simulate(dut, bench, background=[fake_groups], cycles=10_000)


def test_full_rate():
    """A row a cycle where everything is complete and the sink is ready."""
    config = small_config(2, 2, 2, lane_filters=4)
    dut = Drain(config=config)

    async def bench(ctx):
        ctx.set(dut.filters, 3)
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
    assert Drain.params_depth(config) == 2 * 2 * 16
