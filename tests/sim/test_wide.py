"""Maps whose rows do not fit the presets' value memories: refused by name, and right in larger ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.hw.layers import random_layer
from tests.sim.echo import CACHE

from cosim.simulate import Options, simulate
from zeroskip.compiler.packed import PackError
from zeroskip.spec.config import PRESETS
from zeroskip.packing import pack

WIDE = {"3x3": random_layer(1, filters=5, channels=3, size=(5, 200), padding=(1, 1), weights=0.4),
        "5x5 by 2": random_layer(2, filters=4, channels=18, kernel=(5, 5), size=(7, 140), stride=(1, 2), padding=(2, 2),
                                 activations=0.3, output=None)}
TALL = {name: layer.transposed() for name, layer in WIDE.items()}
LARGER = replace(PRESETS["tiny"], value_positions=2048, map_positions=4096, list_entries=4096, words=256)


@pytest.mark.parametrize("name", WIDE)
def test_both_ways_wide_is_refused(name):
    """Rows and columns are exchanged where that fits; where neither does, the message says what does not."""
    square = replace(WIDE[name], input=random_layer(3, channels=WIDE[name].channels, size=(170, 170)).input)
    with pytest.raises(PackError, match=r"^(value|feature-map) memory "):
        pack(square, PRESETS["tiny"], "skip-both")


def test_larger_memories_take_them():
    """Bit for bit, and as the model says, as they are and with rows and columns exchanged."""
    layers = {**WIDE, **{f"{name}, tall": layer for name, layer in TALL.items()}}
    result = simulate(layers, LARGER, ["skip-both"], options=Options(cache=CACHE))
    assert result.failed == []
    for entry in result.layers:
        engine = entry["engines"]["skip-both"]
        assert engine["bit_exact"] and engine["predicted"] == pytest.approx(engine["cycles"]["total"], rel=0.03)
