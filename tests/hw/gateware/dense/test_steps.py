# amaranth: UnusedElaboratable=no
"""The dense array's loop against nested loops in Python, with every condition failing at random."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.dense.steps import StepSequencer
from zeroskip.spec.dense_program import Section


def row_of(offset, dy, dx, channels):
    return (offset & 0xFFFFFFFF) | (dy & 0xFFFF) << 32 | (dx & 0xFFFF) << 48 | channels << 64


@pytest.mark.parametrize("ready", [1.0, 0.5])
@pytest.mark.parametrize(("channels", "filters", "passes"),
                         [([1], 2, 1), ([1, 1, 1], 4, 2), ([16, 3], 3, 2), ([5], 9, 5)])
def test_loops(channels, filters, passes, ready):
    """Steps come in order, none is lost or repeated, and none goes against a condition."""
    rng = random.Random(len(channels) + filters)
    dut = StepSequencer(filters=2, taps=4)
    words = [(rng.randint(-500, 500), rng.randint(-2, 2), rng.randint(-2, 2), count) for count in channels]
    wanted = []
    for _ in range(3):
        for index in range(passes):
            for offset, dy, dx, count in words:
                wanted += [((offset & 0x3FFF, dy, dx, count - 1), channel, channel == 0) for channel in range(count)]
            wanted[-1] += ("block",) if index == passes - 1 else ("pass",)

    async def bench(ctx):
        ctx.set(dut.layer.taps, len(words))
        ctx.set(dut.layer.filters, filters)
        ctx.set(dut.write.valid, 1)
        ctx.set(dut.write.kind, Section.TAPS)
        for address, word in enumerate(words):
            ctx.set(dut.write.address, address)
            ctx.set(dut.write.data, row_of(*word))
            await ctx.tick()
        ctx.set(dut.write.valid, 0)
        for _ in range(2):
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await ctx.tick().repeat(dut.latency - 1)
            cycles = 0
            for wants in wanted:
                while True:
                    have = {name: int(rng.random() < ready) for name in ("block_valid", "credit")}
                    for name, value in have.items():
                        ctx.set(getattr(dut, name), value)
                    end = wants[3] if len(wants) > 3 else ""
                    go = bool(have["block_valid"] and (have["credit"] or not end))
                    assert ctx.get(dut.go) == go
                    step = ctx.get(dut.step)
                    word = (step.tap.offset, step.tap.dy, step.tap.dx, step.tap.last_channel)
                    assert (word, step.channel, bool(step.first)) == wants[:3]
                    assert (step.last, step.block_end) == (bool(end), end == "block")
                    await ctx.tick()
                    cycles += 1
                    if go:
                        break
            assert ready < 1 or cycles == len(wanted)
            ctx.set(dut.block_valid, 0)
            assert ctx.get(dut.reach) == max(dy for _, dy, _, _ in words)

    simulate(dut, bench)


def test_messages():
    with pytest.raises(TypeError, match=r"^taps must be a positive integer, not 0$"):
        StepSequencer(filters=2, taps=0)
