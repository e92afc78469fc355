"""Layers in several programs: the parts are the layer and no more; what cannot be cut is refused as a whole."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.hw.compiler.dense.test_program import answer
from tests.hw.gateware.dense.run import dense_config, random_layer

from zeroskip import reference
from zeroskip.compiler.dense.parts import pack_dense_parts
from zeroskip.compiler.packed import PackError

PARTS = {
    "one program": ({}, 1, {}),
    "parts of the filters": ({"weights": 128}, 3, {}),
    "tiles of rows": ({"map_positions": 32}, 1, {}),
    "both": ({"map_positions": 32, "weights": 128}, 3, {}),
    "groups": ({"weights": 128}, 3, {"channels": 6, "groups": 3}),
    "uneven, dilated": ({"map_positions": 64, "weights": 128}, 3,
                        {"padding": (2, 0), "padding_end": (1, 2), "dilation": (2, 1)}),
    "few parameters": ({"parameters": 2}, 3, {}),
}


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("name", PARTS)
def test_parts_make_the_layer(name, quantised):
    memories, count, options = PARTS[name]
    shape = {"filters": 6, "channels": 6, "kernel": (3, 3), "size": (6, 7), "images": 2, "padding": (1, 1)}
    layer = random_layer(1, **shape | options, quantised=quantised)
    packed = pack_dense_parts(layer, dense_config(2, 2, **memories), gate=True)
    assert packed.engine == "gate" and len(packed.programs) == count
    answers = [answer(program.plan, reference.run(program.plan.layer)) for program in packed.programs]
    wanted = reference.run(layer)
    found = packed.decode(answers)
    assert found.dtype == wanted.dtype and np.array_equal(found, wanted)
    rows = [program.plan.layer.output_shape for program in packed.programs]
    assert sum(np.prod(shape) for shape in rows) == wanted.size


def test_what_cannot_be_cut():
    layer = random_layer(2, filters=4, channels=9, kernel=(3, 3), size=(4, 4))
    message = ("weight memory (weights, filters filled up to whole passes): the layer needs 324, "
               "the configuration has 128")
    with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
        pack_dense_parts(layer, dense_config(2, 2, weights=128), gate=False)
