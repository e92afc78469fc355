# amaranth: UnusedElaboratable=no
"""The activation reader against indexing in numpy: addresses, rotation, channels, zeros outside."""

from __future__ import annotations

import numpy as np
import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.dense.reader import ActivationReader
from zeroskip.spec.dense_program import Mode

LINE_BITS = 5


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("pixels", "memory_latency"), [(1, 2), (2, 1), (2, 3), (8, 2)])
def test_activations(pixels, memory_latency, signed):
    """Random taps on random blocks, some right behind each other; the memory is random bytes, and reads always."""
    rng = np.random.default_rng(pixels)
    dut = ActivationReader(pixels=pixels, line_bits=LINE_BITS, memory_latency=memory_latency)
    size = pixels << LINE_BITS
    memory = rng.integers(0, 256, (size, 16)).astype(np.uint8)
    rows, cols, base = 5, 6, 3
    wanted = []

    async def banks(ctx):
        asked = []
        async for _, _, *lines in ctx.tick().sample(*dut.address):
            asked.append(lines)
            if len(asked) < memory_latency:
                continue
            for bank, line in enumerate(asked.pop(0)):
                ctx.set(dut.data[bank], int.from_bytes(memory[line * pixels + bank].tobytes(), "little"))

    async def feed(ctx):
        ctx.set(dut.layer.map_rows, rows)
        ctx.set(dut.layer.map_cols, cols)
        ctx.set(dut.layer.mode, Mode.SIGNED_MAP.value if signed else 0)
        ctx.set(dut.base, base)
        for _ in range(200):
            block = [(int(rng.integers(7)), int(rng.integers(8)), int(rng.integers(1 << LINE_BITS)),
                      bool(rng.random() < 0.9)) for _ in range(pixels)]
            offset, dy, dx = (int(rng.integers(-low, low)) for low in (300, 4, 4))
            for pixel, (row, col, line, exists) in zip(dut.block, block, strict=True):
                ctx.set(pixel, {"row": row, "col": col, "line": line, "exists": exists})
            ctx.set(dut.step.tap, {"offset": offset & 0x3FFF, "dy": dy, "dx": dx, "last_channel": 0})
            for index, channel in enumerate(rng.integers(0, 16, int(rng.integers(1, 4))).tolist()):
                ctx.set(dut.step.channel, channel)
                ctx.set(dut.step.first, index == 0)
                values = []
                for j, (row, col, line, exists) in enumerate(block):
                    inside = exists and 0 <= row + dy < rows and 0 <= col + dx < cols
                    at = (line * pixels + j + offset + base * pixels) % size
                    byte = int(memory[at, channel]) if inside else 0
                    values.append(byte - 256 if signed and byte > 127 else byte)
                wanted.append(values)
                await ctx.tick()

    async def check(ctx):
        await ctx.tick().repeat(dut.latency)
        for index in range(200):
            found = [ctx.get(dut.activations[pixel]) for pixel in range(pixels)]
            assert found == wanted[index], index
            await ctx.tick()

    simulate(dut, feed, check, background=[banks])


def test_messages():
    with pytest.raises(TypeError, match=r"^line_bits must be a positive integer, not 0$"):
        ActivationReader(pixels=4, line_bits=0, memory_latency=2)
