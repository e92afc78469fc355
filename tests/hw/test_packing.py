"""From a layer to an engine's streams: what `auto` chooses, and refusals by their text."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.hw.layers import random_layer

from zeroskip.compiler.packed import PackError, check_accumulators
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec.config import PRESETS
from zeroskip.spec.engines import CHOICES, ENGINES, KINDS, NAMES, choices

TINY = PRESETS["tiny"]


def test_names():
    assert tuple(KINDS) == ENGINES and NAMES == (*ENGINES, *CHOICES)
    assert choices(["auto"]) == CHOICES["auto"] and choices(["gate", "auto", "skip-both"]) == (
        "gate", *CHOICES["auto"])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_named_engine_never_falls_back(engine):
    packed = pack(random_layer(1, padding=(1, 1)), TINY, engine)
    assert packed.engine == engine and packed.predicted["total"] > 0
    assert packed.predicted["total"] == packed.programs[0].predicted["total"]


def test_an_unknown_engine():
    with pytest.raises(ValueError, match=rf"^engine: found 'fast', expected one of {', '.join(NAMES)}$"):
        pack(random_layer(1), TINY, "fast")


@pytest.mark.parametrize("weights", [0.05, 1.0])
def test_auto_takes_the_faster_one(weights):
    layer = random_layer(2, filters=8, channels=16, size=(8, 8), weights=weights, activations=1.0)
    totals = {name: pack(layer, TINY, name).predicted["total"] for name in CHOICES["auto"]}
    chosen = pack(layer, TINY, "auto")
    assert chosen.engine == min(totals, key=lambda name: totals[name])
    assert chosen.predicted["total"] == min(totals.values())
    assert chosen.engine == "skip-both" or weights == 1.0


def test_auto_takes_what_the_layer_fits():
    """The dense array's map memory is too small for it."""
    layer = random_layer(3, filters=2, channels=2, kernel=(3, 1), size=(3, 500))
    with pytest.raises(PackError, match=r"^map memory \(positions of 16 channels"):
        pack(layer, TINY, "dense")
    assert pack(layer, TINY, "auto").engine == "skip-both"


def test_where_nothing_fits_all_say_why():
    layer = Layer(weight=np.ones((1, 1, 2, 1), np.int8), input=np.ones((1, 1, 2, 525), np.uint8))
    with pytest.raises(PackError) as caught:
        pack(layer, TINY, "auto")
    dense, skip = str(caught.value).split("; ")
    assert dense.startswith("dense: map memory") and skip.startswith("skip-both: map 'input' needs rows of 525")


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.int8, 128)])
def test_sums_that_could_overflow(dtype, largest):
    """The bound is each filter's own, its bias included, and exact."""
    weight = np.array([[1, -2], [127, -127]], np.int8)
    layer = Layer(weight=weight, input=np.ones((1, 2), dtype), bias=np.array([0, -7], np.int32))
    bound = 254 * largest + 7
    width = (bound).bit_length() + 1
    check_accumulators(layer, width)
    full = 2 ** (width - 1) - 1
    exact = replace(layer, bias=np.array([0, -(full - 254 * largest)], np.int32))
    check_accumulators(exact, width)
    over = replace(layer, bias=np.array([0, full - 254 * largest + 1], np.int32))
    message = f"accumulator (worst case of filter 1): the layer needs {full + 1}, the configuration has {full}"
    with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
        check_accumulators(over, width)
