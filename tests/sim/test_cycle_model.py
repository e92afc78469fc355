"""The cycle model against the generated Verilog: equal, to the cycle and to the product."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.hw.layers import random_layer
from tests.sim.echo import CACHE

from cosim.simulate import Options, simulate
from zerokeep.prediction import predict_layer
from zeroskip.packing import pack
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
    "sums": random_layer(11, filters=4, channels=10, size=(5, 5), weights=0.2, output=None),
    "bands of rows": random_layer(12, filters=3, channels=18, size=(60, 40), kernel=(3, 3), weights=0.05),
    "a large kernel": random_layer(5, filters=5, channels=6, size=(6, 5), kernel=(5, 5), padding=(2, 2), weights=0.4),
    "half to even": replace(random_layer(13, filters=6, channels=4, size=(6, 7)), rounding="even"),
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    result = simulate(LAYERS, CONFIG, ENGINES, options=Options(cache=CACHE, keep=folder))
    assert result.failed == []
    return {entry["name"]: entry["engines"] for entry in result.layers}


@pytest.mark.parametrize(("name", "engine"), [(name, engine) for name in LAYERS for engine in ENGINES])
def test_equal(name, engine, measured):
    entry, predicted = measured[name][engine], predict_layer(LAYERS[name], CONFIG, engine)
    cycles = entry["cycles"]
    assert predicted["load"] == cycles["load"] and entry["predicted"] == predicted["total"] == cycles["total"]
    assert predicted["end_to_end"] == cycles["end_to_end"]
    for key in ("utilisation", "speedup"):
        assert predicted[key] == pytest.approx(entry[key], rel=1e-6)
    assert all(bound is None or bound <= cycles["end_to_end"] for bound in predicted["bounds"].values())


@pytest.mark.parametrize("engine", ["skip-both", "skip-weights"])
@pytest.mark.parametrize("name", LAYERS)
def test_products_and_classes_of_cycles(name, engine, measured):
    """The model's classes of the lane's cycles are finer than the hardware's; those that both have are equal."""
    entry, model = measured[name][engine], pack(LAYERS[name], CONFIG, engine).predicted
    assert (entry["multiplications"], entry["gated"], entry["beyond"]) == (
        model["multiplications"], model["gated"], model["beyond"])
    for kind in ("stolen", "blocked"):
        assert entry["lanes"][kind] == CONFIG.vector * model[kind], kind
    assert entry["lanes"]["tail"] == 0 == entry["lanes"]["stalled"]


def test_there_are_bands():
    """Of the layer that is called so: several maps for one image."""
    (program,) = pack(LAYERS["bands of rows"], CONFIG, "skip-both").programs
    assert program.results > 1
