# amaranth: UnusedElaboratable=no
"""The list builder against the tables that its entries stand for."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.hw.layers import sparse
from tests.hw.streams import simulate

from zeroskip.list_builder import ListBuilder
from zeroskip.lists import NOTHING, compress
from zeroskip.wire import WORD_CHANNELS


@pytest.mark.parametrize("density", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("filters", [1, 5, 16])
def test_tables(filters, density):
    """Three sections to different places, with pauses and entries of nothing; only what is theirs is written."""
    rng, words = random.Random(f"{filters} {density}"), 3
    dut = ListBuilder(words=16, entries=4096)
    places = [np.random.default_rng([filters, place, int(100 * density)]) for place in range(3)]
    sections = [(place * 5, place * 1000, sparse(own, (filters, words, WORD_CHANNELS), density, np.int8))
                for place, own in enumerate(places)]
    occupancy, pointers, lists = {}, {}, {}

    async def bench(ctx):
        for word, at, weights in sections:
            entries = compress(weights).tolist()
            for _ in range(4):
                entries.insert(rng.randrange(len(entries) + 1), NOTHING)
            for index, entry in enumerate(entries):
                while rng.random() < 0.2:
                    await ctx.tick()
                ctx.set(dut.en, 1)
                ctx.set(dut.first, index == 0)
                ctx.set(dut.word, word if index == 0 else 9)
                ctx.set(dut.at, at if index == 0 else 7)
                ctx.set(dut.entry, {"weight": entry & 255, "filter": entry >> 8 & 15, "channel": entry >> 12})
                if ctx.get(dut.write_occupancy):
                    occupancy[ctx.get(dut.write_address)] = ctx.get(dut.write_data)
                if ctx.get(dut.write_pointer):
                    pointers[ctx.get(dut.write_address)] = ctx.get(dut.write_data)
                if ctx.get(dut.write_list):
                    lists[ctx.get(dut.list_address)] = ctx.get(dut.list_data)
                await ctx.tick()
                ctx.set(dut.en, 0)
                assert not ctx.get(dut.write_occupancy) and not ctx.get(dut.write_pointer)
                assert not ctx.get(dut.write_list)

    simulate(dut, bench, cycles=50_000)
    assert sorted(occupancy) == [place * 5 + word for place in range(3) for word in range(words)]
    held = 0
    for word, at, weights in sections:
        for index, channel in np.ndindex(words, WORD_CHANNELS):
            present = np.flatnonzero(weights[:, index, channel])
            assert occupancy[word + index] >> channel & 1 == (len(present) > 0)
            if len(present):
                pointer = pointers[(word + index) * WORD_CHANNELS + channel]
                start, count = pointer & 0xFFF, (pointer >> 12) + 1
                found = [lists[start + n] for n in range(count)]
                assert at <= start
                assert found == [int(weights[f, index, channel]) & 255 | int(f) << 8 for f in present]
                held += count
    assert held == len(lists) == sum(np.count_nonzero(weights) for _, _, weights in sections)
