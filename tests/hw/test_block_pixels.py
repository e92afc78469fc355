"""The blocks of an image against plain loops: every pixel of the result in one block, in one group of each split."""

from __future__ import annotations

import numpy as np
import pytest

from zeroskip.arrangement import Arrangement, arrangements
from zeroskip.block_pixels import BlockGrid

SIZES = [(1, 1), (5, 7), (4, 8), (9, 2), (1, 30)]


def loops(grid):
    """For each block and group (y, x) of its pixels, before groups change places."""
    height, width = grid.size
    way, pixels = grid.arrangement, grid.pixels
    groups = way.splits * way.rows * way.cols
    found = []
    if way.raster:
        for first in range(0, height * width, way.cols * pixels):
            starts = [first + way.place(g)[2] * pixels for g in range(groups)]
            found.append([[divmod(start + p, width) for p in range(pixels)] for start in starts])
    else:
        for top in range(0, height, way.rows):
            for left in range(0, width, way.cols * pixels):
                corners = [(top + way.place(g)[1], left + way.place(g)[2] * pixels) for g in range(groups)]
                found.append([[(y, x + p) for p in range(pixels)] for y, x in corners])
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixels", [1, 2, 4])
@pytest.mark.parametrize("groups", [1, 4, 6])
def test_places(groups, pixels, size):
    height, width = size
    for way in arrangements(groups, pixels):
        grid = BlockGrid(arrangement=way, pixels=pixels, size=size)
        wanted = loops(grid)
        assert len(wanted) == grid.count
        seen = []
        for group in range(groups):
            y, x, valid = grid.places(group)
            assert y.shape == x.shape == valid.shape == (grid.count, pixels)
            for block in range(grid.count):
                for p in range(pixels):
                    place = wanted[block][group][p]
                    assert (y[block, p], x[block, p]) == place
                    assert valid[block, p] == (place[0] < height and place[1] < width)
            down, across = grid.offset(group)
            if not way.raster:
                assert (y[0, 0], x[0, 0]) == (down, across)
            else:
                assert y[0, 0] * width + x[0, 0] == down * width + across and across < width
            if way.place(group)[0] == 0:
                seen += list(zip(y[valid].tolist(), x[valid].tolist(), strict=True))
        assert sorted(seen) == [(y, x) for y in range(height) for x in range(width)]


@pytest.mark.parametrize("groups", [1, 4, 8, 6])
def test_exchange(groups):
    """In every block a permutation; over two blocks of a column each group has both ends."""
    for way in arrangements(groups, 2):
        grid = BlockGrid(arrangement=way, pixels=2, size=(7, 9))
        turn = grid.exchange(3)
        assert turn.shape == (3 * grid.count, groups)
        assert (np.sort(turn, axis=1) == np.arange(groups)).all()
        assert (turn[0] == np.arange(groups)).all()
        over_cols, over_rows = way.flips
        across = grid.across
        for image in range(3):
            for block in range(grid.count):
                down, along = divmod(block, across)
                mask = ((down + image) % 2) * over_cols ^ ((along + image // 2) % 2) * over_rows
                assert turn[image * grid.count + block].tolist() == [g ^ mask for g in range(groups)]


def test_cut_blocks_are_shared():
    """7 x 7 on 2 x 2 groups: without an exchange the first group has 16 pixels of 49; with it none has over 14."""
    grid = BlockGrid(arrangement=Arrangement(splits=1, rows=2, cols=2), pixels=1, size=(7, 7))
    held = np.stack([grid.places(group)[2][:, 0] for group in range(4)], axis=1)
    assert held.sum(axis=0).max() == 16
    assert np.take_along_axis(held, grid.exchange(1), axis=1).sum(axis=0).max() <= 14
