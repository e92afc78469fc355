# amaranth: UnusedElaboratable=no
"""The walk over blocks against three loops."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.block_counter import BlockCounter
from zeroskip.wire import Mode

SPAN = 300


def model(images, height, width, down, across, pitch):
    """(row, col, position, last of the image, last of all, flip over columns, over rows)."""
    return [(row, col, image * SPAN + row * pitch + col, row + down >= height and col + across >= width,
             image == images - 1 and row + down >= height and col + across >= width,
             (row // down + image) % 2, (col // across + image // 2) % 2)
            for image in range(images) for row in range(0, height, down) for col in range(0, width, across)]


def raster(images, height, width, step):
    """The same for blocks that run on over row ends, without the flips; the pitch is the width."""
    return [(first // width, first % width, image * SPAN + first, first + step >= height * width,
             image == images - 1 and first + step >= height * width)
            for image in range(images) for first in range(0, height * width, step)]


CASES = [(1, 1, 1, 1, 1, 1), (1, 5, 7, 1, 1, 9), (2, 5, 7, 2, 4, 7), (3, 1, 9, 2, 2, 8), (3, 4, 8, 2, 4, 10),
         (2, 3, 2, 4, 8, 2), (1, 1, 1023, 1, 32, 1023), (1, 1023, 1, 7, 1, 2)]


@pytest.mark.parametrize("pause", [0.0, 0.5])
@pytest.mark.parametrize("case", CASES)
def test_walk(case, pause):
    images, height, width, down, across, pitch = case
    settings = {"images": images, "out_rows": height, "out_cols": width, "block_rows": down, "block_cols": across,
                "map_pitch": pitch, "block_pitch": down * pitch, "blocks": -(-height // down) * -(-width // across)}
    check(model(*case), settings, pause)


RASTERS = [(1, 1, 1, 1), (2, 5, 7, 4), (3, 3, 5, 16), (2, 4, 4, 4), (1, 7, 6, 8), (2, 2, 9, 40)]


@pytest.mark.parametrize("pause", [0.0, 0.5])
@pytest.mark.parametrize("case", RASTERS)
def test_raster(case, pause):
    images, height, width, step = case
    settings = {"mode": Mode.RASTER.value, "images": images, "out_rows": height, "out_cols": width,
                "block_rows": step // width, "block_cols": step % width, "map_pitch": width, "block_pitch": step,
                "blocks": -(-height * width // step)}
    check(raster(*case), settings, pause)


def check(blocks, settings, pause):
    """A layer whose first pass is cut short, and another of two passes, whose positions go on."""
    dut, rng = BlockCounter(position_bits=14), random.Random(f"{settings} {pause}")

    async def bench(ctx):
        for name, value in (settings | {"map_span": SPAN}).items():
            ctx.set(dut.images if name == "images" else dut.config[name], value)
        for layer in ([len(blocks) // 2], [len(blocks), len(blocks)]):
            ctx.set(dut.reset, 1)
            await ctx.tick()
            ctx.set(dut.reset, 0)
            for number, length in enumerate(layer):
                ctx.set(dut.start, 1)
                await ctx.tick()
                ctx.set(dut.start, 0)
                await walk(ctx, dut, blocks[:length], number * settings["images"] * SPAN, rng, pause)

    simulate(dut, bench, cycles=20_000)


async def walk(ctx, dut, blocks, first, rng, pause):
    for row, col, position, *rest in blocks:
        while rng.random() < pause:
            await ctx.tick()
        found = [ctx.get(port) for port in (dut.row, dut.col, dut.position, dut.last_of_image, dut.last, dut.flip[0],
                                            dut.flip[1])]
        assert found[: 3 + len(rest)] == [row, col, (first + position) % (1 << 14), *rest]
        ctx.set(dut.step, 1)
        await ctx.tick()
        ctx.set(dut.step, 0)
