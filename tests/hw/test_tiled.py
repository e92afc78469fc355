# amaranth: UnusedElaboratable=no
"""Layers that do not fit: tiles of pixels, filters and channels in the array against the integer reference.

Every kind of cut, on arrays of every shape, is in ``tests/sim/test_tilings.py``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.hw.layers import random_layer, small_config
from tests.hw.test_array import Run, run_all

from zeroskip import reference
from zeroskip.arrangement import arrangements
from zeroskip.compiler.dense.row_tiles import row_tiles, untile
from zeroskip.plan import Tiling, make_plan
from zeroskip.zero_skip_packing import best_plan

LAYERS = {
    "filters": random_layer(1, filters=20, channels=3, size=(3, 5), kernel=(2, 2), images=2),
    "channels": random_layer(2, filters=5, channels=90, size=(3, 4), kernel=(2, 3), padding=(1, 1), weights=0.2),
    "pixels": random_layer(3, filters=4, channels=2, size=(14, 7), padding=(1, 1), images=2),
    "channels, one pixel": random_layer(4, filters=3, channels=150, size=(2, 2), kernel=(2, 2), weights=0.3),
    "all": random_layer(5, filters=19, channels=36, size=(7, 4), padding=(1, 1), weights=0.2, output=None),
    "no zeros": random_layer(6, filters=9, channels=20, size=(3, 4), kernel=(2, 2), weights=1.0, activations=1.0),
    "stride": random_layer(7, filters=9, channels=20, size=(7, 5), stride=(2, 2), padding=(1, 1)),
    "depthwise": random_layer(8, filters=36, channels=36, groups=36, size=(4, 5), padding=(1, 1)),
    "int8": random_layer(9, filters=20, channels=80, size=(5, 6), dtype=np.int8, output="int8", kernel=(1, 1)),
    "linear": random_layer(10, linear=True, filters=22, channels=80, images=3),
    "nothing": random_layer(11, filters=40, channels=40, weights=0.0, size=(3, 4)),
    "some filters have nothing": replace(
        random_layer(12, filters=36, channels=40, kernel=(1, 1), size=(3, 4)),
        weight=np.repeat(np.where(np.arange(36) % 3 == 0, 3, 0), 40).reshape(36, 40, 1, 1).astype(np.int8)),
}
LAST_PLANE = {
    "nothing in the last channels": replace(
        random_layer(20, filters=2, channels=40, kernel=(1, 2), size=(2, 6)),
        weight=(np.arange(40) < 16).astype(np.int8)[None, :, None, None].repeat(2, axis=0).repeat(2, axis=3)),
    "nothing, and as it was found": random_layer(
        21, filters=1, channels=33, kernel=(4, 6), size=(1, 6), padding=(2, 0), weights=0.0, output=None),
}
"""Layers that may be done before the last plane of the map has come."""
CONFIGS = {
    "C1 E1 P1": small_config(1, 1, 1, lane_filters=8, words=32, list_entries=512),
    "C2 E2 P1": small_config(2, 2, 1, lane_filters=4, words=32, list_entries=256, result_rows=16),
    "C2 E1 P1, two columns": small_config(2, 1, 1, columns=2, lane_filters=8, words=32, list_entries=512),
    "C4 E1 P2": small_config(4, 1, 2, units=2, lane_filters=8, words=32, list_entries=512),
    "C2 E2 P4": small_config(2, 2, 4, units=2, lane_filters=4, words=32, list_entries=256),
}


def make_run(name, layer, plan):
    run = Run.__new__(Run)
    run.name, run.layer, run.skip, run.plan = name, layer, plan.skip_activations, plan
    run.start()
    return run


def test_best_plans():
    """What the packer chooses by itself."""
    config = CONFIGS["C2 E2 P4"]
    run_all(config, [make_run(name, layer, best_plan(layer.as_convolution(), config, skip_activations=True)[0])
                     for name, layer in LAYERS.items()])


@pytest.mark.parametrize("skip", [False, True])
def test_the_whole_map_is_taken(skip):
    """Where the last channels have no weights, too: each layer twice, and two others after it."""
    config, way = small_config(1, 1, 1, result_rows=512, list_entries=512), arrangements(1, 1)[0]
    layers = [layer for layer in LAST_PLANE.values() for _ in range(2)] + [LAYERS["channels"], LAYERS["nothing"]]
    runs = []
    for number, layer in enumerate(layers):
        own = layer.as_convolution()
        tiling = Tiling(rows=own.output_shape[2], filters=-(-own.filters // 8), channel_words=1)
        plan = make_plan(own, config, way, skip_activations=skip, tiling=tiling)
        runs.append(make_run(f"layer {number}", layer, plan))
    for run in runs:
        first_word, planes, _ = run.plan.planes(len(run.plan.passes) - 1)
        lay = run.plan.layout
        assert first_word + planes * lay.cols == lay.planes * lay.cols
    run_all(config, runs)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("stride,padding,kernel", [
    ((1, 1), (1, 1), (3, 3)), ((2, 1), (0, 2), (3, 1)), ((3, 2), (2, 0), (2, 2))])
def test_row_tiles(rows, stride, padding, kernel):
    """Tiles, each run by itself, put together again are the layer's result."""
    layer = random_layer(1, size=(9, 7), stride=stride, padding=padding, kernel=kernel, images=2)
    _check_tiles(layer, rows)
    if kernel[0] > 1:
        _check_tiles(replace(layer, padding_end=(3, 0), dilation=(2, 1)), rows)


def _check_tiles(layer, rows):
    tiled = row_tiles(layer, rows)
    assert tiled.output_shape[2] == min(rows, layer.output_shape[2])
    assert np.array_equal(untile(reference.run(tiled), layer.output_shape), reference.run(layer))
