# amaranth: UnusedElaboratable=no
"""A group against sums in Python: windows on the bus, blocks followed, every lane's results when all are there."""

from __future__ import annotations

import random
from itertools import zip_longest

import numpy as np
import pytest
from tests.hw.layers import result_row, small_config, sparse
from tests.hw.streams import simulate
from tests.hw.tables import table_writes
from tests.hw.test_lane import Map, bits, expected_results, fill, items, passes

from zeroskip.group import Group
from zeroskip.lane_account import KINDS
from zeroskip.window_bus import ROOM, ROOM_LATENCY
from zeroskip.wire import WORD_CHANNELS, Mode

WORDS = 4
OFFSETS = ("word_offset", "word_offset_cols", "word_offset_rows", "word_offset_both")


async def load(ctx, dut, lanes):
    """Tables of all lanes, and those of another group before and after them."""
    others = [np.zeros_like(lane) + 1 for lane in lanes]
    for mine, weights in ((0, others), (1, lanes), (0, others)):
        ctx.set(dut.write, mine)
        for rows in zip_longest(*map(table_writes, weights), fillvalue={}):
            for tables, row in zip(dut.tables, rows, strict=True):
                ctx.set(tables, row)
            await ctx.tick()
    ctx.set(dut.write, 0)


class Bus:
    """Windows as the sequencer sends them, the mask a cycle after its window; some are for the other group alone."""

    def __init__(self, dut, config, pace, area, index, stall):
        self.dut, self.config, self.pace, self.area, self.index, self.stall = dut, config, pace, area, index, stall
        self.offsets = [pace.getrandbits(12) for _ in OFFSETS]
        self.markers = 0

    def window(self, item):
        """A window and its mask. Of two columns the group takes those that hold something, and others perhaps."""
        index, pace, other = self.index, self.pace, self.pace.getrandbits(1) << (self.index ^ 1)
        if isinstance(item, int):
            everyone = 1 << index | 1 << (index ^ 1)
            return {"want": everyone, "parts": [everyone] * self.config.columns, "marker": 1}, item
        number, position, mask, inside = item
        takes = [own.any() or pace.random() < 0.3 for own in mask]
        takes[pace.randrange(len(takes))] |= not any(takes)
        sent = sum((bits(own) if take else pace.getrandbits(WORD_CHANNELS)) << WORD_CHANNELS * column
                   for column, (own, take) in enumerate(zip(mask, takes, strict=True)))
        flip = pace.randrange(4)
        return {"want": 1 << index | other, "parts": [take << index | other for take in takes], "flip": flip,
                "word": (number + self.offsets[flip]) % (1 << 12), "position": position, "inside": bits(inside)}, sent

    def foreign(self):
        """A window that the other group takes."""
        theirs = 1 << (self.index ^ 1)
        return {"want": theirs, "parts": [theirs] * self.config.columns, "word": self.pace.getrandbits(12)}, 0

    async def send(self, ctx, sent):
        """Window and mask, one cycle after the other; the room that is told does not know the last words yet."""
        dut, pace = self.dut, self.pace
        coming, due, recent = [None, None], list(sent), [0] * (1 + ROOM_LATENCY)
        while due or any(coming):
            able = ctx.get(dut.room) >> sum(recent) & 1
            go = bool(due) and able and pace.random() >= self.stall
            recent = [go, *recent[:-1]]
            ctx.set(dut.window, coming[0][0] if coming[0] else {"want": 0, "word": pace.getrandbits(12)})
            ctx.set(dut.mask, coming[1][1] if coming[1] else pace.getrandbits(len(dut.mask)))
            item = due.pop(0) if go else None
            self.markers += isinstance(item, int)
            issued = self.window(item) if go else self.foreign() if pace.random() < 0.3 else None
            await ctx.tick()
            coming = [issued, coming[0]]
        ctx.set(dut.window.want, 0)


@pytest.mark.parametrize("stall", [0.0, 0.6])
@pytest.mark.parametrize("shape", [(1, 1, 2, 1), (2, 2, 4, 1), (4, 1, 8, 2), (2, 4, 2, 1), (8, 1, 4, 1)])
def test_blocks(shape, stall):
    """`shape`: lanes, pixels, queue, columns. Two layers of passes that add up; results wait to be read.

    Windows for other groups pass by; a word's number is less by the offset that goes with the exchange of groups.
    """
    lanes, pixels, queue, columns = shape
    rng, index, filters = np.random.default_rng([*shape, int(10 * stall)]), 1, 3
    pace = random.Random(int(rng.integers(1 << 30)))
    config = small_config(2, lanes, pixels, columns=columns, lane_filters=4, words=WORDS, queue_words=queue,
                          result_rows=16)
    dut, ring, dtype = Group(config=config, index=index), 3, np.int8 if stall else np.uint8
    weights = [sparse(rng, (filters, WORDS, WORD_CHANNELS), [0.05, 0.5, 1.0, 0.2, 0.0, 0.3, 0.1, 0.4][e], np.int8)
               for e in range(lanes)]
    area = Map(rng, config, dtype, WORDS)
    layers = [list(passes(ring, lambda: [area.word() for _ in range(rng.integers(0, 4))])) for _ in range(2)]
    together = np.concatenate(weights)
    wanted = [expected_results(rounds, lambda block: area.sums(together, block)[0]) for rounds in layers]
    every = [area.sums(together, block) for rounds in layers for _, _, blocks in rounds for block in blocks]
    found, counted, taken = [], [0, 0], [0]
    bus = Bus(dut, config, pace, area, index, stall)

    async def push(ctx):
        await load(ctx, dut, weights)
        await fill(ctx, dut, area.values.view(np.uint8))
        for name, value in (("filters", filters), ("ring", ring), ("plane_ring", area.ring), ("word_step", area.step),
                            ("mode", Mode.SIGNED_MAP.value if dtype is np.int8 else 0)):
            ctx.set(dut.layer[name], value)
        for name, value in zip(OFFSETS, bus.offsets, strict=True):
            ctx.set(dut.own[name], value)
        for rounds, results in zip(layers, wanted, strict=True):
            found.clear()
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await bus.send(ctx, items(pace, rounds))
            while len(found) < len(results) or ctx.get(dut.busy):
                await ctx.tick()
            for _ in range(50):
                _, _, full, issued = await ctx.tick().sample(dut.full, dut.issued)
                assert not full and not issued
            assert not ctx.get(dut.busy) and taken[0] == bus.markers
            assert ctx.get(dut.room) == (1 << min(queue, ROOM)) - 1
            assert np.array_equal(np.array(found), np.array(results))

    async def watch(ctx):
        """Markers are counted when all lanes are past them; what issues nothing is lost to something."""
        await ctx.tick()
        while True:
            _, _, done, issued, gated, busy, lost = await ctx.tick().sample(
                dut.block_done, dut.issued, dut.gated, dut.busy, dut.lost)
            taken[0] += done
            counted[0] += issued
            counted[1] += gated
            assert taken[0] <= bus.markers and (busy or not issued)
            assert issued // pixels + sum(lost[kind] for kind in KINDS) == lanes

    async def read(ctx):
        """Slots in turn; every lane of the block."""
        while True:
            for _ in range(pace.randrange(1, 9)):
                await ctx.tick()
            if not ctx.get(dut.full):
                continue
            block = []
            ctx.set(dut.read_en, 1)
            while len(block) < lanes * filters:
                lane, number = divmod(len(block), filters)
                ctx.set(dut.read_lane, lane)
                ctx.set(dut.read_address, result_row(16, 4, len(found) % ring, number))
                _, _, blocked = await ctx.tick().sample(dut.read_blocked)
                if not blocked:
                    block.append([ctx.get(dut.read_data[p]) for p in range(pixels)])
            ctx.set(dut.read_en, 0)
            ctx.set(dut.drained, 1)
            await ctx.tick()
            ctx.set(dut.drained, 0)
            found.append(block)

    simulate(dut, push, background=[watch, read], cycles=20_000)
    assert counted[0] == sum(issued for _, issued, _ in every)
    assert counted[0] - counted[1] == sum(pairs for _, _, pairs in every)
