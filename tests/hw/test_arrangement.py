"""How groups share a layer, and filters over lanes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.hw.layers import random_layer

from zeroskip.arrangement import Arrangement, arrangements, assign_filters


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 6, 8, 12, 32])
def test_every_way_once(groups):
    found = arrangements(groups, 1)
    wanted = {(s, r, c, False) for s in range(1, groups + 1) for r in range(1, groups + 1)
              for c in range(1, groups + 1) if s * r * c == groups}
    assert len(found) == len(wanted) and {(a.splits, a.rows, a.cols, a.raster) for a in found} == wanted
    more = arrangements(groups, 2)
    wanted |= {(s, 1, groups // s, True) for s in range(1, groups + 1) if groups % s == 0}
    assert len(more) == len(wanted) and {(a.splits, a.rows, a.cols, a.raster) for a in more} == wanted


def test_places():
    arrangement = Arrangement(splits=2, rows=3, cols=2)
    places = [arrangement.place(group) for group in range(12)]
    assert places == [(s, r, c) for s in range(2) for r in range(3) for c in range(2)]


@pytest.mark.parametrize("splits,rows,cols", [(1, 1, 1), (1, 4, 4), (2, 2, 4), (3, 1, 2), (1, 8, 1)])
def test_flips(splits, rows, cols):
    """XOR with the flips turns the order of columns, of rows, round; splits stay."""
    arrangement = Arrangement(splits=splits, rows=rows, cols=cols)
    over_cols, over_rows = arrangement.flips
    for group in range(splits * rows * cols):
        split, row, col = arrangement.place(group)
        assert arrangement.place(group ^ over_cols) == (split, row, cols - 1 - col)
        assert arrangement.place(group ^ over_rows) == (split, rows - 1 - row, col)


def test_no_flips():
    assert Arrangement(splits=1, rows=3, cols=2).flips == (0, 0)
    assert Arrangement(splits=1, rows=1, cols=4, raster=True).flips == (0, 0)


@pytest.mark.parametrize("lanes", [1, 2, 3, 8])
@pytest.mark.parametrize("filters", [1, 5, 16])
def test_each_filter_to_one_lane(filters, lanes):
    layer = random_layer([filters, lanes], filters=filters, channels=7)
    table = assign_filters(layer, lanes)[0]
    assert table.shape == (lanes, -(-filters // lanes)) and table.dtype == np.int64
    assert sorted(table[table >= 0].tolist()) == list(range(filters))
    for row in table:  # what a lane lacks stands at its end
        assert (np.diff((row >= 0).astype(int)) <= 0).all()


def test_longest_first_to_the_least_loaded():
    """Lengths 9, 7, 6, 5, 4, 2 on two lanes: 9 + 5 + 2 and 7 + 6 + 4."""
    weight = np.zeros((6, 9, 1, 1), np.int8)
    for number, length in enumerate([5, 9, 2, 7, 4, 6]):
        weight[number, :length] = 1
    layer = random_layer(0, filters=6, channels=9, kernel=(1, 1))
    object.__setattr__(layer, "weight", weight)
    assert assign_filters(layer, 2)[0].tolist() == [[1, 0, 2], [3, 5, 4]]


@pytest.mark.parametrize("seed", range(5))
def test_balance(seed):
    """No lane that has room for one more is longer than another by more than its own last filter."""
    layer = random_layer(seed, filters=32, channels=16, weights=0.3)
    counts = (layer.weight.reshape(32, -1) != 0).sum(axis=1)
    loads = counts[assign_filters(layer, 4)[0]].sum(axis=1)
    assert loads.max() - loads.min() <= counts.max()


@pytest.mark.parametrize("groups", [1, 12])
@pytest.mark.parametrize("tiles", [1, 2, 5])
def test_tiles(tiles, groups):
    """Each filter in one lane of one tile; those of a grouped convolution in their order over tiles."""
    layer = random_layer([tiles, groups], filters=24, channels=24, groups=groups)
    table = assign_filters(layer, 3, tiles)
    assert table.shape == (tiles, 3, -(-24 // (3 * tiles)))
    assert sorted(table[table >= 0].tolist()) == list(range(24))
    if groups > 1:
        held = [set(tile[tile >= 0].tolist()) for tile in table]
        assert all(max(a) < min(b) for a, b in itertools.pairwise(held) if a and b)
