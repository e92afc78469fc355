# amaranth: UnusedElaboratable=no
"""The walk over blocks against three loops."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.block_counter import BlockCounter
from zeroskip.wire import Mode


def model(images, height, width, down, across, pitch):
    """(row, col, position, last of the image, last of all, flip over columns, over rows)."""
    return [(row, col, row * pitch + col, row + down >= height and col + across >= width,
             image == images - 1 and row + down >= height and col + across >= width,
             (row // down + image) % 2, (col // across + image // 2) % 2)
            for image in range(images) for row in range(0, height, down) for col in range(0, width, across)]


def raster(images, height, width, step, pitch):
    """The same for blocks that run on over row ends, without the flips."""
    return [(first // width, first % width, first // width * pitch + first % width, first + step >= height * width,
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


RASTERS = [(1, 1, 1, 1, 1), (2, 5, 7, 4, 9), (3, 3, 5, 16, 6), (2, 4, 4, 4, 4), (1, 7, 6, 8, 5), (2, 2, 9, 40, 12)]


@pytest.mark.parametrize("pause", [0.0, 0.5])
@pytest.mark.parametrize("case", RASTERS)
def test_raster(case, pause):
    images, height, width, step, pitch = case
    settings = {"mode": Mode.RASTER.value, "images": images, "out_rows": height, "out_cols": width,
                "block_rows": step // width, "block_cols": step % width, "map_pitch": pitch, "map_wrap": pitch - width,
                "block_pitch": step // width * pitch + step % width, "blocks": -(-height * width // step)}
    check(raster(*case), settings, pause)


def check(blocks, settings, pause):
    """Twice, with a start in the middle of the first walk."""
    dut, rng = BlockCounter(), random.Random(f"{settings} {pause}")

    async def bench(ctx):
        for name, value in settings.items():
            ctx.set(dut.images if name == "images" else dut.config[name], value)
        for length in (len(blocks) // 2, len(blocks)):
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for wanted in blocks[:length]:
                while rng.random() < pause:
                    await ctx.tick()
                found = tuple(ctx.get(port) for port in (dut.row, dut.col, dut.position, dut.last_of_image, dut.last,
                                                         dut.flip[0], dut.flip[1]))
                assert found[: len(wanted)] == wanted
                ctx.set(dut.step, 1)
                await ctx.tick()
                ctx.set(dut.step, 0)

    simulate(dut, bench, cycles=10_000)
