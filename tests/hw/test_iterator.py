# amaranth: UnusedElaboratable=no
"""The iterator against a model: which lists are visited, in which order, and how many words it has a place for."""

from __future__ import annotations

import random
from collections import deque

import pytest
from tests.hw.streams import simulate

from zeroskip.iterator import PLACES, Iterator
from zeroskip.wire import WORD_CHANNELS

POSITION_BITS, PIXELS = 6, 3


def random_mask(rng):
    return rng.choice([0, 1, 1 << 15, 0xFFFF, rng.getrandbits(16), rng.getrandbits(16) & rng.getrandbits(16)])


class Tables:
    """Occupancy masks and pointers, as the program writes them."""

    def __init__(self, rng, words):
        self.occupancy = [random_mask(rng) for _ in range(words)]
        self.pointers = [rng.getrandbits(16) for _ in range(words * WORD_CHANNELS)]

    async def write(self, ctx, dut):
        for name, rows in (("occupancy", self.occupancy), ("pointer", self.pointers)):
            ctx.set(getattr(dut, f"write_{name}"), 1)
            for address, value in enumerate(rows):
                ctx.set(getattr(dut, f"{name}_address"), address)
                ctx.set(getattr(dut, f"{name}_data"), value)
                await ctx.tick()
            ctx.set(getattr(dut, f"write_{name}"), 0)

    def visits(self, word, *, step, ring):
        """What is visited of a word and, after it, of that of a second column; nothing where nothing is left.

        A visit: (marker, last, position, channel, inside, end, more); a marker has its flags as its channel.
        """
        marker, number, mask, position, inside = word
        if marker:
            return [(1, 1, mask & 7)]
        words = [number, (number + step) % len(self.occupancy)]
        places = [position, position & ~ring | position + 1 & ring]
        left = [divmod(c, WORD_CHANNELS) for c in range(2 * WORD_CHANNELS)
                if mask >> c & self.occupancy[words[c // WORD_CHANNELS]] >> c % WORD_CHANNELS & 1]
        rows = [self.pointers[words[column] * WORD_CHANNELS + channel] for column, channel in left]
        return [(0, one == left[-1], places[one[0]], one[1], inside, row & 0xFFF, row >> 12)
                for one, row in zip(left, rows, strict=True)]


def fields(visit):
    """A marker has no list."""
    if visit.marker:
        return 1, visit.last, visit.channel
    return 0, visit.last, visit.position, visit.channel, visit.inside, visit.end, visit.more


def random_words(rng, words, columns, count):
    """(marker, number, mask, position, inside)."""
    return [(rng.random() < 0.15, rng.randrange(words), sum(random_mask(rng) << 16 * c for c in range(columns)),
             rng.getrandbits(POSITION_BITS), rng.getrandbits(PIXELS)) for _ in range(count)]


class Surroundings:
    """Sends words, takes visits and passes words, a cycle at a time, and counts places.

    From a word's issue to its look-up it takes at least a cycle, and more where words stall; then it is pushed.
    """

    def __init__(self, dut, rng, stall):
        self.dut, self.rng, self.stall = dut, rng, stall
        self.issued, self.looked, self.waiting, self.unpassed = deque(), None, deque(), 0
        self.places, self.found, self.busy, self.fullest, self.dropped = 0, [], False, 0, False

    async def cycle(self, ctx, word, visits_of):
        """One cycle; issues `word` where there is room. Whether it did."""
        dut, rng = self.dut, self.rng
        assert ctx.get(dut.places) == free_places(dut.queue_words - self.places)
        issue = word is not None and ctx.get(dut.places[0]) and rng.random() >= self.stall / 2
        push, self.looked = self.looked, None
        if self.issued and rng.random() >= self.stall / 2:
            self.looked = self.issued.popleft()
        ctx.set(dut.issue, issue)
        ctx.set(dut.look, self.looked is not None)
        ctx.set(dut.word, self.looked[1] if self.looked else rng.randrange(dut.words))
        ctx.set(dut.push, push is not None)
        noise = random_words(rng, dut.words, dut.columns, 1)[0]
        for name, value in zip(("marker", None, "mask", "position", "inside"), push or noise, strict=True):
            if name:
                ctx.set(getattr(dut, name), value)
        wanted = visits_of(push) if push else []
        self.places += issue - self.dropped
        self.dropped = push is not None and not wanted
        self.fullest = max(self.fullest, self.places)
        ready = rng.random() >= self.stall
        ctx.set(dut.visits.ready, ready)
        moved = ready and ctx.get(dut.visits.valid)
        assert ctx.get(dut.busy) or not self.busy, "something is on its way, but busy is low"
        self.waiting.extend(wanted)
        self.busy = bool(self.waiting)
        if moved:
            visit = fields(ctx.get(dut.visits.payload))
            assert self.waiting, f"a visit too many: {visit}"
            assert visit == self.waiting.popleft()
            self.found.append(visit)
            self.unpassed += visit[1]
        passed = self.unpassed > 0 and rng.random() >= self.stall / 4
        ctx.set(dut.passed, passed)
        self.unpassed -= passed
        self.places -= passed
        await ctx.tick()
        if issue:
            self.issued.append(word)
        return issue


def free_places(count):
    """At least one is free, two, three."""
    return (1 << min(count, PLACES)) - 1


def make(words, queue_words, columns):
    dut = Iterator(words=words, queue_words=queue_words, position_bits=POSITION_BITS, pixels=PIXELS, columns=columns)
    dut.words, dut.queue_words, dut.columns = words, queue_words, columns
    return dut


@pytest.mark.parametrize("stall", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("sizes", [(1, 2), (4, 4), (16, 16), (2, 8), (8, 4, 2), (4, 2, 2)])
def test_visits(sizes, stall):
    """Each wanted channel once, in order, with its list; room as long as a place is left, and no longer.

    The table's masks count as they stand in the cycle of `look`. The last sizes: of two columns.
    """
    words, queue_words, columns = (*sizes, 1)[:3]
    rng = random.Random(f"{sizes} {stall}")
    dut = make(words, queue_words, columns)
    tables, step = Tables(rng, words), rng.randrange(1, words) if columns == 2 else 0
    ring = rng.choice([(1 << bits) - 1 for bits in (2, 4, POSITION_BITS)])
    pushes = random_words(rng, words, columns, 80)
    around = Surroundings(dut, rng, stall)

    async def bench(ctx):
        def visits_of(word):
            return tables.visits(word, step=step, ring=ring)

        await tables.write(ctx, dut)
        ctx.set(dut.word_step, step)
        ctx.set(dut.ring, ring)
        for word in pushes:
            while not await around.cycle(ctx, word, visits_of):
                pass
        while around.places:
            await around.cycle(ctx, None, visits_of)
        for _ in range(100):
            await around.cycle(ctx, None, visits_of)
        assert around.found == [visit for word in pushes for visit in visits_of(word)]
        assert not ctx.get(dut.busy)

    simulate(dut, bench, cycles=20_000)
    assert around.fullest == queue_words


@pytest.mark.parametrize("held", [1, 2, 4])
def test_start_forgets(held):
    """Words queued, at work and standing on the stream are gone, their places free; the tables stay."""
    rng = random.Random(held)
    dut = make(4, 4, 1)
    tables = Tables(rng, 4)
    tables.occupancy[2] = 0xFFFF

    async def bench(ctx):
        def visits_of(word):
            return tables.visits(word, step=0, ring=0)

        await tables.write(ctx, dut)
        for wait in range(1, 8):
            ctx.set(dut.visits.ready, 0)
            for cycle in range(held + 2):
                ctx.set(dut.issue, cycle < held)
                ctx.set(dut.look, 1 <= cycle < held + 1)
                ctx.set(dut.word, 2)
                ctx.set(dut.push, 2 <= cycle)
                ctx.set(dut.marker, cycle % 2)
                ctx.set(dut.mask, 0xFFFF)
                await ctx.tick()
            ctx.set(dut.push, 0)
            await ctx.tick().repeat(wait)
            assert ctx.get(dut.places) == free_places(4 - held)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.visits.ready, 1)
            for _ in range(10):
                assert not ctx.get(dut.visits.valid) and ctx.get(dut.places) == free_places(4)
                await ctx.tick()
            assert not ctx.get(dut.busy)
            after = Surroundings(dut, rng, 0.5)
            for word in random_words(rng, 4, 1, 12):
                while not await after.cycle(ctx, word, visits_of):
                    pass
            while after.places:
                await after.cycle(ctx, None, visits_of)
            ctx.set(dut.passed, 0)

    simulate(dut, bench, cycles=5000)


def test_latency_and_rate():
    """Four cycles from a word to its first visit, then one a cycle, also from word to word."""
    dut = make(2, 4, 1)
    tables = Tables(random.Random(0), 2)
    tables.occupancy = [0xFFFF, 0x8001]

    async def bench(ctx):
        await tables.write(ctx, dut)
        ctx.set(dut.visits.ready, 1)
        seen = []
        for cycle in range(39):
            ctx.set(dut.issue, cycle < 3)
            ctx.set(dut.look, cycle < 3)
            ctx.set(dut.word, cycle % 2)
            ctx.set(dut.push, 1 <= cycle < 4)
            ctx.set(dut.position, cycle)
            ctx.set(dut.mask, 0xFFFF)
            _, _, valid, visit = await ctx.tick().sample(dut.visits.valid, dut.visits.payload)
            if valid:
                seen.append((cycle, visit.position, visit.channel))
        wanted = [(1, c) for c in range(16)] + [(2, 0), (2, 15)] + [(3, c) for c in range(16)]
        assert seen == [(1 + 4 + n, *visit) for n, visit in enumerate(wanted)]

    simulate(dut, bench, cycles=200)


def test_nothing_wanted():
    """A word without a wanted channel takes its place for the cycle after its arrival, and no visit."""
    dut = make(2, 2, 1)
    tables = Tables(random.Random(0), 2)
    tables.occupancy = [0x00F0, 0]

    async def bench(ctx):
        await tables.write(ctx, dut)
        ctx.set(dut.issue, 1)
        rooms, inside = [], 0
        for cycle in range(16):  # issued, looked up, pushed, dropped: two places for words of four cycles
            room = ctx.get(dut.places[0])
            ctx.set(dut.issue, room)
            rooms.append(room)
            for port, age in ((dut.look, 1), (dut.push, 2)):
                ctx.set(port, cycle >= age and rooms[cycle - age])
            ctx.set(dut.word, cycle % 2)
            ctx.set(dut.mask, 0xFF0F)
            await ctx.tick()
            inside += ctx.get(dut.visits.valid)
        assert rooms == [1, 1, 0, 0] * 4 and not inside

    simulate(dut, bench, cycles=100)
