# amaranth: UnusedElaboratable=no
"""Evicting accumulators against sums in Python: each block's sums lie complete where `full` says."""

from __future__ import annotations

import random

import pytest
from amaranth.utils import ceil_log2
from tests.hw.streams import simulate

from zeroskip.accumulators import Accumulators

PRODUCT_WIDTH = 17
PRODUCTS = [-(1 << 16), (1 << 16) - 1, 0, 1, -1]


def random_blocks(rng, filters, pixels, count):
    """Blocks of (filter, products), every filter at least once, with pauses (None); long enough to be read."""
    blocks = []
    for _ in range(count):
        touched = [*range(filters), *(rng.randrange(filters) for _ in range(rng.randrange(3 * filters)))]
        rng.shuffle(touched)
        block = [(f, [rng.choice([*PRODUCTS, rng.randrange(-(1 << 16), 1 << 16)]) for _ in range(pixels)])
                 for f in touched]
        while len(block) < 2 * filters + 8 or rng.random() < 0.7:
            block.insert(rng.randrange(len(block) + 1), None)
        blocks.append(block)
    return blocks


def sums(block, filters, pixels):
    """The block's sums, filter by filter."""
    total = [[0] * pixels for _ in range(filters)]
    for item in block:
        if item is not None:
            total[item[0]] = [a + b for a, b in zip(total[item[0]], item[1], strict=True)]
    return total


@pytest.mark.parametrize("pixels", [1, 3])
@pytest.mark.parametrize("filters", [1, 2, 5, 16])
@pytest.mark.parametrize("seed", range(2))
def test_blocks(filters, pixels, seed):
    """Two layers of several blocks. The last block of a layer leaves with one more block, the flush."""
    rng = random.Random(f"{filters} {pixels} {seed}")
    dut = Accumulators(filters=filters, pixels=pixels, acc_width=28, product_width=PRODUCT_WIDTH)
    layers = [random_blocks(rng, filters, pixels, rng.randint(1, 5)) for _ in range(2)]
    flush = [(f, [0] * pixels) for f in range(filters)] + (2 * filters + 8) * [None]
    expected = [sums(block, filters, pixels) for blocks in layers for block in blocks]
    found, running = [], [True]

    async def feed(ctx):
        pending = [0] * pixels
        for blocks in layers:
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            bank = 0
            for number, block in enumerate([*blocks, flush]):
                for item in [*block, "end"]:
                    ctx.set(dut.touch, isinstance(item, tuple))
                    ctx.set(dut.marker, item == "end")
                    ctx.set(dut.report, number > 0)
                    ctx.set(dut.bank, bank)
                    ctx.set(dut.filter, item[0] if isinstance(item, tuple) else rng.randrange(filters))
                    for port, value in zip(dut.products, pending, strict=True):
                        ctx.set(port, value)
                    pending = item[1] if isinstance(item, tuple) else [rng.choice(PRODUCTS)] * pixels
                    await ctx.tick()
                bank ^= number > 0
            ctx.set(dut.marker, 0)
            await ctx.tick().repeat(filters + 8)  # a layer starts when the results of the one before have been read
        for _ in range(100):
            await ctx.tick()
            assert not ctx.get(dut.full) or len(found) < len(expected)
        running[0] = False

    async def read(ctx):
        banks = []
        while running[0]:
            _, _, full, bank = await ctx.tick().sample(dut.full, dut.full_bank)
            if not full:
                continue
            banks.append(bank)
            block = []
            for f in range(filters):
                ctx.set(dut.read_en, 1)
                ctx.set(dut.read_address, bank << ceil_log2(filters) | f)
                await ctx.tick()
                block.append([ctx.get(dut.read_data[p]) for p in range(pixels)])
            ctx.set(dut.read_en, 0)
            found.append(block)
        first = len(layers[0])
        assert banks == [n % 2 for n in range(first)] + [n % 2 for n in range(len(layers[1]))]

    simulate(dut, feed, read, cycles=5000)
    assert found == expected


def test_largest_sums():
    """The whole width, both signs."""
    dut = Accumulators(filters=1, pixels=2, acc_width=18, product_width=PRODUCT_WIDTH)

    async def bench(ctx):
        operations = [(1, 0)] * 2 + [(0, 1)] + [(1, 0), (0, 1)]
        products = [[0, 0], [(1 << 16) - 1, -(1 << 16)], [(1 << 16) - 1, -(1 << 16)]]
        for index, (touch, marker) in enumerate([*operations, (0, 0), (0, 0)]):
            ctx.set(dut.touch, touch)
            ctx.set(dut.marker, marker)
            ctx.set(dut.report, index > 2)
            for port, value in zip(dut.products, products[index] if index < 3 else [0, 0], strict=True):
                ctx.set(port, value)
            await ctx.tick()
        ctx.set(dut.read_en, 1)
        await ctx.tick()
        assert [ctx.get(dut.read_data[p]) for p in range(2)] == [2 * ((1 << 16) - 1), -2 * (1 << 16)]

    simulate(dut, bench, cycles=100)
