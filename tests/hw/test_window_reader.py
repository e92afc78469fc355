# amaranth: UnusedElaboratable=no
"""The window reader against a model: rotation, zeros outside, mask of channels, one window a cycle."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.window_reader import WindowReader
from zeroskip.wire import WORD_CHANNELS

GROUPS = 3


def model(issue, banks, mode, columns):
    """Fields of the window: want, parts, marker, flip, word, mask (of a marker: its flags), words as bytes."""
    words = [banks[(issue["rotation"] + p) % len(banks)] if issue["inside"] >> p & 1 else bytes(WORD_CHANNELS)
             for p in range(len(banks))]
    apart = [words[column : column + 1] if columns == 2 else words for column in range(columns)]
    masks = [sum(1 << c for c in range(WORD_CHANNELS) if any(word[c] for word in own)) if mode & 1 else 0xFFFF
             for own in apart]
    mask = issue["flags"] if issue["marker"] else sum(own << WORD_CHANNELS * n for n, own in enumerate(masks))
    return issue["issue"], issue["parts"], issue["marker"], issue["flip"], issue["word"], mask, words


@pytest.mark.parametrize("mode", [0, 1, 7])
@pytest.mark.parametrize(("pixels", "columns"), [(1, 1), (2, 1), (4, 1), (8, 1), (1, 2)])
def test_windows(pixels, columns, mode):
    rng = random.Random(f"{pixels} {columns} {mode}")
    dut = WindowReader(groups=GROUPS, pixels=pixels, columns=columns)
    pixels *= columns
    issues = [{"issue": rng.randrange(1 << GROUPS), "parts": [rng.randrange(1 << GROUPS) for _ in range(columns)],
               "marker": rng.randrange(2), "flags": rng.randrange(4),
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
            parts = [window.parts[column] for column in range(columns)]
            found = window.want, parts, window.marker, window.flip, window.word, window.mask, words
            assert found == model(issue, banks, mode, columns)
            await ctx.tick()
        for _ in range(100):
            assert not ctx.get(dut.window.want)
            await ctx.tick()

    simulate(dut, feed, check, cycles=1000)
