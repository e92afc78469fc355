# amaranth: UnusedElaboratable=no
"""The tap table: rows in order and round again, at full rate, whoever stalls it."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import get, simulate

from zeroskip.gateware.dense.tap_table import TapTable
from zeroskip.spec.dense_program import TAP, Section


def rows_of(rng, count):
    return [(rng.randint(-500, 500), rng.randint(-9, 9), rng.randint(-9, 9), rng.randint(1, 16)) for _ in range(count)]


async def write(ctx, dut, rows):
    ctx.set(dut.write.valid, 1)
    for kind in (Section.TAPS, Section.WEIGHTS):  # the second is another table's
        ctx.set(dut.write.kind, kind)
        for address, (offset, dy, dx, channels) in enumerate(rows if kind == Section.TAPS else rows[::-1]):
            ctx.set(dut.write.address, address)
            ctx.set(dut.write.data, TAP.pack(offset=offset, dy=dy, dx=dx, channels=channels))
            await ctx.tick()
    ctx.set(dut.write.valid, 0)


async def start(ctx, dut, count):
    ctx.set(dut.count, count)
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)


def seen(payload):
    tap = payload.tap
    return (int(tap.offset), int(tap.dy), int(tap.dx), int(tap.last_channel), int(payload.last))


def wanted(rows):
    return [(offset & 0x3FFF, dy, dx, channels - 1, int(index == len(rows) - 1))
            for index, (offset, dy, dx, channels) in enumerate(rows)]


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_round_and_round(count, stall):
    """Two tables one after the other, the first given up in the middle."""
    rng = random.Random(f"{count} {stall}")
    dut = TapTable(taps=8)

    async def bench(ctx):
        for _ in range(2):
            rows = rows_of(rng, count)
            await write(ctx, dut, rows)
            assert ctx.get(dut.reach) == max(dy for _, dy, _, _ in rows)
            await start(ctx, dut, count)
            found = [seen(row) for row in await get(ctx, dut.taps, 3 * count + 1, stall=stall, rng=rng)]
            assert found == (4 * wanted(rows))[: len(found)]

    simulate(dut, bench)


def test_full_rate():
    """The first after `latency` cycles, then one a cycle."""
    dut = TapTable(taps=4)
    rows = rows_of(random.Random(1), 3)

    async def bench(ctx):
        await write(ctx, dut, rows)
        await start(ctx, dut, 3)
        for _ in range(dut.latency - 1):
            assert not ctx.get(dut.taps.valid)
            await ctx.tick()
        ctx.set(dut.taps.ready, 1)
        for index in range(40):
            assert ctx.get(dut.taps.valid)
            assert seen(ctx.get(dut.taps.payload)) == wanted(rows)[index % 3]
            await ctx.tick()

    simulate(dut, bench)


def test_messages():
    with pytest.raises(TypeError, match=r"^taps must be a positive integer, not 0$"):
        TapTable(taps=0)
