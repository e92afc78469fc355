# amaranth: UnusedElaboratable=no
"""The weight reader: order, latency, rewinding, pauses."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.dense.weights import WeightReader
from zeroskip.spec.dense_program import Section


@pytest.mark.parametrize("latency", [3, 6])
@pytest.mark.parametrize("filters", [1, 2, 8, 16])
def test_order(filters, latency):
    rng = random.Random(filters)
    weights = np.random.default_rng(filters).integers(-128, 128, (7 * 16 // filters, filters))
    weights[0, 0] = -128
    dut = WeightReader(filters=filters, depth=128, latency=latency)
    steps = []
    for length in (3, len(weights), len(weights) - 1, 1):
        for index in range(length):
            steps += [None] * rng.choice([0, 0, 1, 4]) + [(index, index == length - 1)]

    async def feed(ctx):
        rows = weights.astype(np.int8).view(np.uint8).reshape(-1, 16)
        ctx.set(dut.write.valid, 1)
        ctx.set(dut.write.kind, Section.WEIGHTS)
        for address, row in enumerate(rows):
            ctx.set(dut.write.address, address)
            ctx.set(dut.write.data, int.from_bytes(row.tobytes(), "little"))
            await ctx.tick()
        ctx.set(dut.write.kind, Section.TAPS)
        ctx.set(dut.write.address, 0)
        await ctx.tick()
        ctx.set(dut.write.valid, 0)
        for round_ in range(2):
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for cycle, step in enumerate(steps + [None] * latency):
                ctx.set(dut.go, step is not None)
                ctx.set(dut.rewind, bool(step and step[1]))
                if cycle >= latency and steps[cycle - latency]:
                    wanted = weights[steps[cycle - latency][0]]
                    assert [ctx.get(dut.weights[f]) for f in range(filters)] == wanted.tolist(), (round_, cycle)
                await ctx.tick()

    simulate(dut, feed)


def test_messages():
    with pytest.raises(ValueError, match=r"^filters must divide 16, not 3$"):
        WeightReader(filters=3, depth=64, latency=5)
    with pytest.raises(ValueError, match=r"^latency must be at least 3, not 2$"):
        WeightReader(filters=2, depth=64, latency=2)
    with pytest.raises(TypeError, match=r"^depth must be a positive integer, not 0$"):
        WeightReader(filters=2, depth=0, latency=5)
