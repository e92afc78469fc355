# amaranth: UnusedElaboratable=no
"""The cycle model against the array in Amaranth's simulator, on shapes that no preset has: ways out that hold up."""

from __future__ import annotations

import pytest
from tests.hw.layers import random_layer, small_config, some_plan
from tests.hw.streams import put, simulate
from tests.hw.test_array import wire

from zeroskip.array import ZeroSkipArray
from zeroskip.cycle_model import predict

CASES = {
    "four units, a beat to a row": (
        small_config(4, 1, 4, units=4), 0,
        random_layer(1, filters=12, channels=2, size=(5, 9), kernel=(1, 1), weights=0.2, output=None)),
    "two beats to a row": (
        small_config(2, 1, 8, units=2, result_rows=16), 3,
        random_layer(2, filters=12, channels=2, size=(3, 17), kernel=(1, 1), weights=0.2, output=None)),
    "many units, one pixel": (
        small_config(8, 1, 1, units=8, queue_words=2), 1,
        random_layer(3, filters=10, channels=5, size=(4, 4), padding=(1, 1), weights=0.3)),
    "results wait for slots": (
        small_config(2, 2, 2, lane_filters=4, result_rows=8), 2,
        random_layer(4, filters=12, channels=3, size=(4, 6), kernel=(1, 1), weights=0.2, images=3)),
    "lists of many filters": (
        small_config(1, 1, 1, lane_filters=16, list_entries=512), 0,
        random_layer(5, filters=16, channels=3, size=(3, 3), kernel=(2, 2), weights=1.0, activations=0.4)),
}
"""Configuration, number of the arrangement, layer."""


def total(plan):
    """Cycles from the first beat of the map to the last of the result, both streams of beats without a pause."""
    dut = ZeroSkipArray(config=plan.config)
    program, positions = wire(plan)
    seen = {}

    async def watch(ctx):
        ctx.set(dut.result.ready, 1)
        left = plan.result_beats
        for cycle in range(50_000):
            _, _, moved, came = await ctx.tick().sample(dut.map.valid & dut.map.ready, dut.result.valid)
            if moved:
                seen.setdefault("first", cycle)
            left -= came
            if not left:
                seen["last"] = cycle
                return

    async def feed(ctx):
        await put(ctx, dut.weights, program)

    async def show(ctx):
        await put(ctx, dut.map, positions)

    simulate(dut, feed, show, watch, cycles=50_000)
    return seen["last"] - seen["first"] + 1


@pytest.mark.parametrize("case", CASES)
def test_equal(case):
    """To the cycle."""
    config, number, layer = CASES[case]
    plan = some_plan(layer, config, number, True)
    assert predict(plan)["total"] == total(plan)
