"""The search for a configuration: against trying everything, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.hw.layers import random_layer

from zeroskip import fit as module
from zeroskip.area import Area, estimate
from zeroskip.compiler.packed import PackError
from zeroskip.config import derive
from zeroskip.fit import CHIPS, GOALS, SMALLER, FitError, candidates, fit, fits
from zeroskip.layer import Layer
from zeroskip.packing import pack

LAYERS = {"conv": random_layer(1, filters=8, channels=4, size=(8, 9), padding=(1, 1)),
          "linear": random_layer(2, linear=True, filters=6, channels=30, output=None)}
CHIP = Area(luts=16000, multipliers=16, memories=80)


@pytest.fixture(scope="module")
def by_hand():
    """Area and cycles of every candidate that the layers fit, the packer asked for each."""
    found = []
    for config, area in candidates(CHIP):
        try:
            cycles = sum(pack(layer, config, "skip-both").predicted["total"] for layer in LAYERS.values())
        except PackError:
            continue
        found.append((area, cycles))
    return found


@pytest.mark.parametrize("goal", GOALS)
def test_the_best_of_all(goal, by_hand):
    """What is ruled out without the cycle model is never among the best."""
    wanted = sorted((cycles * GOALS[goal](area), cycles) for area, cycles in by_hand)
    found = fit(LAYERS, CHIP, goal, most=4)
    assert [(own.cost(goal), own.cycles) for own in found] == wanted[:4] and len(wanted) > 8
    for own in found:
        assert own.area == estimate(own.config) and fits(own.area, CHIP)


def test_bounds_save_work(monkeypatch):
    tried, real = [], module.best_plan
    monkeypatch.setattr(module, "best_plan", lambda *given, **more: tried.append(given[1]) or real(*given, **more))
    fit(LAYERS, CHIP, "per-multiplier", most=1)
    assert 0 < len(set(tried)) < len({config for config, _ in candidates(CHIP)})


def test_goals_differ():
    """Fewest cycles take a larger array than most for each multiplier."""
    fast, thrifty = (fit(LAYERS, CHIP, goal, most=1)[0] for goal in ("cycles", "per-multiplier"))
    assert fast.cycles < thrifty.cycles and fast.area.multipliers > thrifty.area.multipliers


@pytest.mark.parametrize("chip", CHIPS)
def test_candidates(chip):
    """All fit; each shape has the largest memories that do."""
    found = list(candidates(CHIPS[chip]))
    assert len(found) == len(set(found)) > 10
    for config, area in found:
        assert fits(area, CHIPS[chip]) and area == estimate(config)
        shape = {"groups": config.groups, "lanes": config.lanes, "pixels": config.pixels,
                 "output_units": config.output_units}
        larger = [derive(**shape, **memories) for memories in SMALLER]
        assert all(not fits(estimate(own), CHIPS[chip]) for own in larger[: larger.index(config)])


@pytest.mark.parametrize("short", ["luts", "multipliers", "memories"])
def test_each_limit_counts(short):
    area = Area(luts=10, multipliers=10, memories=10)
    assert fits(area, area) and not fits(area, replace(area, **{short: 9}))


def test_refusals():
    with pytest.raises(FitError, match=r"^no shape fits 1,000 LUTs, 4 multipliers and 208 memories$"):
        fit(LAYERS, Area(luts=1000, multipliers=4, memories=208), "cycles")
    big = Layer(weight=np.ones((1, 1, 17, 17), np.int8), input=np.ones((1, 1, 17, 17), np.uint8))
    with pytest.raises(FitError, match=r"^the network fits no shape that fits the chip: .*needs .*has"):
        fit({"big": big}, replace(CHIP, multipliers=3), "cycles")
    with pytest.raises(ValueError, match=re.escape("goal must be one of cycles, per-lut, per-multiplier, not 'all'")):
        fit(LAYERS, CHIP, "all")
    heavy = replace(LAYERS["linear"], bias=np.full(6, 2**31 - 1, np.int32))
    with pytest.raises(PackError, match=r"^accumulator \(worst case of filter"):
        fit({"heavy": heavy}, CHIP, "cycles")
    dilated = Layer(weight=np.ones((1, 1, 3, 3), np.int8), input=np.ones((1, 1, 9, 9), np.uint8), dilation=(2, 2))
    with pytest.raises(PackError, match=r"^dilation: the layer needs \(2, 2\), the array has \(1, 1\)$"):
        fit({"dilated": dilated}, CHIP, "cycles")
