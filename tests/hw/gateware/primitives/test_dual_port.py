# amaranth: UnusedElaboratable=no
"""The twin of the memory with two ports against a list in Python."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.primitives.dual_port import TrueDualPort


class Model:
    """Rows, and what each port has read: first behind the memory, then behind the output register."""

    def __init__(self, depth):
        self.rows, self.read, self.shown = [0] * depth, [0, 0], [0, 0]

    def tick(self, ports):
        """`ports`: (address, data, enable) of both."""
        self.shown = list(self.read)
        self.read = [held if enable else self.rows[address]
                     for held, (address, _, enable) in zip(self.read, ports, strict=True)]
        for address, data, enable in ports:
            if enable:
                self.rows[address] = data


def accesses(rng, *, width, depth):
    """Of both ports, without what is undefined: one writes where the other reads or writes."""
    ports = [(rng.choice([0, depth - 1, rng.randrange(depth), rng.randrange(min(depth, 8))]),
              rng.choice([0, (1 << width) - 1, rng.getrandbits(width)]), rng.random() < 0.4) for _ in range(2)]
    if ports[0][0] == ports[1][0] and (ports[0][2] or ports[1][2]):
        ports = [(address, data, False) for address, data, _ in ports]
    return ports


@pytest.mark.parametrize(("width", "depth"), [(1, 2), (9, 2048), (9, 1500), (18, 5), (36, 1024), (1, 16384), (4, 2)])
def test_reads_what_was_written(width, depth):
    rng = random.Random(f"{width} {depth}")
    dut = TrueDualPort(width=width, depth=depth)
    model, hits = Model(depth), 0

    async def bench(ctx):
        nonlocal hits
        for _ in range(3000):
            ports = accesses(rng, width=width, depth=depth)
            for port, (address, data, enable) in zip((dut.a, dut.b), ports, strict=True):
                ctx.set(port.address, address)
                ctx.set(port.write_data, data)
                ctx.set(port.write_enable, enable)
            model.tick(ports)
            await ctx.tick()
            assert [ctx.get(dut.a.read_data), ctx.get(dut.b.read_data)] == model.shown
            hits += any(model.shown)

    simulate(dut, bench)
    assert hits > 300


def test_latency():
    """A row that was written shows `latency` cycles after its address, and not before."""
    dut = TrueDualPort(width=9, depth=16)

    async def bench(ctx):
        ctx.set(dut.a.address, 7)
        ctx.set(dut.a.write_data, 300)
        ctx.set(dut.a.write_enable, 1)
        await ctx.tick()
        ctx.set(dut.a.write_enable, 0)
        ctx.set(dut.b.address, 7)
        for cycle in range(1, dut.latency + 1):
            await ctx.tick()
            assert ctx.get(dut.b.read_data) == (300 if cycle == dut.latency else 0)

    simulate(dut, bench)


@pytest.mark.parametrize(("width", "depth", "cells"), [
    (9, 2048, 1), (9, 2049, 3), (18, 1024, 1), (36, 512, 2), (4, 4096, 1), (2, 8192, 1), (1, 16384, 1), (3, 16384, 3),
    (10, 2048, 2), (1, 1, 1), (54, 2048, 6),
])
def test_cells(width, depth, cells):
    assert TrueDualPort(width=width, depth=depth).cells == cells


@pytest.mark.parametrize(("sizes", "error", "message"), [
    ({"width": 1, "depth": 16385}, ValueError, "depth must be at most 16384, not 16385"),
    ({"width": 0, "depth": 4}, TypeError, "width must be a positive integer, not 0"),
    ({"width": 9, "depth": 4.0}, TypeError, "depth must be a positive integer, not 4.0"),
])
def test_wrong_sizes(sizes, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        TrueDualPort(**sizes)
