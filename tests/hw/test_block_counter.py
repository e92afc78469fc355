# amaranth: UnusedElaboratable=no
"""The walk over blocks against three loops."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.block_counter import BlockCounter


def model(images, height, width, down, across, pitch):
    """(row, col, position, last of the image, last of all)."""
    return [(row, col, row * pitch + col, row + down >= height and col + across >= width,
             image == images - 1 and row + down >= height and col + across >= width)
            for image in range(images) for row in range(0, height, down) for col in range(0, width, across)]


CASES = [(1, 1, 1, 1, 1, 1), (1, 5, 7, 1, 1, 9), (2, 5, 7, 2, 4, 7), (3, 1, 9, 2, 2, 8), (3, 4, 8, 2, 4, 10),
         (2, 3, 2, 4, 8, 2), (1, 1, 1023, 1, 32, 1023), (1, 1023, 1, 7, 1, 2)]


@pytest.mark.parametrize("pause", [0.0, 0.5])
@pytest.mark.parametrize("case", CASES)
def test_walk(case, pause):
    """Twice, with a start in the middle of the first walk."""
    images, height, width, down, across, pitch = case
    dut, rng = BlockCounter(), random.Random(f"{case} {pause}")
    blocks = model(*case)

    async def bench(ctx):
        settings = {"images": images, "out_rows": height, "out_cols": width, "block_rows": down, "block_cols": across,
                    "map_pitch": pitch, "block_pitch": down * pitch}
        for name, value in settings.items():
            ctx.set(dut.config[name], value)
        for length in (len(blocks) // 2, len(blocks)):
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for wanted in blocks[:length]:
                while rng.random() < pause:
                    await ctx.tick()
                found = tuple(ctx.get(port) for port in (dut.row, dut.col, dut.position, dut.last_of_image, dut.last))
                assert found == wanted
                ctx.set(dut.step, 1)
                await ctx.tick()
                ctx.set(dut.step, 0)

    simulate(dut, bench, cycles=10_000)
