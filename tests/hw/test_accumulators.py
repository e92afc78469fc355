# amaranth: UnusedElaboratable=no
"""Evicting accumulators against sums in Python: each block's sums lie in its slot, partial sums are taken up again.

And what they say of touched filters, in every cycle.
"""

from __future__ import annotations

import random

import pytest
from tests.hw.layers import result_row
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


class Layer:
    """Rounds over SLOTS slots, from zero or from the sums of the round before; some blocks are results."""

    def __init__(self, rng, filters, used, pixels):
        self.used = used
        held = [[[0] * pixels for _ in range(used)]] * SLOTS
        self.steps, self.results = [], []
        """``(fresh, slot, report, block)``, `report` for the block before; ``(slot, sums)``."""
        report = False
        for number in range(4):
            fresh = rng.random() < 0.5 or number == 0
            for slot in range(SLOTS):
                block = random_block(rng, used, pixels)
                held[slot] = add([[0] * pixels] * used if fresh else held[slot], block)
                self.steps.append((fresh, slot, report, block))
                report = rng.random() < 0.8
                if report:
                    self.results.append((slot, held[slot]))
        flush = [(f, [0] * pixels) for f in range(used)] + (2 * used + 8) * [None]
        self.steps.append((True, 0, report, flush))


class Touches:
    """Which filters have been touched since the last marker, against what the component says in each cycle."""

    def __init__(self, dut, used):
        self.dut, self.used, self.touched = dut, used, set()
        self.answers = set()

    def check(self, ctx, turn, item, fresh):
        touches = isinstance(item, tuple)
        assert ctx.get(self.dut.read_blocked) == (touches and not fresh and item[0] not in self.touched)
        ctx.set(self.dut.turn, turn)
        complete = self.touched == set(range(self.used))
        assert ctx.get(self.dut.complete) == complete
        assert ctx.get(self.dut.turn_touched) == (turn in self.touched)
        self.answers.add((complete, turn in self.touched, touches))
        if touches:
            self.touched.add(item[0])
        if item == "end":
            assert complete
            self.touched.clear()


@pytest.mark.parametrize("pixels", [1, 3])
@pytest.mark.parametrize(("filters", "used"), [(2, 1), (2, 2), (8, 3), (8, 4), (8, 5), (8, 8), (16, 8)])
@pytest.mark.parametrize("seed", range(2))
def test_blocks(filters, used, pixels, seed):
    """Some rounds over SLOTS slots; reads in between; a second layer, with any filters, after clearing."""
    rng = random.Random(f"{filters} {used} {pixels} {seed}")
    layers = [Layer(rng, filters, own, pixels) for own in (used, rng.randint(1, used))]
    result_rows = filters * (SLOTS // 2 if used <= filters // 2 else SLOTS)
    dut = Accumulators(filters=filters, pixels=pixels, acc_width=28, product_width=PRODUCT_WIDTH,
                       result_rows=result_rows)
    found, clashes, answers = [], [0], set()

    async def begin(ctx, layer):
        """A new layer, all filters cleared, in any state of the pipeline's other inputs."""
        ctx.set(dut.filters_used, layer.used)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        ctx.set(dut.clear, 1)
        for number in range(filters):
            ctx.set(dut.filter, number)
            await ctx.tick()
        ctx.set(dut.clear, 0)

    async def feed(ctx):
        for layer in layers:
            await begin(ctx, layer)
            touches, pending, before = Touches(dut, layer.used), [[0] * pixels] * 2, 0
            for fresh, slot, report, block in layer.steps:
                for item in [*block, "end"]:
                    ctx.set(dut.touch, isinstance(item, tuple))
                    ctx.set(dut.marker, item == "end")
                    ctx.set(dut.report, report)
                    ctx.set(dut.fresh, fresh)
                    ctx.set(dut.evict, before)
                    ctx.set(dut.source, slot)
                    ctx.set(dut.filter, item[0] if isinstance(item, tuple) else rng.randrange(filters))
                    for port, value in zip(dut.products, pending.pop(0), strict=True):
                        ctx.set(port, value)
                    pending.append(item[1] if isinstance(item, tuple) else [rng.choice(PRODUCTS)] * pixels)
                    touches.check(ctx, rng.randrange(layer.used), item, fresh)
                    await ctx.tick()
                before = slot
            ctx.set(dut.marker, 0)
            answers.update(touches.answers)
            await ctx.tick().repeat(100)

    async def read(ctx):
        for layer in layers:
            for slot, _ in layer.results:
                await ctx.tick().until(dut.full)
                rows = []
                while len(rows) < layer.used:
                    ctx.set(dut.read_en, 1)
                    ctx.set(dut.read_address, result_row(result_rows, filters, slot, len(rows)))
                    _, _, blocked = await ctx.tick().sample(dut.read_blocked)
                    clashes[0] += blocked
                    if not blocked:
                        rows.append([ctx.get(dut.read_data[p]) for p in range(pixels)])
                ctx.set(dut.read_en, 0)
                found.append(rows)
        while True:
            _, _, full = await ctx.tick().sample(dut.full)
            assert not full, "a result too many"

    simulate(dut, feed, background=[read], cycles=10_000)
    assert found == [sums for layer in layers for _, sums in layer.results]
    partial = any(not fresh for layer in layers for fresh, *_ in layer.steps)
    assert clashes[0] or min(layer.used for layer in layers) < 5 or not partial
    assert len(answers) >= (4 if used == 1 else 6)


@pytest.mark.parametrize("first", [0, 1])
def test_cleared_from_any_state(first):
    """A layer that was cut off with some filters touched, at either parity: after `start` and `clear` none is."""
    dut = Accumulators(filters=4, pixels=1, acc_width=28, product_width=PRODUCT_WIDTH, result_rows=8)

    async def operate(ctx, name, number=0):
        ctx.set(getattr(dut, name), 1)
        ctx.set(dut.filter, number)
        await ctx.tick()
        ctx.set(getattr(dut, name), 0)

    async def bench(ctx):
        ctx.set(dut.filters_used, 3)
        for blocks in (first, 1, 2):
            await operate(ctx, "start")
            for number in range(4):
                await operate(ctx, "clear", number)
            for number in range(3):
                ctx.set(dut.turn, number)
                assert not ctx.get(dut.turn_touched) and not ctx.get(dut.complete)
            for _ in range(blocks):
                for number in range(3):
                    await operate(ctx, "touch", number)
                assert ctx.get(dut.complete)
                await operate(ctx, "marker")
                assert not ctx.get(dut.complete)
            await operate(ctx, "touch", 1)
            ctx.set(dut.turn, 1)
            assert ctx.get(dut.turn_touched)

    simulate(dut, bench, cycles=200)


def test_largest_sums():
    """The whole width, both signs."""
    dut = Accumulators(filters=2, pixels=2, acc_width=18, product_width=PRODUCT_WIDTH, result_rows=4)

    async def bench(ctx):
        ctx.set(dut.fresh, 1)
        ctx.set(dut.filters_used, 1)
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        operations = [(1, 0)] * 2 + [(0, 1)] + [(1, 0), (0, 1)]
        products = [[0, 0], [(1 << 16) - 1, -(1 << 16)], [(1 << 16) - 1, -(1 << 16)]]
        for index, (touch, marker) in enumerate([*operations, (0, 0), (0, 0), (0, 0)]):
            ctx.set(dut.touch, touch)
            ctx.set(dut.marker, marker)
            ctx.set(dut.report, index > 2)
            for port, value in zip(dut.products, products[index - 1] if 1 <= index < 4 else [0, 0], strict=True):
                ctx.set(port, value)
            await ctx.tick()
        ctx.set(dut.read_en, 1)
        await ctx.tick()
        assert [ctx.get(dut.read_data[p]) for p in range(2)] == [2 * ((1 << 16) - 1), -2 * (1 << 16)]

    simulate(dut, bench, cycles=100)
