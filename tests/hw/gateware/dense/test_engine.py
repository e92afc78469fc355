"""The dense engine against the integer reference, bit for bit, and its cycles against its model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.hw.gateware.dense.run import dense_config, random_layer, run_programs

from zeroskip.compiler.dense.program import pack_dense
from zeroskip.counts import count
from zeroskip.cycles.dense.model import predict
from zeroskip.layer import Layer
from zeroskip.reference import run

SHAPES = {
    "3x3": dict(filters=3, channels=2, kernel=(3, 3), size=(5, 6), padding=(1, 1)),
    "1x1": dict(filters=5, channels=3, kernel=(1, 1), size=(4, 5), images=2),
    "5x5, stride 2": dict(filters=2, channels=3, kernel=(5, 5), size=(9, 7), stride=(2, 2), padding=(2, 1)),
    "int8, two words": dict(filters=3, channels=18, kernel=(2, 3), size=(4, 4), signed=True, padding=(0, 2)),
    "one pixel, one channel": dict(filters=1, channels=1, kernel=(1, 1), size=(1, 1), quantised=False),
    "groups": dict(filters=4, channels=6, kernel=(3, 3), size=(4, 4), groups=2, padding=(1, 1), images=3),
    "depthwise": dict(filters=4, channels=4, kernel=(3, 3), size=(5, 5), groups=4, stride=(2, 1), quantised=False),
    "last row never read": dict(filters=2, channels=1, kernel=(2, 2), size=(5, 5), stride=(2, 2), images=3),
    "all zero": dict(filters=3, channels=2, kernel=(3, 3), size=(4, 4), zeros=1.0, images=2, quantised=False),
    "wider than the map": dict(filters=2, channels=1, kernel=(3, 3), size=(2, 3), padding=(3, 3)),
    "dilated": dict(filters=3, channels=3, kernel=(3, 2), size=(9, 8), dilation=(2, 3), padding=(2, 1)),
    "dilated, stride 2": dict(filters=2, channels=2, kernel=(3, 3), size=(9, 9), dilation=(2, 2), stride=(2, 2)),
    "padding uneven": dict(filters=3, channels=2, kernel=(3, 3), size=(5, 4), padding=(0, 1), padding_end=(2, 0)),
}


def check(layer, config, *, gate, stall=0.0):
    program = pack_dense(layer, config, gate=gate)
    (answer,), figures = run_programs(config, [program], gate=gate, stall=stall)
    wanted = run(layer)
    assert answer.dtype == wanted.dtype
    np.testing.assert_array_equal(answer, wanted)
    if gate:
        assert figures.issued - figures.gated == count(layer)["pairs"]
    else:
        assert figures.gated == 0
    assert figures.issued + sum(figures.lost.values()) == figures.total * config.multipliers
    if layer.groups == 1:
        assert figures.issued == count(layer)["macs"]
    if not stall:
        assert figures.total == predict(program.plan)
    return figures


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("array", [(2, 2), (2, 4)])
@pytest.mark.parametrize("shape", SHAPES)
def test_layers(shape, array, gate):
    check(random_layer(1, **SHAPES[shape]), dense_config(*array), gate=gate)


@pytest.mark.parametrize("array", [(1, 1), (1, 4), (4, 1), (2, 8), (16, 2)])
@pytest.mark.parametrize("quantised", [False, True])
def test_arrays(array, quantised):
    filters = 9 if array == (1, 1) else 17
    layer = random_layer(2, filters=filters, channels=5, kernel=(1, 3), size=(4, 5), images=2, quantised=quantised)
    check(layer, dense_config(*array), gate=False)


@pytest.mark.parametrize("shape", ["3x3", "int8, two words", "groups", "last row never read"])
def test_stalls(shape):
    """Every stream pauses at random; the numbers stay the same."""
    check(random_layer(3, **SHAPES[shape]), dense_config(2, 4), gate=True, stall=0.4)


def test_one_slot():
    """A memory for one image only: the next one waits until the last block has been read."""
    layer = random_layer(4, filters=2, channels=1, kernel=(3, 3), size=(6, 6), images=3, padding=(1, 1))
    check(layer, dense_config(2, 2, map_positions=64), gate=False)


@pytest.mark.parametrize("signed", [False, True])
def test_linear(signed):
    rng = np.random.default_rng(5)
    low, high, kind = (-128, 128, np.int8) if signed else (0, 256, np.uint8)
    layer = Layer(weight=rng.integers(-128, 128, (7, 20)).astype(np.int8),
                  input=rng.integers(low, high, (5, 20)).astype(kind))
    check(layer, dense_config(2, 4), gate=True)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_half_to_even(dtype):
    """Many sums lie half-way between two codes."""
    rng = np.random.default_rng(12)
    layer = Layer(weight=rng.integers(-3, 4, (5, 2, 3, 3)).astype(np.int8), padding=(1, 1), rounding="even",
                  input=rng.integers(0, 8, (1, 2, 4, 5)).astype(np.uint8), multiplier=np.array([1, 2, 3, 1, 4]),
                  shift=np.array([1, 2, 2, 3, 4]), output_dtype=dtype)
    assert (run(layer) != run(replace(layer, rounding="up"))).sum() >= 5
    check(layer, dense_config(2, 4), gate=True)


def test_gating_is_the_layers_choice():
    """An engine that can gate runs a program that does not ask for it; and two layers follow each other."""
    layer = random_layer(6, **SHAPES["3x3"])
    other = random_layer(7, **SHAPES["int8, two words"], quantised=False)
    config = dense_config(2, 2)
    programs = [pack_dense(other, config, gate=True), pack_dense(layer, config, gate=False)]
    answers, figures = run_programs(config, programs, gate=True)
    np.testing.assert_array_equal(answers[0], run(other))
    np.testing.assert_array_equal(answers[1], run(layer))
    assert figures.gated == 0
    assert figures.total == predict(programs[1].plan)


def test_busy():
    """No bubbles: on a layer that fills the array, nearly every cycle multiplies."""
    layer = random_layer(8, filters=4, channels=8, kernel=(3, 3), size=(8, 8), padding=(1, 1))
    config = dense_config(2, 4)
    figures = check(layer, config, gate=False)
    macs = count(layer)["macs"]
    assert figures.issued == macs
    assert macs / config.multipliers / figures.total > 0.95
    assert figures.total - figures.issued // config.multipliers < 100
    assert figures.lost["tail"] == 0


def test_waiting():
    """With little to compute, most cycles wait for the map."""
    layer = random_layer(9, filters=2, channels=1, kernel=(1, 1), size=(10, 10), stride=(2, 2))
    figures = check(layer, dense_config(2, 4), gate=False)
    assert figures.waiting > figures.total // 2
    assert 5 < figures.draining < 20
    assert figures.lost["waiting"] > 8 * figures.total // 2 and figures.lost["drain"] > 8 * 5


def test_tail():
    """5 filters on 2 rows of cells and 3 pixels on 4 columns: 15 of 24 slots have something to do."""
    layer = random_layer(11, filters=5, channels=7, kernel=(1, 1), size=(1, 3))
    figures = check(layer, dense_config(2, 4), gate=True)
    assert figures.issued == 7 * 15 and figures.lost["tail"] == 7 * 9


@pytest.mark.parametrize("stall", [0.0, 0.9])
@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("array", [(16, 1), (2, 8)])
def test_short_passes(array, quantised, stall):
    """A pass of one step waits until the rows of the one before have left, and until there is room behind."""
    layer = random_layer(10, filters=17, channels=1, kernel=(1, 1), size=(4, 5), quantised=quantised)
    check(layer, dense_config(*array), gate=False, stall=stall)
