# amaranth: UnusedElaboratable=no
"""The list builder against the tables that its entries stand for: a pointer names a list's last entry, masks grow."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.hw.layers import sparse
from tests.hw.streams import simulate

from zeroskip.iterator import START_BITS
from zeroskip.list_builder import ListBuilder
from zeroskip.lists import END_OF_WORD, NOTHING, compress
from zeroskip.wire import WORD_CHANNELS


def random_sections(rng, filters, words, density):
    """Three sections to different places: (word, place of the first entry, weights, entries), some of nothing."""
    for place in range(3):
        own = np.random.default_rng([filters, place, int(100 * density)])
        weights = sparse(own, (filters, words, WORD_CHANNELS), density, np.int8)
        entries = compress(weights).tolist()
        for _ in range(4):
            entries.insert(rng.randrange(len(entries) + 1), NOTHING)
        yield place * 5, place * 1000, weights, entries


@pytest.mark.parametrize("density", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("filters", [1, 5, 16])
def test_tables(filters, density):
    """Three sections to different places, with pauses and entries of nothing; only what is theirs is written.

    After every entry the tables hold all entries so far: nothing is written late.
    """
    rng, words = random.Random(f"{filters} {density}"), 3
    dut = ListBuilder(words=16, entries=4096)
    sections = list(random_sections(rng, filters, words, density))
    occupancy, pointers, lists = {}, {}, {}

    def look(ctx):
        """Write what is to be written; whether that was anything."""
        tables = dut.tables
        if ctx.get(tables.write_occupancy):
            occupancy[ctx.get(dut.tables.occupancy_address)] = ctx.get(dut.tables.occupancy_data)
        if ctx.get(dut.tables.write_pointer):
            pointers[ctx.get(dut.tables.pointer_address)] = ctx.get(dut.tables.pointer_data)
        if ctx.get(dut.tables.write_list):
            lists[ctx.get(dut.tables.list_address)] = ctx.get(dut.tables.list_data)
        return ctx.get(tables.write_occupancy) or ctx.get(tables.write_pointer) or ctx.get(tables.write_list)

    def listed(word, channel):
        """The list of a channel, as the tables have it."""
        pointer = pointers[word * WORD_CHANNELS + channel]
        end, more = pointer % (1 << START_BITS), pointer >> START_BITS
        return [lists[at] for at in range(end - more, end + 1)]

    async def bench(ctx):
        for first_word, at, _, entries in sections:
            word, own = first_word, {}
            for index, entry in enumerate(entries):
                while rng.random() < 0.2:
                    ctx.set(dut.entry.as_value(), rng.randrange(1 << 16))
                    await ctx.tick()
                    assert not look(ctx)
                weight, number, channel = entry & 255, entry >> 8 & 15, entry >> 12
                ctx.set(dut.en, 1)
                ctx.set(dut.first, index == 0)
                ctx.set(dut.word, word if index == 0 else 9)
                ctx.set(dut.at, at if index == 0 else 7)
                ctx.set(dut.entry.as_value(), entry)
                assert bool(look(ctx)) == (entry != NOTHING)
                await ctx.tick()
                ctx.set(dut.en, 0)
                assert not look(ctx)
                if weight:
                    own.setdefault(channel, []).append(weight | number << 8)
                    assert listed(word, channel) == own[channel]
                if entry != NOTHING:
                    assert occupancy[word] == sum(1 << channel for channel in own)
                if entry == END_OF_WORD:
                    word, own = word + 1, {}

    simulate(dut, bench, cycles=50_000)
    assert sorted(occupancy) == [place * 5 + word for place in range(3) for word in range(words)]
    held = 0
    for word, at, weights, _ in sections:
        for index, channel in np.ndindex(words, WORD_CHANNELS):
            present = np.flatnonzero(weights[:, index, channel])
            assert occupancy[word + index] >> channel & 1 == (len(present) > 0)
            if len(present):
                found = listed(word + index, channel)
                assert found == [int(weights[f, index, channel]) & 255 | int(f) << 8 for f in present]
                held += len(found)
        used = np.count_nonzero(weights)
        assert {place for place in lists if place // 1000 == at // 1000} == set(range(at, at + used))
    assert held == len(lists) == sum(np.count_nonzero(weights) for _, _, weights, _ in sections)


def test_after_a_section_that_was_cut_off():
    """The first entry of a section owes nothing to a word that was left open, though it goes to the same channel."""
    dut = ListBuilder(words=16, entries=64)

    async def bench(ctx):
        ctx.set(dut.en, 1)
        for first, at, weight, number, mask, end, more in ((1, 5, 9, 0, 8, 5, 0), (0, 0, 7, 1, 8, 6, 1),
                                                           (1, 40, 3, 2, 8, 40, 0), (0, 0, 2, 3, 8, 41, 1)):
            ctx.set(dut.first, first)
            ctx.set(dut.word, 4)
            ctx.set(dut.at, at)
            ctx.set(dut.entry, {"weight": weight, "filter": number, "channel": 3})
            assert (ctx.get(dut.tables.occupancy_address), ctx.get(dut.tables.occupancy_data)) == (4, mask)
            assert ctx.get(dut.tables.pointer_address) == 4 * WORD_CHANNELS + 3
            assert ctx.get(dut.tables.pointer_data) == end | more << START_BITS
            await ctx.tick()
            if (end, more) == (6, 1):  # another channel in the word that stays open
                ctx.set(dut.first, 0)
                ctx.set(dut.entry, {"weight": 1, "filter": 0, "channel": 5})
                assert ctx.get(dut.tables.occupancy_data) == 40
                await ctx.tick()
                ctx.set(dut.entry, {"weight": 1, "filter": 1, "channel": 3})
                await ctx.tick()

    simulate(dut, bench, cycles=100)
