# amaranth: UnusedElaboratable=no
"""The array of cells against matrix products: rows, their addresses, counts."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.hw.streams import get, simulate

from zeroskip.gateware.dense.array import DenseArray
from zeroskip.spec.dense import DenseConfig


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize(("filters", "pixels", "count"), [(1, 1, 3), (2, 4, 5), (4, 2, 4)])
def test_passes(filters, pixels, count, gate):
    """Blocks of passes; a pass lasts as long as its rows at least. The counts equal the cells' own flags."""
    rng = np.random.default_rng(filters)
    config = DenseConfig(filters=filters, pixels=pixels, acc_width=24, parameters=8)
    dut = DenseArray(config=config, gate=gate)
    passes = -(-count // filters)
    lengths = [filters + int(extra) for extra in rng.integers(0, 4, 3 * passes)]
    operands = [(rng.integers(-256, 256, (n, pixels)) * (rng.random((n, pixels)) < 0.6),
                 rng.integers(-128, 128, (n, filters)) * (rng.random((n, filters)) < 0.6)) for n in lengths]
    totals = {"issued": 0, "gated": 0, "flags": 0}

    async def feed(ctx):
        ctx.set(dut.filter_count, count)
        ctx.set(dut.gating, 1)
        ctx.set(dut.slots, filters * pixels)
        for activations, weights in operands:
            for step in range(len(activations)):
                ctx.set(dut.activations, activations[step].tolist())
                ctx.set(dut.weights, weights[step].tolist())
                ctx.set(dut.en, 1)
                ctx.set(dut.last, step == len(activations) - 1)
                await ctx.tick()
            ctx.set(dut.en, 0)
            if random.Random(len(activations)).random() < 0.5:
                await ctx.tick().repeat(2)

    async def rows(ctx):
        for index, (activations, weights) in enumerate(operands):
            sums = weights.T @ activations
            found = await get(ctx, dut.rows, filters)
            for row, payload in enumerate(found):
                assert [int(value) for value in payload.acc] == sums[row].tolist()
                assert payload.param == index % passes * filters + row
                assert payload.last == (row == filters - 1)
        await ctx.tick().repeat(3)
        assert not ctx.get(dut.active)

    async def counts(ctx):
        flags = [cell.gated for cells in dut.cells for cell in cells]
        async for _, _, issued, gated, *own in ctx.tick().sample(dut.issued, dut.gated, *flags):
            totals["issued"] += issued
            totals["gated"] += gated
            totals["flags"] += sum(own)

    simulate(dut, feed, rows, background=[counts])
    assert totals["issued"] == filters * pixels * sum(lengths)
    assert totals["gated"] == totals["flags"]
    zeros = sum(int(((a[:, :, None] == 0) | (w[:, None, :] == 0)).sum()) for a, w in operands)
    assert totals["gated"] == (zeros if gate else 0)

