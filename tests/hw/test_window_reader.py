# amaranth: UnusedElaboratable=no
"""The window reader against a model: rotation, zeros outside, mask of channels, one window a cycle."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.window_reader import WindowReader
from zeroskip.wire import WORD_CHANNELS

GROUPS = 3


def model(issue, banks, mode, pixels):
    """Fields of the window: want, marker, flip, word, mask (of a marker: its flags), pixel words as bytes."""
    words = [banks[(issue["rotation"] + p) % pixels] if issue["inside"] >> p & 1 else bytes(WORD_CHANNELS)
             for p in range(pixels)]
    mask = sum(1 << c for c in range(WORD_CHANNELS) if any(word[c] for word in words)) if mode & 1 else 0xFFFF
    mask = issue["flags"] if issue["marker"] else mask
    return issue["issue"], issue["marker"], issue["flip"], issue["word"], mask, words


@pytest.mark.parametrize("mode", [0, 1, 7])
@pytest.mark.parametrize("pixels", [1, 2, 4, 8])
def test_windows(pixels, mode):
    rng = random.Random(f"{pixels} {mode}")
    dut = WindowReader(groups=GROUPS, pixels=pixels)
    issues = [{"issue": rng.randrange(1 << GROUPS), "marker": rng.randrange(2), "flags": rng.randrange(4),
               "flip": rng.randrange(4), "word": rng.randrange(1 << 12),
               "rotation": rng.randrange(pixels), "inside": rng.randrange(1 << pixels)} for _ in range(60)]
    data = [[bytes(rng.choice([0, 0, 0, 1, 128, 255]) for _ in range(WORD_CHANNELS)) for _ in range(pixels)]
            for _ in issues]

    async def feed(ctx):
        ctx.set(dut.mode, mode)
        for index in range(len(issues) + 1):
            if index < len(issues):
                for name, value in issues[index].items():
                    ctx.set(getattr(dut, name), value)
            else:
                ctx.set(dut.issue, 0)
            if index:
                ctx.set(dut.data, int.from_bytes(b"".join(data[index - 1]), "little"))
            await ctx.tick()

    async def check(ctx):
        for _ in range(1 + dut.latency):
            await ctx.tick()
        for issue, banks in zip(issues, data, strict=True):
            window = ctx.get(dut.window)
            words = [bytes(window.data[p][c] for c in range(WORD_CHANNELS)) for p in range(pixels)]
            found = window.want, window.marker, window.flip, window.word, window.mask, words
            assert found == model(issue, banks, mode, pixels)
            await ctx.tick()
        for _ in range(100):
            assert not ctx.get(dut.window.want)
            await ctx.tick()

    simulate(dut, feed, check, cycles=1000)
