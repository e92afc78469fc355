# amaranth: UnusedElaboratable=no
"""The twin of the memory with one port for each direction against a list in Python."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.primitives.simple_dual_port import SimpleDualPort


@pytest.mark.parametrize(("width", "depth"), [(1, 1), (72, 512), (54, 2048), (18, 1000), (36, 5), (1, 16384), (4, 2)])
def test_reads_what_was_written(width, depth):
    rng = random.Random(f"{width} {depth}")
    dut = SimpleDualPort(width=width, depth=depth)
    rows, wanted = [0] * depth, [0] * dut.latency
    hits = 0

    async def bench(ctx):
        nonlocal hits
        for _ in range(3000):
            to, source = (rng.choice([0, depth - 1, rng.randrange(depth), rng.randrange(min(depth, 8))])
                          for _ in range(2))
            data = rng.choice([0, (1 << width) - 1, rng.getrandbits(width)])
            enable = rng.random() < 0.5 and to != source  # undefined otherwise
            for port, value in ((dut.write.address, to), (dut.write.data, data), (dut.write.enable, enable),
                                (dut.read.address, source)):
                ctx.set(port, value)
            wanted.append(rows[source])
            if enable:
                rows[to] = data
            await ctx.tick()
            assert ctx.get(dut.read.data) == wanted[-dut.latency]
            hits += wanted[-dut.latency] != 0

    simulate(dut, bench)
    assert hits > (300 if depth > 1 else -1)


def test_latency():
    """A row that was written shows `latency` cycles after its address, and not before."""
    dut = SimpleDualPort(width=36, depth=16)

    async def bench(ctx):
        ctx.set(dut.write.address, 7)
        ctx.set(dut.write.data, 300)
        ctx.set(dut.write.enable, 1)
        await ctx.tick()
        ctx.set(dut.write.enable, 0)
        ctx.set(dut.read.address, 7)
        for cycle in range(1, dut.latency + 1):
            await ctx.tick()
            assert ctx.get(dut.read.data) == (300 if cycle == dut.latency else 0)

    simulate(dut, bench)


@pytest.mark.parametrize(("width", "depth", "cells"), [
    (54, 2048, 6), (72, 512, 2), (72, 513, 4), (36, 512, 1), (37, 512, 2), (18, 1024, 1), (9, 2048, 1), (4, 4096, 1),
    (2, 8192, 1), (1, 16384, 1), (9, 4096, 3), (1, 1, 1),
])
def test_cells(width, depth, cells):
    assert SimpleDualPort(width=width, depth=depth).cells == cells


@pytest.mark.parametrize(("sizes", "error", "message"), [
    ({"width": 1, "depth": 16385}, ValueError, "depth must be at most 16384, not 16385"),
    ({"width": -1, "depth": 4}, TypeError, "width must be a positive integer, not -1"),
    ({"width": 9, "depth": None}, TypeError, "depth must be a positive integer, not None"),
])
def test_wrong_sizes(sizes, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        SimpleDualPort(**sizes)
