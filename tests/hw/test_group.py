# amaranth: UnusedElaboratable=no
"""A group against sums in Python: windows on the bus, slots freed in order, every lane's results when all are there."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.hw.layers import small_config, sparse
from tests.hw.streams import simulate

from zeroskip.group import Group
from zeroskip.lists import compress, halves, list_sections
from zeroskip.wire import WORD_CHANNELS

WORDS, OFFSET = 3, 37


async def load(ctx, dut, config, lanes, index):
    """Tables of all lanes, in either half of the beats, and others for another group after them."""
    others = [np.zeros_like(lane) + 1 for lane in lanes]
    for group, tables in ((index, lanes), (index ^ 1, others)):
        for half in range(halves(config)):
            columns = [[compress(lane) for lane in (tables if own == half else others)] for own in range(2)]
            masks = [1 << group if own == half else 0 for own in range(2)]
            for section in list_sections(columns[: halves(config)], masks, config):
                await write(ctx, dut, section)
    ctx.set(dut.write.valid, 0)


async def write(ctx, dut, section):
    for at, row in enumerate(section.rows):
        ctx.set(dut.write, {"valid": 1, "kind": int(section.kind), "first": at == 0, "mask": section.mask,
                            "address": section.address & 0xFFFF, "entry": section.address >> 16,
                            "data": int.from_bytes(row.tobytes(), "little")})
        await ctx.tick()


def random_window(rng, pixels):
    """(wanted, word, values, mask); the mask has every channel with a value."""
    values = sparse(rng, (pixels, WORD_CHANNELS), float(rng.choice([0.0, 0.2, 0.8])), np.uint8)
    mask = values.any(axis=0) | (rng.random(WORD_CHANNELS) < 0.2)
    return bool(rng.random() < 0.7), int(rng.integers(WORDS)), values, mask


@pytest.mark.parametrize("stall", [0.0, 0.6])
@pytest.mark.parametrize("shape", [(1, 1, 2), (2, 2, 4), (4, 1, 8), (2, 4, 2)])
def test_blocks(shape, stall):
    """`shape`: lanes, pixels, queue. Windows for other groups pass by; results wait to be read."""
    lanes, pixels, queue = shape
    rng, index, filters = np.random.default_rng([*shape, int(10 * stall)]), 1, 3
    pace = random.Random(int(rng.integers(1 << 30)))
    config = small_config(2, lanes, pixels, lane_filters=3, words=4, queue_words=queue)
    dut = Group(config=config, index=index)
    weights = [sparse(rng, (filters, WORDS, WORD_CHANNELS), [0.05, 0.5, 1.0, 0.2][e], np.int8) for e in range(lanes)]
    blocks = [[random_window(rng, pixels) for _ in range(int(rng.integers(0, 9)))] for _ in range(4)]
    used, freed, pushed, found, counted = [0], [0], [0], [], [0, 0]

    async def push(ctx):
        await load(ctx, dut, config, weights, index)
        ctx.set(dut.layer.filters, filters)
        ctx.set(dut.layer.ring, 2)
        ctx.set(dut.own.word_offset, OFFSET)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for window in [window for block in blocks for window in [*block, None]] + [None]:
            wanted = window is None or window[0]
            while (wanted and used[0] == queue) or pace.random() < stall:
                ctx.set(dut.window.want, 0)
                await ctx.tick()
            fields = {"want": wanted << index | pace.randrange(2), "marker": window is None, "mask": 3}
            if window is not None:
                _, word, values, mask = window
                fields |= {"word": word + OFFSET, "mask": int((mask << np.arange(WORD_CHANNELS)).sum()),
                           "data": values.tolist()}
            ctx.set(dut.window, fields)
            used[0] += wanted
            pushed[0] += wanted
            await ctx.tick()
        ctx.set(dut.window.want, 0)
        while len(found) < len(blocks):
            await ctx.tick()
        for _ in range(100):
            _, _, full, issued = await ctx.tick().sample(dut.full, dut.issued)
            assert not full and not issued
        assert not ctx.get(dut.busy) and not used[0]

    async def watch(ctx):
        while True:
            _, _, release, issued, gated = await ctx.tick().sample(dut.release, dut.issued, dut.gated)
            used[0] -= release
            freed[0] += release
            assert used[0] >= 0
            counted[0] += issued
            counted[1] += gated

    async def read(ctx):
        """Slots in turn; every lane of the block."""
        while True:
            bank = len(found) % 2
            for _ in range(pace.randrange(1, 9)):
                await ctx.tick()
            if not ctx.get(dut.full):
                continue
            block = []
            for lane in range(lanes):
                for number in range(filters):
                    ctx.set(dut.read_en, 1)
                    ctx.set(dut.read_lane, lane)
                    ctx.set(dut.read_address, bank * filters + number)
                    await ctx.tick()
                    block.append([ctx.get(dut.read_data[p]) for p in range(pixels)])
            ctx.set(dut.read_en, 0)
            ctx.set(dut.drained, 1)
            await ctx.tick()
            ctx.set(dut.drained, 0)
            found.append(block)

    simulate(dut, push, background=[watch, read], cycles=20_000)
    expected = np.zeros((len(blocks), lanes * filters, pixels), np.int64)
    issued = pairs = 0
    for number, block in enumerate(blocks):
        for wanted, word, values, mask in block:
            if wanted:
                own = np.concatenate([lane[:, word] for lane in weights]).astype(np.int64)
                expected[number] += own @ values.T
                issued += int(np.count_nonzero(own[:, mask])) * pixels
                pairs += int((np.count_nonzero(own, axis=0) * np.count_nonzero(values, axis=0)).sum())
    assert np.array_equal(np.array(found), expected)
    assert freed == pushed
    assert counted[0] == issued and counted[0] - counted[1] == pairs


def test_signed_map():
    """The mode's bit makes 255 a -1."""
    config = small_config(1, 1, 1, lane_filters=1, words=1, queue_words=2)
    dut = Group(config=config, index=0)
    weights = np.zeros((1, 1, WORD_CHANNELS), np.int8)
    weights[0, 0, 3] = -128

    async def bench(ctx):
        for section in list_sections([[compress(weights)]], [1], config):
            await write(ctx, dut, section)
        ctx.set(dut.write.valid, 0)
        ctx.set(dut.layer.filters, 1)
        ctx.set(dut.layer.ring, 2)
        for mode, wanted in ((2, 128), (0, -128 * 255)):
            ctx.set(dut.layer.mode, mode)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            values = [[0, 0, 0, 255] + 12 * [0]]
            for marker in (0, 1, 1):
                ctx.set(dut.window, {"want": 1, "marker": marker, "word": 0, "mask": 3 if marker else 8,
                                     "data": values})
                await ctx.tick()
                ctx.set(dut.window.want, 0)
                await ctx.tick().repeat(20)
            assert ctx.get(dut.full) == 1
            ctx.set(dut.read_en, 1)
            await ctx.tick()
            assert ctx.get(dut.read_data[0]) == wanted
            ctx.set(dut.read_en, 0)
            ctx.set(dut.drained, 1)
            await ctx.tick()
            ctx.set(dut.drained, 0)
            await ctx.tick().repeat(20)

    simulate(dut, bench, cycles=1000)
