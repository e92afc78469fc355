"""The cycle model against the generated Verilog: within 3 % everywhere, equal where nothing is left out of it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.hw.layers import random_layer
from tests.sim.echo import CACHE

from cosim.simulate import Options, simulate
from zerokeep.prediction import predict_layer
from zeroskip.spec.config import PRESETS

CONFIG = PRESETS["tiny"]
ENGINES = ["skip-both", "skip-weights", "dense"]
LAYERS = {
    "padding": random_layer(1, filters=9, channels=20, size=(7, 9), padding=(1, 1), weights=0.3),
    "no zeros": random_layer(2, filters=8, channels=16, size=(4, 6), weights=1.0, activations=1.0),
    "nearly nothing": random_layer(3, filters=20, channels=40, size=(6, 6), kernel=(1, 1), weights=0.02),
    "stride": random_layer(4, filters=7, channels=5, size=(11, 9), stride=(2, 2), padding=(1, 1), images=2),
    "linear": random_layer(6, linear=True, filters=37, channels=90, images=3),
    "depthwise": random_layer(7, filters=24, channels=24, groups=24, size=(6, 6), padding=(1, 1), dtype=np.int8),
    "three images": random_layer(8, filters=5, channels=3, size=(8, 8), images=3, activations=0.2),
    "tiles of filters": random_layer(9, filters=50, channels=3, size=(5, 6)),
    "one row, bound by results": random_layer(10, filters=32, channels=2, size=(1, 40), kernel=(1, 1), weights=0.1),
}
PARTIAL = {
    "tiles of channels": random_layer(11, filters=20, channels=150, size=(5, 5), weights=0.2, output=None),
    "tiles of both": random_layer(5, filters=13, channels=30, size=(6, 5), kernel=(5, 5), padding=(2, 2), output=None),
}
"""Reads of partial sums, before which a drain waits, are not in the model."""
TURNS = {(name, "skip-both") for name in ("depthwise", "three images")}
"""Where entries are few: of the order in which a window's entries touch filters, which the turn of the sweeps follows,
the model knows no more than the last two."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    result = simulate(LAYERS | PARTIAL, CONFIG, ENGINES, options=Options(cache=CACHE, keep=folder))
    assert result.failed == []
    return {entry["name"]: entry["engines"] for entry in result.layers}


@pytest.mark.parametrize(("name", "engine"), [(name, engine) for name in LAYERS for engine in ENGINES])
def test_equal(name, engine, measured):
    """To the cycle; within 2 % where entries are few."""
    entry, predicted = measured[name][engine], predict_layer(LAYERS[name], CONFIG, engine)
    cycles = entry["cycles"]
    assert predicted["load"] == cycles["load"] and entry["predicted"] == predicted["total"]
    tolerance = 0.02 if (name, engine) in TURNS else 0.0
    for key in ("total", "end_to_end"):
        assert predicted[key] == pytest.approx(cycles[key], rel=tolerance, abs=0)
    for key in ("utilisation", "speedup"):
        assert predicted[key] == pytest.approx(entry[key], rel=max(tolerance, 1e-6))
    assert all(bound is None or bound <= cycles["end_to_end"] for bound in predicted["bounds"].values())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PARTIAL)
def test_partial_sums(name, engine, measured):
    """Within 3 %, and not above: what is left out only takes longer."""
    layer, cycles = PARTIAL[name], measured[name][engine]["cycles"]
    predicted = predict_layer(layer, CONFIG, engine)
    assert 0.97 * cycles["total"] <= predicted["total"] <= cycles["total"] and predicted["load"] == cycles["load"]
    assert engine == "dense" or "tiles" in predicted["plan"]
