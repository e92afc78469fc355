"""How a layer lies in the dense array, and what does not fit."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.hw.gateware.dense.run import dense_config, random_layer

from zeroskip.compiler.dense.plan import make_plan
from zeroskip.compiler.packed import PackError, check_accumulators
from zeroskip.layer import Layer
from zeroskip.spec.dense_program import Mode

SMALL = dict(filters=3, channels=2, kernel=(3, 3), size=(5, 5))


@pytest.mark.parametrize(("memories", "layer", "message"), [
    ({"taps": 8}, SMALL, "tap table: the layer needs 9, the configuration has 8"),
    ({"weights": 64}, SMALL, ("weight memory (weights, filters filled up to whole passes): the layer needs 72, "
                              "the configuration has 64")),
    ({}, SMALL | {"filters": 65}, "filters: the layer needs 65, the configuration has 64"),
    ({"map_positions": 16}, SMALL, ("map memory (positions of 16 channels for one image): the layer needs 26, "
                                    "the configuration has 16")),
    ({"map_positions": 16384}, {"filters": 1, "channels": 1, "kernel": (1, 1), "size": (1, 1500)},
     "configuration register map_cols: the layer needs 1500, the configuration has 1023"),
])
def test_refusals(memories, layer, message):
    with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
        make_plan(random_layer(0, **layer), dense_config(2, 2, **memories), gate=False)


@pytest.mark.parametrize("width", [28, 30])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_accumulator_bound(dtype, width):
    """The bound is sharp: one more is refused. Bias and filter are in the message."""
    limit, largest = 2 ** (width - 1) - 1, 255 if dtype == np.uint8 else 128
    weight = np.stack([np.zeros(100, np.int8), np.full(100, -127, np.int8)])
    worst = 100 * 127 * largest
    data = np.ones((1, 100), dtype)

    def check(bias):
        layer = Layer(weight=weight, input=data, bias=np.array([0, bias], np.int32))
        check_accumulators(layer, width)

    check(worst - limit)
    check(limit - worst)
    message = f"accumulator (worst case of filter 1): the layer needs {limit + 1}, the configuration has {limit}"
    for bias in (limit - worst + 1, worst - limit - 1):
        with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
            check(bias)


def test_overflow():
    layer = Layer(weight=np.full((1, 4200), 127, np.int8), input=np.full((1, 4200), 255, np.uint8))
    with pytest.raises(PackError, match=r"accumulator \(worst case of filter 0\): the layer needs 136017000"):
        make_plan(layer, dense_config(2, 2), gate=False)


def test_modes():
    """Gating, the map's type, requantisation and its rounding."""
    config = dense_config(2, 2)
    plain, exact = random_layer(1, **SMALL), random_layer(1, **SMALL, quantised=False, signed=True)
    assert make_plan(plain, config, gate=True).registers()["mode"] == Mode.GATE | Mode.REQUANTISE
    assert make_plan(exact, config, gate=False).registers()["mode"] == Mode.SIGNED_MAP
    even = random_layer(1, **SMALL, rounding="even")
    assert make_plan(even, config, gate=False).registers()["mode"] == Mode.REQUANTISE | Mode.ROUND_EVEN


@pytest.mark.parametrize("options", [{}, {"dilation": (2, 2)}, {"padding": (0, 1), "padding_end": (2, 0)}])
def test_banks_never_clash(options):
    """Whatever the shape, the N pixels of a block lie in N banks for every tap."""
    for width in range(5, 12):
        layer = random_layer(3, **SMALL | {"size": (6, width)}, **{"padding": (1, 2), "stride": (1, 2)} | options)
        plan = make_plan(layer, dense_config(2, 4), gate=False)
        columns = layer.output_shape[3]
        for tap in plan.taps:
            for start in range(0, layer.output_shape[2] * columns - 4, 4):
                pixels = [divmod(start + j, columns) for j in range(4)]
                assert len({(oy * plan.layout.pitch + ox + tap.offset) % 4 for oy, ox in pixels}) == 4
