# amaranth: UnusedElaboratable=no
"""The walker against a model: every entry in order, every filter touched in every block, slots in turn."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import put, simulate

from zeroskip.walker import Walker

SLOT_BITS = 3


def random_blocks(rng, entries, filters, count):
    """Blocks of visits (start, more, last, slot); some blocks empty, some long."""
    blocks = []
    for _ in range(count):
        visits = []
        for _ in range(rng.choice([0, 1, 3, 10])):
            more = rng.randrange(min(filters, entries))
            visits.append((rng.randrange(entries - more), more, rng.randrange(2), rng.randrange(1 << SLOT_BITS)))
        blocks.append(visits)
    return blocks


def payloads(blocks):
    for visits in blocks:
        for start, more, last, slot in visits:
            yield {"marker": 0, "last": last, "slot": slot, "channel": 0, "start": start, "more": more}
        yield {"marker": 1, "last": 1, "slot": 5, "channel": 0, "start": 3, "more": 0}


class Model:
    """Follows the outputs: entries in order, sweeps only where they may be, slots only where they are free."""

    def __init__(self, blocks, table, used, ring):
        self.entries = [[table[at] for start, more, _, _ in visits for at in range(start, start + more + 1)]
                        for visits in blocks]
        self.used, self.ring, self.block, self.touched = used, ring, 0, set()
        self.unread = []

    def step(self, entry, sweep, marker, report, weight, number, evict, source, fresh):
        assert entry + sweep + marker <= 1
        if entry or sweep:
            assert evict not in self.unread, "evicted into a slot that has not been read"
            assert evict == max(self.block - 1, 0) % self.ring * self.used
            assert source == self.block % self.ring * self.used and fresh
            assert number < self.used
        if entry:
            assert self.block < len(self.entries) and self.entries[self.block], "an entry too many"
            assert (weight, number) == self.entries[self.block].pop(0)
            self.touched.add(number)
        if sweep:
            self.touched.add(number)
        if marker:
            assert not self.entries[self.block] and self.touched == set(range(self.used))
            assert report == (self.block > 0)
            if report:
                assert evict not in self.unread
                self.unread.append(evict)
            self.block, self.touched = self.block + 1, set()


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("sizes", [(2, 1, 1), (16, 5, 5), (16, 16, 16), (32, 8, 3), (4, 3, 2)])
@pytest.mark.parametrize("seed", range(2))
def test_blocks(sizes, stall, seed):
    """Two layers; result slots are read after any time."""
    entries, filters, used = sizes
    rng = random.Random(f"{sizes} {stall} {seed}")
    rows = 32
    ring = rng.choice([2, rows // used])
    dut = Walker(entries=entries, filters=filters, slot_bits=SLOT_BITS, result_rows=rows)
    table = [(rng.randrange(-128, 128), rng.randrange(used)) for _ in range(entries)]
    layers = [random_blocks(rng, entries, used, rng.randint(2, 7)) for _ in range(2)]
    passed, takes, settled = [], [], [False]

    async def bench(ctx):
        ctx.set(dut.write, 1)
        for address, (weight, number) in enumerate(table):
            ctx.set(dut.write_address, address)
            ctx.set(dut.write_data, weight % 256 | number << 8)
            await ctx.tick()
        ctx.set(dut.write, 0)
        ctx.set(dut.filters_used, used)
        ctx.set(dut.unused, (1 << len(dut.unused)) - (1 << used))
        ctx.set(dut.ring, ring)
        for blocks in layers:
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await put(ctx, dut.visits, payloads(blocks), stall=stall, rng=rng)
            settled[0] = False
            while not settled[0]:
                await ctx.tick()

    async def follow(ctx):
        for blocks in layers:
            await ctx.tick().until(dut.start)
            model = Model(blocks, table, used, ring)
            quiet = 0
            while model.block < len(blocks) or model.unread or quiet < 100:
                read = bool(model.unread) and rng.random() < 0.2
                ctx.set(dut.drained, read)
                del model.unread[:read]
                _, _, over, slot, take, *seen = await ctx.tick().sample(
                    dut.passed, dut.passed_slot, dut.take, dut.entry, dut.sweep, dut.marker, dut.report, dut.weight,
                    dut.filter, dut.evict, dut.source, dut.fresh)
                ctx.set(dut.drained, 0)
                model.step(*seen)
                passed.extend([slot] * over)
                takes.extend([1] * take)
                quiet += model.block == len(blocks) and not model.unread
            settled[0] = True

    simulate(dut, bench, follow, cycles=20_000)
    visits = [visit for blocks in layers for block in blocks for visit in [*block, None]]
    assert passed == [5 if visit is None else visit[3] for visit in visits if visit is None or visit[2]]
    assert len(takes) == sum(visit is not None for visit in visits)


def test_no_bubbles():
    """Lists follow each other without a gap, and the marker comes in the cycle after the last entry but one touch."""
    dut = Walker(entries=16, filters=2, slot_bits=SLOT_BITS, result_rows=8)
    visits = [(0, 0, 1, 0), (3, 1, 0, 1), (5, 0, 1, 1), (7, 1, 1, 2), (0, 0, 1, 3)]
    seen = []

    async def bench(ctx):
        ctx.set(dut.write, 1)
        for address in range(16):
            ctx.set(dut.write_address, address)
            ctx.set(dut.write_data, 1 | address % 2 << 8)
            await ctx.tick()
        ctx.set(dut.write, 0)
        ctx.set(dut.filters_used, 2)
        ctx.set(dut.unused, (1 << len(dut.unused)) - (1 << 2))
        ctx.set(dut.ring, 4)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await put(ctx, dut.visits, payloads([visits, visits]))
        await ctx.tick().repeat(10)

    async def watch(ctx):
        while True:
            _, _, entry, sweep, marker = await ctx.tick().sample(dut.entry, dut.sweep, dut.marker)
            seen.append("e" * entry + "s" * sweep + "m" * marker or ".")

    simulate(dut, bench, background=[watch], cycles=1000)
    assert "".join(seen).strip("s.").count("eeeeeee") == 2
    assert "".join(seen).replace("s", "").replace(".", "") == "eeeeeeemeeeeeeem"
