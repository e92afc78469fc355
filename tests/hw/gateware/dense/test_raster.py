# amaranth: UnusedElaboratable=no
"""The raster of output pixels against a loop in Python."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.dense.raster import PixelRaster

LINE_BITS = 6


def model(pixels, rows, cols, pitch, images):
    """Blocks as (pixels, last of its image); a pixel is (row, col, line), or None where there is none."""
    blocks = []
    for _ in range(images):
        every = [(row, col, (row * pitch + col) // pixels % (1 << LINE_BITS)) for row in range(rows)
                 for col in range(cols)]
        every += [None] * (-len(every) % pixels)
        for start in range(0, len(every), pixels):
            blocks.append((every[start : start + pixels], start + pixels == len(every)))
    return blocks


def seen(ctx, dut):
    block = ctx.get(dut.block)
    pixels = [(pixel.row, pixel.col, pixel.line) if pixel.exists else None for pixel in block]
    return pixels, bool(ctx.get(dut.last))


@pytest.mark.parametrize("hurry", [False, True])
@pytest.mark.parametrize(("pixels", "rows", "cols", "pitch", "images"), [
    (1, 3, 4, 4, 2), (2, 3, 3, 5, 3), (4, 5, 7, 11, 2), (4, 1, 1, 1, 3), (8, 4, 2, 10, 1), (8, 14, 14, 14, 2),
    (2, 2, 9, 5, 1),
])
def test_blocks(pixels, rows, cols, pitch, images, hurry):
    """Two layers, taken at once or after a while; then no block is left."""
    dut = PixelRaster(pixels=pixels, line_bits=LINE_BITS)
    rng = random.Random(pixels)

    async def bench(ctx):
        for name, value in {"out_rows": rows, "out_cols": cols, "map_pitch": pitch, "images": images}.items():
            ctx.set(dut.layer[name], value)
        for _ in range(2):
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            blocks = model(pixels, rows, cols, pitch, images)
            for index, block in enumerate(blocks):
                cycles = 1 if index == 0 else 0
                while not ctx.get(dut.valid):
                    await ctx.tick()
                    cycles += 1
                assert cycles <= (dut.latency if index == 0 else pixels + 1)
                assert seen(ctx, dut) == block
                for _ in range(0 if hurry else rng.randint(0, 2 * pixels)):
                    await ctx.tick()
                assert seen(ctx, dut) == block and not ctx.get(dut.finished)
                ctx.set(dut.take, 1)
                await ctx.tick()
                ctx.set(dut.take, 0)
            await ctx.tick().repeat(3 * pixels)
            assert ctx.get(dut.finished) and not ctx.get(dut.valid)

    simulate(dut, bench)


def test_no_bubble():
    """A block that lasts N + 1 cycles is followed by the next at once; before another image there is one cycle."""
    dut = PixelRaster(pixels=4, line_bits=LINE_BITS)

    async def bench(ctx):
        for name, value in {"out_rows": 5, "out_cols": 4, "map_pitch": 4, "images": 3}.items():
            ctx.set(dut.layer[name], value)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await ctx.tick().repeat(dut.latency - 1)
        for block in range(15):
            if block in (5, 10):
                assert not ctx.get(dut.valid)
                await ctx.tick()
            assert ctx.get(dut.valid)
            await ctx.tick().repeat(4)
            ctx.set(dut.take, 1)
            await ctx.tick()
            ctx.set(dut.take, 0)
        assert not ctx.get(dut.valid)

    simulate(dut, bench)


def test_waits_for_rows():
    """A block comes with the last row that it reads, the image's last one with all of it; of each image anew."""
    dut = PixelRaster(pixels=2, line_bits=LINE_BITS)
    rows, reach = 6, 2

    async def bench(ctx):
        for name, value in {"out_rows": 3, "out_cols": 2, "map_pitch": 2, "images": 2, "map_rows": rows}.items():
            ctx.set(dut.layer[name], value)
        ctx.set(dut.reach, reach)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await ctx.tick().repeat(dut.latency)
        for _ in range(2):
            for row, needed in ((0, 0 + reach + 1), (1, 1 + reach + 1), (2, rows)):
                ctx.set(dut.rows_loaded, needed - 1)
                for _ in range(6):
                    assert not ctx.get(dut.valid)
                    await ctx.tick()
                assert ctx.get(dut.waiting)
                ctx.set(dut.rows_loaded, needed)
                await ctx.tick()
                assert ctx.get(dut.valid) and not ctx.get(dut.waiting)
                assert ctx.get(dut.block[0].row) == row
                assert ctx.get(dut.last) == (row == 2)
                ctx.set(dut.take, 1)
                await ctx.tick()
                ctx.set(dut.take, 0)
            ctx.set(dut.rows_loaded, 0)

    simulate(dut, bench)


def test_wrong_pixels():
    with pytest.raises(ValueError, match=r"^pixels must be a power of two, not 3$"):
        PixelRaster(pixels=3, line_bits=4)
