# amaranth: UnusedElaboratable=no
"""The iterator against a model: which lists are visited, in which order, and which words are passed at once."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.iterator import Iterator
from zeroskip.wire import WORD_CHANNELS


def random_mask(rng):
    return rng.choice([0, 1, 1 << 15, 0xFFFF, rng.getrandbits(16), rng.getrandbits(16) & rng.getrandbits(16)])


class Tables:
    """Occupancy masks and pointers, as the program writes them."""

    def __init__(self, rng, words):
        self.occupancy = [random_mask(rng) for _ in range(words)]
        self.pointers = [rng.getrandbits(16) for _ in range(words * WORD_CHANNELS)]

    async def write(self, ctx, dut):
        for port, rows in ((dut.write_occupancy, self.occupancy), (dut.write_pointer, self.pointers)):
            ctx.set(port, 1)
            for address, value in enumerate(rows):
                ctx.set(dut.write_address, address)
                ctx.set(dut.write_data, value)
                await ctx.tick()
            ctx.set(port, 0)

    def visits(self, slot, word, mask, step=0):
        """(marker, last, slot, channel, start, more) of a word and, after it, of that of a second column.

        None where nothing is left.
        """
        words = [word, (word + step) % len(self.occupancy)]
        left = [c for c in range(2 * WORD_CHANNELS)
                if mask >> c & self.occupancy[words[c // WORD_CHANNELS]] >> c % WORD_CHANNELS & 1]
        rows = [self.pointers[words[c // WORD_CHANNELS] * WORD_CHANNELS + c % WORD_CHANNELS] for c in left]
        return [(0, c == left[-1], slot, c, row & 0xFFF, row >> 12) for c, row in zip(left, rows, strict=True)]


def fields(visit):
    """A marker has neither channel nor list."""
    if visit.marker:
        return 1, visit.last, visit.slot
    return 0, visit.last, visit.slot, visit.channel, visit.start, visit.more


@pytest.mark.parametrize("stall", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("sizes", [(1, 2, 1), (4, 4, 2), (16, 16, 16), (2, 8, 1), (8, 4, 3, 2)])
def test_visits(sizes, stall):
    """Slots are given out in order and reused when the lane is done with them. The last size: of two columns."""
    words, queue_words, queue_lists, columns = (*sizes, 1)[:4]
    rng = random.Random(f"{sizes} {stall}")
    dut = Iterator(words=words, queue_words=queue_wordsqueue_lists, columns=columns)
    tables, step = Tables(rng, words), rng.randrange(1, words) if columns == 2 else 0
    pushes = [(rng.random() < 0.15, rng.randrange(words), sum(random_mask(rng) << 16 * c for c in range(columns)))
              for _ in range(80)]
    expected, expected_passed = [], []
    for number, (marker, word, mask) in enumerate(pushes):
        slot = number % queue_words
        visits = [(1, 1, slot)] if marker else tables.visits(slot, word, mask, step)
        expected += visits
        expected_passed += [] if visits else [slot]
    found, passed, pending, running = [], [], set(), [True]

    async def push(ctx):
        await tables.write(ctx, dut)
        ctx.set(dut.word_step, step)
        for number, (marker, word, mask) in enumerate(pushes):
            while number % queue_words in pending or rng.random() < stall / 2:
                await ctx.tick()
            pending.add(number % queue_words)
            values = {"push": 1, "marker": marker, "slot": number % queue_words, "word": word, "mask": mask}
            for name, value in values.items():
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            ctx.set(dut.push, 0)
        while pending:
            await ctx.tick()
        for _ in range(100):
            await ctx.tick()
        assert not ctx.get(dut.busy)
        running[0] = False

    async def take(ctx):
        while running[0]:
            ctx.set(dut.visits.ready, rng.random() >= stall)
            _, _, moved, visit, over, slot = await ctx.tick().sample(
                dut.visits.valid & dut.visits.ready, dut.visits.payload, dut.passed, dut.passed_slot)
            if over:
                passed.append(slot)
                pending.remove(slot)
            if moved:
                found.append(fields(visit))
                if visit.last:
                    pending.remove(visit.slot)

    simulate(dut, push, take, cycles=20_000)
    assert found == expected
    assert passed == expected_passed


def test_latency_and_rate():
    """Five cycles to the first visit, then one a cycle, also from word to word."""
    dut = Iterator(words=2, queue_words=4)
    tables = Tables(random.Random(0), 2)
    tables.occupancy = [0xFFFF, 0x8001]

    async def bench(ctx):
        await tables.write(ctx, dut)
        ctx.set(dut.visits.ready, 1)
        ctx.set(dut.push, 1)
        seen = []
        for cycle in range(30):
            if cycle < 3:
                ctx.set(dut.slot, cycle)
                ctx.set(dut.word, cycle % 2)
                ctx.set(dut.mask, 0xFFFF)
            else:
                ctx.set(dut.push, 0)
            _, _, valid, visit = await ctx.tick().sample(dut.visits.valid, dut.visits.payload)
            if valid:
                seen.append((cycle, visit.slot, visit.channel))
        wanted = [(0, c) for c in range(16)] + [(1, 0), (1, 15)] + [(2, c) for c in range(16)]
        assert seen == [(5 + n, *visit) for n, visit in enumerate(wanted)][:25]

    simulate(dut, bench, cycles=200)
