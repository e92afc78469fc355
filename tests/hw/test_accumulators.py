# amaranth: UnusedElaboratable=no
"""Evicting accumulators against sums in Python: each block's sums lie in its slot, partial sums are taken up again."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.accumulators import Accumulators

PRODUCT_WIDTH = 17
PRODUCTS = [-(1 << 16), (1 << 16) - 1, 0, 1, -1]
SLOTS = 4


def random_block(rng, filters, pixels):
    """A block of (filter, products), every filter at least once, with pauses (None); long enough to be read."""
    touched = [*range(filters), *(rng.randrange(filters) for _ in range(rng.randrange(3 * filters)))]
    rng.shuffle(touched)
    block = [(f, [rng.choice([*PRODUCTS, rng.randrange(-(1 << 16), 1 << 16)]) for _ in range(pixels)]) for f in touched]
    while len(block) < 2 * filters + 8 or rng.random() < 0.7:
        block.insert(rng.randrange(len(block) + 1), None)
    return block


def add(total, block):
    """The sums of a block, filter by filter, on top of `total`."""
    total = [list(row) for row in total]
    for item in block:
        if item is not None:
            total[item[0]] = [a + b for a, b in zip(total[item[0]], item[1], strict=True)]
    return total


@pytest.mark.parametrize("pixels", [1, 3])
@pytest.mark.parametrize("filters", [1, 2, 5, 8])
@pytest.mark.parametrize("seed", range(2))
def test_blocks(filters, pixels, seed):
    """Some rounds over SLOTS slots; a round starts from zero or from the sums of the one before; reads in between."""
    rng = random.Random(f"{filters} {pixels} {seed}")
    dut = Accumulators(filters=filters, pixels=pixels, acc_width=28, product_width=PRODUCT_WIDTH, result_rows=32)
    zero = [[0] * pixels for _ in range(filters)]
    rounds = [(rng.random() < 0.5 or number == 0, [random_block(rng, filters, pixels) for _ in range(SLOTS)])
              for number in range(4)]
    expected, held = [], [zero] * SLOTS
    for fresh, blocks in rounds:
        held = [add(zero if fresh else old, block) for old, block in zip(held, blocks, strict=True)]
        expected += held
    flush = [(f, [0] * pixels) for f in range(filters)] + (2 * filters + 8) * [None]
    steps = [(fresh, slot, block) for fresh, blocks in rounds for slot, block in enumerate(blocks)]
    found, running, clashes = [], [True], [0]

    async def feed(ctx):
        pending, before = [0] * pixels, 0
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for number, (fresh, slot, block) in enumerate([*steps, (True, 0, flush)]):
            for item in [*block, "end"]:
                ctx.set(dut.touch, isinstance(item, tuple))
                ctx.set(dut.marker, item == "end")
                ctx.set(dut.report, number > 0)
                ctx.set(dut.fresh, fresh)
                ctx.set(dut.evict, before * filters)
                ctx.set(dut.source, slot * filters)
                ctx.set(dut.filter, item[0] if isinstance(item, tuple) else rng.randrange(filters))
                for port, value in zip(dut.products, pending, strict=True):
                    ctx.set(port, value)
                pending = item[1] if isinstance(item, tuple) else [rng.choice(PRODUCTS)] * pixels
                await ctx.tick()
            before = slot
        ctx.set(dut.marker, 0)
        await ctx.tick().repeat(100)
        running[0] = False

    async def read(ctx):
        while running[0]:
            _, _, full = await ctx.tick().sample(dut.full)
            if not full:
                continue
            block = []
            while len(block) < filters:
                ctx.set(dut.read_en, 1)
                ctx.set(dut.read_address, len(found) % SLOTS * filters + len(block))
                _, _, blocked = await ctx.tick().sample(dut.read_blocked)
                clashes[0] += blocked
                if not blocked:
                    block.append([ctx.get(dut.read_data[p]) for p in range(pixels)])
            ctx.set(dut.read_en, 0)
            found.append(block)

    simulate(dut, feed, read, cycles=5000)
    assert found == expected
    assert clashes[0] or filters < 5 or all(fresh for fresh, _ in rounds)


def test_largest_sums():
    """The whole width, both signs."""
    dut = Accumulators(filters=1, pixels=2, acc_width=18, product_width=PRODUCT_WIDTH, result_rows=2)

    async def bench(ctx):
        ctx.set(dut.fresh, 1)
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
