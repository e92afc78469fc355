"""Tiles of rows, each run by itself, put together again are the layer's result."""

from __future__ import annotations

import numpy as np
import pytest
from tests.hw.gateware.dense.run import random_layer

from zeroskip import reference
from zeroskip.compiler.dense.row_tiles import row_tiles, untile


@pytest.mark.parametrize("more", [{}, {"padding_end": (3, 0), "dilation": (2, 1)}])
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 9])
@pytest.mark.parametrize(("stride", "padding", "kernel"), [
    ((1, 1), (1, 1), (3, 3)), ((2, 1), (0, 2), (3, 1)), ((3, 2), (2, 0), (2, 2))])
def test_tiles(rows, stride, padding, kernel, more):
    layer = random_layer(1, filters=3, channels=2, size=(9, 7), stride=stride, padding=padding, kernel=kernel,
                         images=2, **more)
    tiled = row_tiles(layer, rows)
    assert tiled.output_shape[2] == min(rows, layer.output_shape[2])
    assert np.array_equal(untile(reference.run(tiled), layer.output_shape), reference.run(layer))
