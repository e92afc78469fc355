# amaranth: UnusedElaboratable=no
"""The beat merger: order, `last`, full rate, stalls, restart."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import expect, get, put, simulate

from zeroskip.output_beats import BeatMerger


def beat_of(payload):
    return (int(payload.data), int(payload.last))


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("units", [1, 2, 3, 8])
def test_in_turn(units, stall):
    """Three layers of the same length, one right after another."""
    rng = random.Random(units)
    turns = [[rng.getrandbits(128) for _ in range(units)] for _ in range(21)]
    flat = [beat for turn in turns for beat in turn]
    dut = BeatMerger(units=units)

    def producer(unit):
        async def bench(ctx):
            await put(ctx, dut.sources[unit], [turn[unit] for turn in turns], stall=stall, rng=random.Random(unit))
        return bench

    async def consumer(ctx):
        ctx.set(dut.result_beats, 7 * units)
        wanted = [(beat, int(index % (7 * units) == 7 * units - 1)) for index, beat in enumerate(flat)]
        await expect(ctx, dut.result, wanted, stall=stall, rng=rng, show=beat_of)

    simulate(dut, consumer, *(producer(unit) for unit in range(units)))


def test_full_rate():
    """No bubble: with all units ready, a beat a cycle."""
    dut = BeatMerger(units=4)
    count = 40

    def producer(unit):
        async def bench(ctx):
            ctx.set(dut.sources[unit].valid, 1)
            ctx.set(dut.sources[unit].payload, unit)
        return bench

    async def consumer(ctx):
        ctx.set(dut.result_beats, count)
        ctx.set(dut.result.ready, 1)
        await ctx.tick().repeat(dut.latency)
        for index in range(count):
            _, _, valid, payload = await ctx.tick().sample(dut.result.valid, dut.result.payload)
            assert valid and beat_of(payload) == (index % 4, index == count - 1)

    simulate(dut, *(producer(unit) for unit in range(4)), consumer)


def test_restart():
    """In mid-layer: the next beat is unit 0's, and the count begins again."""
    dut = BeatMerger(units=2)

    async def bench(ctx):
        ctx.set(dut.result_beats, 4)
        ctx.set(dut.sources[0].valid, 1)
        ctx.set(dut.sources[0].payload, 5)
        ctx.set(dut.result.ready, 1)
        await ctx.tick().repeat(2)
        ctx.set(dut.sources[0].valid, 0)
        await ctx.tick()
        ctx.set(dut.restart, 1)
        await ctx.tick()
        ctx.set(dut.restart, 0)
        ctx.set(dut.result_beats, 1)
        ctx.set(dut.sources[0].valid, 1)
        ctx.set(dut.sources[0].payload, 6)
        (found,) = await get(ctx, dut.result, 1)
        assert beat_of(found) == (6, 1)

    simulate(dut, bench)


def test_messages():
    with pytest.raises(TypeError, match=r"^units must be a positive integer, not 0$"):
        BeatMerger(units=0)
