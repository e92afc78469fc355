"""What only few dense arrays do: dilation, uneven padding, half to even; in the generated Verilog, with pauses."""

from __future__ import annotations

import numpy as np
import pytest
from tests.hw.gateware.dense.run import random_layer
from tests.sim.echo import CACHE

from cosim.simulate import Options, simulate
from zeroskip import reference
from zeroskip.spec.config import PRESETS

ENGINES = ("dense", "gate")
SHAPE = {"filters": 3, "channels": 18, "kernel": (3, 3), "size": (7, 8)}
LAYERS = {
    "dilated": random_layer(1, **SHAPE, dilation=(2, 3), padding=(2, 0)),
    "dilated, stride": random_layer(2, **SHAPE, dilation=(2, 1), stride=(2, 2), padding=(1, 1), signed=True),
    "padding uneven": random_layer(3, **SHAPE, padding=(0, 2), padding_end=(3, 0), images=2),
    "half to even": random_layer(4, **SHAPE, rounding="even", padding=(1, 1)),
    "all, in parts": random_layer(5, **SHAPE | {"filters": 34, "channels": 3}, rounding="even", dilation=(1, 2),
                                  padding=(1, 2), padding_end=(0, 2)),
}


@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_right_and_as_predicted(stall, tmp_path):
    result = simulate(LAYERS, PRESETS["tiny"], ENGINES, options=Options(cache=CACHE, keep=tmp_path, stall=stall))
    assert result.failed == []
    for entry in result.layers:
        name = entry["name"]
        for engine in ENGINES:
            figures = entry["engines"][engine]
            assert figures["bit_exact"]
            assert np.array_equal(result.outputs[name, engine], reference.run(LAYERS[name]))
            assert stall or figures["predicted"] == figures["cycles"]["total"], (name, engine)
