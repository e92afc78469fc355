# amaranth: UnusedElaboratable=no
"""The result stream: order, `last`, full rate, stalls."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import expect, put, simulate

from zeroskip.gateware.dense.results import ResultStream


def beat_of(payload):
    return (int(payload.data), int(payload.last))


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_last_beats(count, stall):
    """Three layers of the same length, one right after another."""
    rng = random.Random(count)
    beats = [rng.getrandbits(128) for _ in range(3 * count)]
    dut = ResultStream()

    async def producer(ctx):
        await put(ctx, dut.beats, beats, stall=stall, rng=random.Random(1))

    async def consumer(ctx):
        ctx.set(dut.count, count)
        wanted = [(beat, int(index % count == count - 1)) for index, beat in enumerate(beats)]
        await expect(ctx, dut.result, wanted, stall=stall, rng=rng, show=beat_of)

    simulate(dut, consumer, producer)


def test_full_rate():
    """A beat a cycle, `latency` cycles later."""
    dut = ResultStream()

    async def bench(ctx):
        ctx.set(dut.count, 40)
        ctx.set(dut.result.ready, 1)
        ctx.set(dut.beats.valid, 1)
        for index in range(40 + dut.latency):
            ctx.set(dut.beats.payload, index)
            _, _, ready, valid, payload = await ctx.tick().sample(dut.beats.ready, dut.result.valid, dut.result.payload)
            assert ready and valid == (index >= dut.latency)
            assert not valid or beat_of(payload) == (index - dut.latency, index - dut.latency == 39)

    simulate(dut, bench)


def test_a_new_layer_counts_anew():
    """In mid-layer, as after a reset."""
    dut = ResultStream()

    async def bench(ctx):
        ctx.set(dut.count, 4)
        await put(ctx, dut.beats, [1])
        await expect(ctx, dut.result, [(1, 0)], show=beat_of, quiet=1)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        ctx.set(dut.count, 1)
        await put(ctx, dut.beats, [6])
        await expect(ctx, dut.result, [(6, 1)], show=beat_of)

    simulate(dut, bench)
