# amaranth: UnusedElaboratable=no
"""A lane against sums in Python: lists loaded, words pushed, results read when they are complete."""

from __future__ import annotations

import random

import numpy as np
import pytest
from amaranth.hdl import Array, Elaboratable, Module, Signal
from tests.hw.layers import small_config, sparse
from tests.hw.streams import simulate

from zeroskip.lane import Lane
from zeroskip.lists import compress
from zeroskip.wire import WORD_CHANNELS, Section


class Bench(Elaboratable):
    """The lane and the slots' values, which it reads without a clock."""

    def __init__(self, config):
        self.lane = Lane(config=config)
        self.slots = [Signal(128 * config.pixels, name=f"slot_{n}") for n in range(config.queue_words)]

    def elaborate(self, platform):
        m = Module()
        m.submodules.lane = self.lane
        m.d.comb += self.lane.slot_data.eq(Array(self.slots)[self.lane.read_slot])
        return m


async def load(ctx, lane, weights):
    for at, row in enumerate(compress(weights).tolist()):
        ctx.set(lane.write, {"valid": 1, "kind": Section.LISTS.value, "first": at == 0, "address": 0, "entry": 0})
        ctx.set(lane.write_row, row)
        await ctx.tick()
    ctx.set(lane.write.valid, 0)


def block_sums(weights, block, dtype):
    """Sums of the block, (filters, pixels); and how many products have a non-zero weight, and both non-zero."""
    total = np.zeros((len(weights), block[0][1].shape[0] if block else 1), np.int64)
    issued = pairs = 0
    for word, values, mask in block:
        numbers = np.where(mask[None, :], values.view(dtype).astype(np.int64), 0)
        own = weights[:, word].astype(np.int64)
        total += own @ numbers.T
        visited = np.count_nonzero(own[:, mask], axis=0)
        issued += int(visited.sum()) * len(values)
        pairs += int(np.count_nonzero(own, axis=0) @ np.count_nonzero(numbers, axis=0))
    return total, issued, pairs


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("pixels", [1, 2, 4])
@pytest.mark.parametrize("filters", [1, 3])
@pytest.mark.parametrize("density", [0.1, 1.0])
def test_blocks(filters, pixels, dtype, density):
    """Some blocks, the flush, results read at any time; masks may hide channels."""
    rng = np.random.default_rng([filters, pixels, int(10 * density), dtype == np.int8])
    pace = random.Random(int(rng.integers(1 << 30)))
    config = small_config(1, 1, pixels, lane_filters=3, words=4, queue_words=4)
    bench = Bench(config)
    lane, words = bench.lane, 3
    weights = sparse(rng, (filters, words, WORD_CHANNELS), density, np.int8)
    blocks = [[(int(rng.integers(words)), sparse(rng, (pixels, WORD_CHANNELS), 0.6, dtype).view(np.uint8),
                rng.random(WORD_CHANNELS) < 0.7) for _ in range(rng.integers(0, 5))] for _ in range(4)]
    wanted = [block_sums(weights, block, dtype) for block in blocks]
    pending, found, fulls, counted = set(), [], [], [0, 0]

    async def push(ctx):
        await load(ctx, lane, weights)
        ctx.set(lane.signed_map, dtype == np.int8)
        ctx.set(lane.filters_used, filters)
        ctx.set(lane.unused, (1 << len(lane.unused)) - (1 << filters))
        ctx.set(lane.ring, 2)
        ctx.set(lane.start, 1)
        await ctx.tick()
        ctx.set(lane.start, 0)
        slot = 0
        for item in [item for block in blocks for item in [*block, None]] + [None]:
            while slot in pending or pace.random() < 0.3:
                await ctx.tick()
            pending.add(slot)
            ctx.set(lane.push, 1)
            ctx.set(lane.marker, item is None)
            ctx.set(lane.mask, 3)
            ctx.set(lane.slot, slot)
            if item is not None:
                word, values, mask = item
                ctx.set(lane.word, word)
                ctx.set(lane.mask, int((mask << np.arange(WORD_CHANNELS)).sum()))
                ctx.set(bench.slots[slot], int.from_bytes(values.tobytes(), "little"))
            await ctx.tick()
            ctx.set(lane.push, 0)
            slot = (slot + 1) % config.queue_words
        while len(found) < len(blocks):
            await ctx.tick()
        for _ in range(100):
            _, _, full, issued = await ctx.tick().sample(lane.full, lane.issued)
            assert not full and not issued and not pending
        assert not ctx.get(lane.busy)

    async def watch(ctx):
        while True:
            _, _, passed, issued, gated, full = await ctx.tick().sample(
                lane.passed, lane.issued, lane.gated, lane.full)
            fulls.extend([len(fulls) % 2] * full)
            for slot in range(config.queue_words):
                if passed >> slot & 1:
                    pending.remove(slot)
            counted[0] += issued * pixels
            counted[1] += gated

    async def read(ctx):
        while True:
            for _ in range(pace.randrange(1, 20)):
                await ctx.tick()
            if len(fulls) == len(found):
                continue
            bank, rows = fulls[len(found)], []
            for number in range(filters):
                ctx.set(lane.read_en, 1)
                ctx.set(lane.read_address, bank * filters + number)
                await ctx.tick()
                rows.append([ctx.get(lane.read_data[p]) for p in range(pixels)])
            ctx.set(lane.read_en, 0)
            ctx.set(lane.drained, 1)
            await ctx.tick()
            ctx.set(lane.drained, 0)
            found.append(rows)

    simulate(bench, push, background=[watch, read], cycles=20_000)
    assert fulls == [0, 1, 0, 1]
    for rows, (total, _, _) in zip(found, wanted, strict=True):
        assert np.array_equal(np.array(rows), np.broadcast_to(total, (filters, pixels)))
    assert counted[0] == sum(issued for _, issued, _ in wanted)
    assert counted[0] - counted[1] == sum(pairs for _, _, pairs in wanted)
