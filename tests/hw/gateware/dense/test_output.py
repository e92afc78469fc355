# amaranth: UnusedElaboratable=no
"""The output unit against numpy: both modes, every row width, stalls on both sides, full rate."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.hw.streams import expect, put, simulate

from zeroskip.gateware.dense.output import OutputUnit
from zeroskip.reference import requantise
from zeroskip.spec.dense_program import PARAMETER, Mode, Section

DEPTH = 11
ACC = 28


def make_rows(rng, pixels, blocks):
    """Rows as (sums, parameter address, last), some of them far outside what 8 bits hold."""
    rows = []
    for length in blocks:
        for index in range(length):
            near, far = rng.integers(-300, 600, pixels), rng.integers(-1 << 26, 1 << 26, pixels)
            acc = np.where(rng.random(pixels) < 0.7, near, far)
            rows.append((acc.tolist(), int(rng.integers(DEPTH)), index == length - 1))
    return rows


def make_params(rng):
    shift = rng.integers(1, 6, DEPTH)
    return {"bias": rng.integers(-500, 500, DEPTH), "multiplier": rng.integers(1, 3 << 4, DEPTH), "shift": shift}


def model(rows, params, low, high, quantised, rounding="up"):
    """Beats as integers: the rows' bytes, each block filled up to whole beats."""
    out, block = [], b""
    for acc, param, last in rows:
        total = np.array(acc, np.int64) + params["bias"][param]
        if quantised:
            codes = requantise(total[None, None], params["multiplier"][[param]], params["shift"][[param]], low, high,
                               rounding)
            block += codes.astype(np.uint8).tobytes()
        else:
            block += total.astype("<i4").tobytes()
        if last:
            block += bytes(-len(block) % 16)
            out += [int.from_bytes(block[at : at + 16], "little") for at in range(0, len(block), 16)]
            block = b""
    return out


async def configure(ctx, dut, params, low, high, quantised, rounding="up"):
    ctx.set(dut.layer.clamp_low, low)
    ctx.set(dut.layer.clamp_high, high)
    ctx.set(dut.layer.mode, (Mode.REQUANTISE if quantised else 0) | (Mode.ROUND_EVEN if rounding == "even" else 0))
    ctx.set(dut.write.kind, Section.PARAMETERS)
    ctx.set(dut.write.valid, 1)
    for row in range(DEPTH):
        ctx.set(dut.write.address, row)
        ctx.set(dut.write.data, PARAMETER.pack(**{key: int(value[row]) for key, value in params.items()}))
        await ctx.tick()
    ctx.set(dut.write.kind, Section.WEIGHTS)  # of another table
    ctx.set(dut.write.address, 0)
    await ctx.tick()
    ctx.set(dut.write.valid, 0)


def payload(row):
    return {"acc": row[0], "param": row[1], "last": row[2]}


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.8])
@pytest.mark.parametrize(("quantised", "rounding"), [(False, "up"), (True, "up"), (True, "even")])
@pytest.mark.parametrize("pixels", [1, 2, 4, 8])
def test_rows_to_beats(pixels, quantised, rounding, stall):
    rng = np.random.default_rng([pixels, quantised, int(10 * stall)])
    low, high = [(0, 255), (-128, 127)][int(rng.integers(2))]
    dut = OutputUnit(pixels=pixels, acc_width=ACC, parameters=DEPTH, fifo_depth=16)
    rows, params = make_rows(rng, pixels, [1, 16, 17, 3, 40, 1, 1, 2, 5, 32]), make_params(rng)

    async def producer(ctx):
        await configure(ctx, dut, params, low, high, quantised, rounding)
        await put(ctx, dut.rows, map(payload, rows), stall=stall, rng=random.Random(3))

    async def consumer(ctx):
        wanted = model(rows, params, low, high, quantised, rounding)
        await expect(ctx, dut.beats, wanted, stall=stall, rng=random.Random(4))
        assert ctx.get(dut.idle)

    simulate(dut, producer, consumer)


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("pixels", [1, 2, 4, 8])
def test_full_rate(pixels, quantised):
    """With the sink always ready, rows are never refused; 8 sums of 32 bits take two cycles."""
    rng = np.random.default_rng(pixels)
    dut = OutputUnit(pixels=pixels, acc_width=ACC, parameters=DEPTH, fifo_depth=16)
    rows, params = make_rows(rng, pixels, [64]), make_params(rng)

    async def producer(ctx):
        await configure(ctx, dut, params, 0, 255, quantised)
        ctx.set(dut.beats.ready, 1)
        cycles = 0
        ctx.set(dut.rows.valid, 1)
        for row in rows:
            ctx.set(dut.rows.payload, payload(row))
            while True:
                cycles += 1
                _, _, ready = await ctx.tick().sample(dut.rows.ready)
                if ready:
                    break
        assert cycles == (2 * len(rows) - 1 if pixels == 8 and not quantised else len(rows))

    simulate(dut, producer)


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("pixels", [1, 8])
def test_latency(pixels, quantised):
    dut = OutputUnit(pixels=pixels, acc_width=ACC, parameters=DEPTH, fifo_depth=16)
    rng = np.random.default_rng(0)
    params = make_params(rng)

    async def bench(ctx):
        await configure(ctx, dut, params, 0, 255, quantised)
        ctx.set(dut.rows.payload, payload(([1] * pixels, 0, 1)))
        ctx.set(dut.rows.valid, 1)
        assert ctx.get(dut.idle)
        await ctx.tick()
        ctx.set(dut.rows.valid, 0)
        for _ in range((dut.latency if quantised else dut.raw_latency) - 1):
            assert not ctx.get(dut.beats.valid) and not ctx.get(dut.idle)
            await ctx.tick()
        assert ctx.get(dut.beats.valid)

    simulate(dut, bench)


@pytest.mark.parametrize("pixels", [1, 4, 8])
def test_change_of_mode(pixels):
    """Sums, then codes at once after the last beat, and back: nothing of the one layer comes out in the other."""
    rng = np.random.default_rng(pixels)
    dut = OutputUnit(pixels=pixels, acc_width=ACC, parameters=DEPTH, fifo_depth=16)
    params = make_params(rng)

    async def bench(ctx):
        for quantised in (False, True, False, True):
            rows = make_rows(rng, pixels, [5])
            await configure(ctx, dut, params, 0, 255, quantised)
            await put(ctx, dut.rows, map(payload, rows))
            wanted = model(rows, params, 0, 255, quantised)
            await expect(ctx, dut.beats, wanted, quiet=0)
            assert not ctx.get(dut.beats.valid)
        await expect(ctx, dut.beats, [])

    simulate(dut, bench)


def test_messages():
    with pytest.raises(TypeError, match=r"^parameters must be a positive integer, not 0$"):
        OutputUnit(pixels=4, acc_width=ACC, parameters=0, fifo_depth=16)
    with pytest.raises(ValueError, match=r"^pixels must be 1, 2, 4 or 8, not 5$"):
        OutputUnit(pixels=5, acc_width=ACC, parameters=4, fifo_depth=16)
