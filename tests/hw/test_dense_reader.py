# amaranth: UnusedElaboratable=no
"""The activation reader against indexing in numpy: addresses, rotation, channels, zeros outside."""

from __future__ import annotations

import numpy as np
import pytest
from tests.hw.streams import simulate

from zeroskip.dense_reader import ActivationReader
from zeroskip.wire import Mode

LINE_BITS = 5


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("pixels", [1, 2, 8])
def test_activations(pixels, signed):
    """Random words on random blocks, some right behind each other; the memory is random bytes."""
    rng = np.random.default_rng(pixels)
    dut = ActivationReader(pixels=pixels, line_bits=LINE_BITS)
    size = pixels << LINE_BITS
    memory = rng.integers(0, 256, (size, 16)).astype(np.uint8)
    rows, cols, base = 5, 6, 3
    wanted = []

    async def banks(ctx):
        async for _, _, *bus in ctx.tick().sample(*dut.en, *dut.address):
            for bank in range(pixels):
                if bus[bank]:
                    line = memory[bus[pixels + bank] * pixels + bank]
                    ctx.set(dut.data[bank], int.from_bytes(line.tobytes(), "little"))

    async def feed(ctx):
        ctx.set(dut.config.map_rows, rows)
        ctx.set(dut.config.map_cols, cols)
        ctx.set(dut.config.mode, Mode.SIGNED_MAP.value if signed else 0)
        ctx.set(dut.base, base)
        for _ in range(200):
            block = [(int(rng.integers(7)), int(rng.integers(8)), int(rng.integers(1 << LINE_BITS)),
                      bool(rng.random() < 0.9)) for _ in range(pixels)]
            offset, dy, dx = (int(rng.integers(-low, low)) for low in (300, 4, 4))
            for pixel, (row, col, line, exists) in zip(dut.block, block, strict=True):
                ctx.set(pixel, {"row": row, "col": col, "line": line, "exists": exists})
            ctx.set(dut.step.word, {"offset": offset & 0x3FFF, "dy": dy, "dx": dx, "last_channel": 0})
            for index, channel in enumerate(rng.integers(0, 16, int(rng.integers(1, 4))).tolist()):
                ctx.set(dut.step.channel, channel)
                ctx.set(dut.step.first, index == 0)
                ctx.set(dut.go, 1)
                values = []
                for j, (row, col, line, exists) in enumerate(block):
                    inside = exists and 0 <= row + dy < rows and 0 <= col + dx < cols
                    at = (line * pixels + j + offset + base * pixels) % size
                    byte = int(memory[at, channel]) if inside else 0
                    values.append(byte - 256 if signed and byte > 127 else byte)
                wanted.append(values)
                await ctx.tick()
        ctx.set(dut.go, 0)

    async def check(ctx):
        await ctx.tick().repeat(dut.latency)
        for index in range(200):
            found = [ctx.get(dut.activations[pixel]) for pixel in range(pixels)]
            assert found == wanted[index], index
            await ctx.tick()

    simulate(dut, feed, check, background=[banks])


def test_messages():
    with pytest.raises(TypeError, match=r"^line_bits must be a positive integer, not 0$"):
        ActivationReader(pixels=4, line_bits=0)
