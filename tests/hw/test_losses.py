# amaranth: UnusedElaboratable=no
"""What the idle slots of the array were lost to, on layers where one loss stands out; that they add up: test_array."""

from __future__ import annotations

import pytest
from tests.hw.layers import random_layer
from tests.hw.test_array import SEVERAL, Run, run_all


@pytest.mark.parametrize(("name", "arrangement"), [("C2 E2 P1", 0), ("C2 E2 P1", 1), ("C2 E2 P4", 0)])
def test_tail(name, arrangement):
    """With one filter every second lane has no weight; with one pixel every second group has none."""
    config = SEVERAL[name]
    few = random_layer(70, filters=1, channels=16, kernel=(2, 2), size=(4, 6), weights=1.0, activations=1.0)
    short = random_layer(71, filters=4, channels=16, kernel=(2, 2), size=(2, 2), weights=1.0, activations=1.0)
    runs = [Run("few", few, config, skip=True, arrangement=arrangement),
            Run("short", short, config, skip=True, arrangement=arrangement)]
    assert all(run.plan.arrangement.splits == 1 for run in runs)
    run_all(config, runs)
    assert runs[0].lost["tail"] > runs[0].issued
    assert runs[1].lost["tail"] >= runs[1].issued > 4 * runs[1].lost["lane_imbalance"]


def test_waiting():
    """The map comes slowly: nothing else costs as much."""
    config = SEVERAL["C2 E2 P1"]
    layer = random_layer(72, filters=4, kernel=(1, 1), size=(6, 24), weights=1.0)
    run = Run("slow map", layer, config, skip=True)
    run_all(config, [run], stall=0.9, seed=1)
    assert run.lost["waiting"] == max(run.lost.values()) > run.issued
