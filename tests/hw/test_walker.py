# amaranth: UnusedElaboratable=no
"""The walker against a model: every entry in order, every filter touched in every block, slots in turn."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import put, simulate

from zeroskip.walker import Walker

POSITION_BITS, PIXELS = 3, 2
FINAL, FRESH, FENCE = 1, 2, 4


LATE = 2
"""Cycles after a marker or the reading of a result."""


class Accumulators:
    """What the walker is told of touched filters: its outputs act a register and a cycle later.

    A marker turns the flags of all filters over, `start` leaves them as they are: until they are cleared, or where a
    block was not swept, they tell nonsense. They begin with all touched.
    """

    def __init__(self, dut, filters, used):
        self.dut, self.filters, self.used = dut, set(range(filters)), used
        self.flags, self.lacking = set(self.filters), used

    async def run(self, ctx):
        dut, touch, clear, marker, number = self.dut, 0, 0, 0, 0
        while True:
            first = touch and number not in self.flags
            ctx.set(dut.complete, self.lacking == 0)
            ctx.set(dut.turn_touched, ctx.get(dut.turn) in self.flags)
            _, _, start, entry, sweep, *following = await ctx.tick().sample(
                dut.start, dut.entry, dut.sweep, dut.clear, dut.marker, dut.filter)
            self.lacking = self.used if marker or start else self.lacking - first
            if touch:
                self.flags.add(number)
            if clear:
                self.flags.discard(number)
            if marker:
                self.flags = self.filters - self.flags
            touch, (clear, marker, number) = entry or sweep, following


def random_layer(rng, entries, most, ring):
    """Blocks with their flags: visits (end, more, last), some none, fences (None) among them.

    Tiles of one to three passes over `ring` blocks, with a single slot only of one; cut off somewhere.
    """
    kinds = [(number == 0, number == count - 1) for count in (rng.randint(1, 3 if ring > 1 else 1) for _ in range(4))
             for number in range(count)]
    firsts = [first for first, _ in kinds] + [True]
    flags = [FINAL * final | FRESH * firsts[at + (block == ring - 1)]
             for at, (_, final) in enumerate(kinds) for block in range(ring)]
    blocks = []
    for own in flags[: rng.randint(2, 12)]:
        visits = []
        for _ in range(rng.choice([0, 1, 3, 10])):
            more = rng.randrange(min(most, entries))
            visits.append(rng.choice([None, *3 * [(rng.randrange(more, entries), more, rng.randrange(2))]]))
        blocks.append((own, visits))
    return blocks


def payloads(blocks):
    for flags, visits in blocks:
        for end, more, last in (visit or (0, 0, None) for visit in visits):
            yield {"marker": last is None, "last": last is not False and last != 0, "position": 0,
                   "channel": FENCE | FINAL if last is None else 7, "inside": 1, "end": end, "more": more}
        yield {"marker": 1, "last": 1, "position": 5, "channel": flags, "inside": 2, "end": 3, "more": 2}


class Model:
    """Follows the outputs: entries in order, sweeps in turn, slots only where they are free."""

    def __init__(self, blocks, table, filters, used, ring):
        self.lists = [[[table[end - n] for n in range(more + 1)] for end, more, _ in filter(None, visits)]
                      for _, visits in blocks]
        self.flags = [FRESH, *(flags for flags, _ in blocks)]
        self.filters, self.used, self.ring, self.block, self.touched = filters, used, ring, 0, set()
        self.unread, self.current, self.cleared, self.swept = [], [], 0, -1
        self.held = self.taken = self.fence_waits = self.quiet = 0

    @property
    def blocked(self):
        return self.block > 0 and (self.block - 1) % self.ring in self.unread

    def step(self, entry, sweep, clear, marker, report, weight, number, evict, source, fresh, held):
        assert entry + sweep + marker + clear <= 1
        self.quiet += 1
        # where sums stay, a lane may wait a cycle longer
        late = self.block > 0 and self.quiet <= LATE and (
            not self.flags[self.block] & FINAL or (self.ring == 2 and not self.flags[self.block] & FRESH))
        assert held == (self.held and not entry) or (held and late and not entry), "waiting without a reason"
        assert entry or not self.fence_waits, "a fence waits though no list is being read"
        if clear:
            assert number == self.cleared and not self.block and not self.touched
            self.cleared += 1
        if entry or sweep or marker:
            assert self.cleared == self.filters
            assert source == self.block % self.ring and fresh == bool(self.flags[self.block] & FRESH)
            assert evict == max(self.block - 1, 0) % self.ring
        if entry or sweep:
            assert evict not in self.unread, "evicted into a slot that has not been read"
            assert number < self.used
            self.touched.add(number)
        assert not self.taken or entry
        if self.taken:
            assert not self.current, "a list was taken up before the end of the one before"
            self.current = self.lists[self.block].pop(0)
        if entry:
            assert (weight, number) == self.current.pop(0)
        if sweep:
            assert number > self.swept, "swept out of turn"
            self.swept = number
        if marker:
            assert not self.lists[self.block] and not self.current and self.touched == set(range(self.used))
            assert report == (self.block > 0 and self.flags[self.block] & FINAL)
            if report:
                assert evict not in self.unread
                self.unread.append(evict)
            self.block, self.touched, self.swept, self.quiet = self.block + 1, set(), -1, 0

    def visit(self, valid, ready, take, passed, ended, visit):
        """What becomes of the visit that is offered; what it means for the next cycle."""
        over = valid and ready
        assert take == (over and not visit.marker)
        assert ended == (over and visit.marker)
        assert passed == (over and (visit.marker or visit.last))
        self.taken, self.held = take, valid and self.blocked
        self.fence_waits = valid and not ready and visit.marker and visit.channel & FENCE


async def fill(ctx, dut, table):
    ctx.set(dut.write, 1)
    for address, (weight, number) in enumerate(table):
        ctx.set(dut.write_address, address)
        ctx.set(dut.write_data, weight % 256 | number << 8)
        await ctx.tick()
    ctx.set(dut.write, 0)


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("sizes", [(2, 2, 1), (16, 8, 5), (16, 16, 16), (32, 8, 3), (4, 4, 2), (4, 2, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_blocks(sizes, stall, seed):
    """Two layers; result slots are read after any time. Sums of more passes than one, blocks that go on at a fence."""
    entries, filters, used = sizes
    rng = random.Random(f"{sizes} {stall} {seed}")
    ring = rng.choice([1, 2, 8])
    dut = Walker(entries=entries, filters=filters, position_bits=POSITION_BITS, pixels=PIXELS, slots=8)
    table = [(rng.randrange(-128, 128), rng.randrange(used)) for _ in range(entries)]
    layers = [random_layer(rng, entries, filters, ring) for _ in range(2)]
    settled = [False]

    async def bench(ctx):
        await fill(ctx, dut, table)
        ctx.set(dut.filters_used, used)
        ctx.set(dut.ring, ring)
        for blocks in layers:
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            if filters == 2:  # no visit comes before the accumulators have cleared both filters, a register later
                await ctx.tick().repeat(4)
            await put(ctx, dut.visits, payloads(blocks), stall=stall, rng=rng)
            settled[0] = False
            while not settled[0]:
                await ctx.tick()

    async def follow(ctx):
        visits = dut.visits
        for blocks in layers:
            await ctx.tick().until(dut.start)
            model = Model(blocks, table, filters, used, ring)
            quiet = 0
            while model.block < len(blocks) or model.unread or quiet < 100:
                read = bool(model.unread) and rng.random() < 0.2
                ctx.set(dut.drained, read)
                _, _, valid, ready, take, passed, ended, visit, *seen = await ctx.tick().sample(
                    visits.valid, visits.ready, dut.take, dut.passed, dut.ended, visits.payload, dut.entry, dut.sweep,
                    dut.clear, dut.marker, dut.report, dut.weight, dut.filter, dut.evict, dut.source, dut.fresh,
                    dut.held)
                ctx.set(dut.drained, 0)
                model.step(*seen)
                model.visit(valid, ready, take, passed, ended, visit)
                del model.unread[:read]
                model.quiet *= not read
                quiet += model.block == len(blocks) and not model.unread
            assert not ctx.get(dut.busy)
            settled[0] = True

    simulate(dut, bench, follow, background=[Accumulators(dut, filters, used).run], cycles=20_000)


def trace(table, blocks, *, filters):
    """The outputs of visits that come without a pause: e(ntry), s(weep), m(arker) with what they go to, or a dot."""
    dut = Walker(entries=16, filters=filters, position_bits=POSITION_BITS, pixels=PIXELS, slots=4)
    seen = []

    async def bench(ctx):
        await fill(ctx, dut, table)
        ctx.set(dut.filters_used, filters)
        ctx.set(dut.ring, 4)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await ctx.tick().repeat(2 * filters + 8)
        await put(ctx, dut.visits, payloads([(FINAL | FRESH, visits) for visits in blocks]))
        await ctx.tick().repeat(10)

    async def watch(ctx):
        while True:
            _, _, entry, sweep, marker, number = await ctx.tick().sample(
                dut.entry, dut.sweep, dut.marker, dut.filter)
            seen.append(f"e{number}" * entry + f"s{number}" * sweep + "m" * marker or ".")

    simulate(dut, bench, background=[Accumulators(dut, filters, filters).run, watch], cycles=1000)
    return " ".join(seen)


def test_no_bubbles():
    """Lists follow each other without a gap, also past a fence but for its cycle, and the next block at once."""
    table = [(1, address % 2) for address in range(16)]
    visits = [(0, 0, 1), (4, 1, 0), (5, 0, 1), (8, 1, 1), (0, 0, 1)]
    fenced = [*visits[:2], None, *visits[2:]]
    seen = trace(table, [visits, visits, fenced], filters=2)
    entries = "e0 e0 e1 e1 e0 e1 e0"
    assert f"{entries} m {entries} m e0 e0 e1 s0 e1 e0 e1 e0 m s0 s1 . " in seen


def test_turn_passes_over_touched_filters():
    """Only what entries have not touched is swept; a block ends as soon as nothing lacks, wherever the turn is."""
    rising, table = ([(1, address ^ turned) for address in range(8)] for turned in (7, 0))
    assert "m e0 e1 e2 e3 e4 e5 e0 e1 e2 s6 s7 m" in trace(rising, [[], [(7, 5, 1), (7, 2, 1)]], filters=8)
    # the turn waits for filter 0; that one swept, the accumulators tell it three cycles later
    assert "m e7 e6 e5 e4 e3 e2 e1 s0 s1 s2 m" in trace(table, [[], [(7, 6, 1)]], filters=8)
    # all touched by entries, the last of them by the last: the turn has not come round yet
    assert "m e7 e6 e5 e4 e3 e2 e1 e0" in (seen := trace(table, [[], [(7, 7, 1)], []], filters=8))
    assert seen.count("m") == 3 and seen.split(" m ")[1].count("s") <= 3


def test_result_not_read():
    """A block whose slot is taken waits without sweeping; `held` tells of waiting visits only; fences go through."""
    dut = Walker(entries=2, filters=2, position_bits=POSITION_BITS, pixels=PIXELS, slots=4)
    seen = []

    async def bench(ctx):
        ctx.set(dut.filters_used, 2)
        ctx.set(dut.ring, 1)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await put(ctx, dut.visits, payloads([(FINAL | FRESH, []), (FINAL | FRESH, [])]))
        for fence in (0, 1):
            await ctx.tick().repeat(20)
            seen.clear()
            ctx.set(dut.visits.payload, next(payloads([(0, [None if fence else (0, 0, 1)])])))
            ctx.set(dut.visits.valid, 1)
            await ctx.tick().repeat(1 if fence else 5)
            ctx.set(dut.visits.valid, 0)
            await ctx.tick().repeat(5)
            assert not any(entry or sweep or marker for entry, sweep, marker, _, _ in seen)
            assert sum(held for *_, held, _ in seen) == (1 if fence else 5)
            assert sum(ended for *_, ended in seen) == fence
        ctx.set(dut.drained, 1)
        await ctx.tick()
        ctx.set(dut.drained, 0)
        await ctx.tick().repeat(10)
        assert sum(sweep for _, sweep, *_ in seen) == 2

    async def watch(ctx):
        while True:
            _, _, *now = await ctx.tick().sample(dut.entry, dut.sweep, dut.marker, dut.held, dut.ended)
            seen.append(now)

    simulate(dut, bench, background=[Accumulators(dut, 2, 2).run, watch], cycles=1000)
