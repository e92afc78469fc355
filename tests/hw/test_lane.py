# amaranth: UnusedElaboratable=no
"""A lane against sums in Python: lists and map loaded, words sent, results read when they are complete."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.hw.layers import result_row, small_config, sparse
from tests.hw.streams import simulate
from tests.hw.tables import table_writes

from zeroskip.lane import Lane
from zeroskip.value_memory import QUAD, QUADS
from zeroskip.wire import WORD_CHANNELS

FINAL, FRESH, FENCE = 1, 2, 4
"""A marker's flags."""


async def load(ctx, lane, weights):
    """The lists; how many entries were written."""
    listed = 0
    for row in table_writes(weights):
        ctx.set(lane.write, 1)
        ctx.set(lane.tables, row)
        await ctx.tick()
        listed += ctx.get(lane.listed)
        ctx.set(lane.write, 0)  # of another group
        ctx.set(lane.tables, {name: 1 for name in row})
        await ctx.tick()
        assert not ctx.get(lane.listed)
    return listed


async def fill(ctx, dut, values):
    """Values uint8 (positions, 16) into the value memory, all banks at once."""
    banks = len(dut.fill)
    for address in range(len(values) // banks * QUADS):
        for bank in range(banks):
            quad = values[address // QUADS * banks + bank, address % QUADS * QUAD :][:QUAD].tolist()
            ctx.set(dut.fill[bank], {"en": 1, "address": address,
                                     "values": [{"code": code, "nonzero": code != 0} for code in quad]})
        await ctx.tick()
    for bank in range(banks):
        ctx.set(dut.fill[bank].en, 0)


class Map:
    """Values by position, in rings; words that lie anywhere in it.

    A word: its number, the position of its first pixel, the mask of channels worth visiting (columns, 16), the mask of
    pixels inside.
    """

    def __init__(self, rng, config, dtype, words):
        self.rng, self.config, self.words = rng, config, words
        self.values = sparse(rng, (config.value_positions, WORD_CHANNELS), 0.5, dtype)
        self.ring = config.banks << int(rng.integers(1 + (config.value_positions // config.banks).bit_length() - 1))
        self.step = int(rng.integers(words))

    def word(self):
        config, rng = self.config, self.rng
        return (int(rng.integers(self.words)), int(rng.integers(config.value_positions)),
                rng.random((config.columns, WORD_CHANNELS)) < rng.choice([0.1, 0.7]), rng.random(config.pixels) < 0.8)

    def terms(self, weights, word):
        """Of each column: its weights (filters, 16), its numbers (pixels, 16), and which channels are visited."""
        number, position, mask, inside = word
        for column, channels in enumerate(mask):
            first, low = position & ~(self.ring - 1), self.ring - 1
            places = [first | (position + column + p) & low for p in range(self.config.pixels)]
            numbers = np.where(channels & inside[:, None], self.values[places].astype(np.int64), 0)
            yield weights[:, (number + column * self.step) % self.words].astype(np.int64), numbers, channels

    def sums(self, weights, block):
        """Sums of the block's words (filters, pixels); products that are issued, and those of two non-zeros."""
        total = np.zeros((len(weights), self.config.pixels), np.int64)
        issued = pairs = 0
        for word in block:
            for own, numbers, channels in self.terms(weights, word):
                total += own @ numbers.T
                issued += int(np.count_nonzero(own[:, channels])) * len(numbers)
                pairs += int(np.count_nonzero(own, axis=0) @ np.count_nonzero(numbers, axis=0))
        return total, issued, pairs


def passes(ring, make_block):
    """Passes over `ring` blocks: (fresh, final, blocks); between a fresh one and a final one lie some of neither."""
    for count in (1, 2, 3):
        for number in range(count):
            yield number == 0, number == count - 1, [make_block() for _ in range(ring)]


def items(pace, rounds):
    """Words, and flags of markers (int): each block's, a fence now and then, and the flush."""
    blocks = [(final, fresh, block) for fresh, final, blocks in rounds for block in blocks]
    following = [fresh for _, fresh, _ in blocks[1:]] + [True]
    for (final, _, block), fresh in zip(blocks, following, strict=True):
        for word in block:
            yield word
            if pace.random() < 0.15:
                yield FENCE | pace.getrandbits(2)
        yield FINAL * final | FRESH * fresh
    yield FINAL | FRESH


def expected_results(rounds, sums):
    """What the final passes leave, in order; `sums` gives those of a block."""
    expected, held = [], []
    for fresh, final, blocks in rounds:
        totals = [sums(block) for block in blocks]
        held = totals if fresh else [old + new for old, new in zip(held, totals, strict=True)]
        expected += held if final else []
    return expected


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize(("pixels", "columns"), [(1, 1), (1, 2), (2, 1), (4, 1)])
@pytest.mark.parametrize(("filters", "density"), [(1, 1.0), (3, 0.1), (4, 1.0)])
def test_blocks(filters, pixels, columns, dtype, density):
    """Two layers of passes that add up, with fences in blocks and the flush; results read at any time.

    Masks may hide channels, pixels may lie outside the map, positions run over the end of a ring. No product is issued
    that need not be, and those with a zero are gated.
    """
    rng = np.random.default_rng([filters, pixels, columns, int(10 * density), dtype == np.int8])
    pace = random.Random(int(rng.integers(1 << 30)))
    config = small_config(1, 1, pixels, columns=columns, lane_filters=4, words=4, queue_words=4, result_rows=16)
    lane, ring = Lane(config=config), config.slots_for(filters) - int(rng.integers(3))
    weights = sparse(rng, (filters, 4, WORD_CHANNELS), density, np.int8)
    area = Map(rng, config, dtype, 4)
    layers = [list(passes(ring, lambda: [area.word() for _ in range(rng.integers(0, 4))])) for _ in range(2)]
    wanted = [expected_results(rounds, lambda block: area.sums(weights, block)[0]) for rounds in layers]
    every = [area.sums(weights, block) for rounds in layers for _, _, blocks in rounds for block in blocks]
    found, full, counted, ended = [], [0], [0, 0], [0]

    async def send(ctx, sent):
        """Issue, look-up and arrival in three cycles on end; no more words inside than there are places."""
        coming, due = [None, None], list(sent)
        while due or any(item is not None for item in coming):
            go = bool(due) and ctx.get(lane.places[0]) and pace.random() < 0.7
            ctx.set(lane.issue, go)
            ctx.set(lane.look, coming[0] is not None)
            ctx.set(lane.word, coming[0][0] if isinstance(coming[0], tuple) else pace.randrange(4))
            arrival = {"push": coming[1] is not None, "marker": isinstance(coming[1], int)}
            if isinstance(coming[1], int):
                arrival |= {"mask": coming[1]}
            elif coming[1] is not None:
                _, position, mask, inside = coming[1]
                arrival |= {"position": position, "mask": bits(mask.ravel()), "inside": bits(inside)}
            ctx.set(lane.arrival, arrival)
            await ctx.tick()
            coming = [due.pop(0) if go else None, coming[0]]
        ctx.set(lane.arrival.push, 0)

    async def push(ctx):
        assert await load(ctx, lane, weights) == np.count_nonzero(weights)
        await fill(ctx, lane, area.values.view(np.uint8))
        for name, value in (("signed_map", dtype == np.int8), ("filters_used", filters), ("ring", ring),
                            ("value_ring", area.ring - 1), ("word_step", area.step)):
            ctx.set(getattr(lane, name), value)
        for rounds, results in zip(layers, wanted, strict=True):
            sent = list(items(pace, rounds))
            found.clear()
            ended[0] = 0
            ctx.set(lane.start, 1)
            await ctx.tick()
            ctx.set(lane.start, 0)
            await send(ctx, sent)
            while len(found) < len(results) or ctx.get(lane.busy) or full[0]:
                await ctx.tick()
            for _ in range(50):
                _, _, more, issued = await ctx.tick().sample(lane.full, lane.issued)
                assert not more and not issued and ctx.get(lane.places[0])
            assert not ctx.get(lane.busy)
            assert ended[0] == sum(isinstance(item, int) for item in sent)
            assert np.array_equal(np.array(found), np.array(results))

    async def watch(ctx):
        while True:
            _, _, over, issued, gated, complete = await ctx.tick().sample(
                lane.ended, lane.issued, lane.gated, lane.full)
            full[0] += complete
            ended[0] += over
            counted[0] += issued * pixels
            counted[1] += gated

    async def read(ctx):
        while True:
            for _ in range(pace.randrange(1, 20)):
                await ctx.tick()
            if not full[0]:
                continue
            rows = []
            ctx.set(lane.read_en, 1)
            while len(rows) < filters:
                ctx.set(lane.read_address, result_row(16, 4, len(found) % ring, len(rows)))
                _, _, busy = await ctx.tick().sample(lane.read_blocked)
                if not busy:
                    rows.append([ctx.get(lane.read_data[p]) for p in range(pixels)])
            ctx.set(lane.read_en, 0)
            ctx.set(lane.drained, 1)
            await ctx.tick()
            ctx.set(lane.drained, 0)
            full[0] -= 1
            found.append(rows)

    simulate(lane, push, background=[watch, read], cycles=20_000)
    assert counted[0] == sum(issued for _, issued, _ in every)
    assert counted[0] - counted[1] == sum(pairs for _, _, pairs in every)


def bits(mask):
    """A mask as a number."""
    return sum(int(one) << at for at, one in enumerate(mask))
