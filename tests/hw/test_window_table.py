"""The window table: what a block's windows bring is exactly the patches of every group's pixels."""

from __future__ import annotations

import numpy as np
import pytest
from tests.hw.layers import random_layer

from zeroskip.arrangement import Arrangement, arrangements
from zeroskip.block_pixels import BlockGrid
from zeroskip.compiler.packed import PackError
from zeroskip.lists import words_of
from zeroskip.map_packing import turned_layout
from zeroskip.value_ring import value_ring
from zeroskip.window_table import Window, window_table, word_offset

LAYERS = {
    "plain": random_layer(1, size=(5, 6)),
    "padding": random_layer(2, size=(4, 3), padding=(2, 1)),
    "stride": random_layer(3, size=(7, 9), stride=(2, 2), padding=(1, 1)),
    "unlike": random_layer(4, size=(6, 9), kernel=(2, 3), stride=(1, 3), padding=(0, 2), channels=17),
    "1x1": random_layer(5, kernel=(1, 1), size=(2, 3)),
}


def occupancy(layer, splits):
    """One lane a split; filters dealt out in turn."""
    words = words_of(layer) != 0
    return np.stack([words[split::splits].any(axis=(0, 2)) for split in range(splits)])


def ring_of(layer, banks=4, *, raster=False):
    """Rings with room for everything."""
    lay = turned_layout(layer, 4096, banks=banks, raster=raster)
    return value_ring(lay, lay.channel_words, 1 << 14)


def grid_of(layer, arrangement, pixels):
    return BlockGrid(arrangement=arrangement, pixels=pixels, size=layer.output_shape[2:])


@pytest.mark.parametrize("pixels", [1, 2, 4])
@pytest.mark.parametrize("groups", [1, 4, 6])
@pytest.mark.parametrize("name", LAYERS)
def test_windows_are_the_patches(name, groups, pixels):
    """Each group sees each word of its split once, at the place of the tap for its first pixel."""
    layer = LAYERS[name]
    (_, kw), (sy, sx), (py, px) = layer.kernel, layer.stride, layer.padding
    for arrangement in arrangements(groups, pixels):
        try:
            ring = ring_of(layer, max(4, pixels), raster=arrangement.raster)
        except PackError:
            assert arrangement.raster and layer.input.shape[3] > sx * layer.output_shape[3]
            continue
        lay, grid = ring.layout, grid_of(layer, arrangement, pixels)
        occupied = occupancy(layer, arrangement.splits)
        table = window_table(layer, ring, grid, occupied)
        for group in range(groups):
            split, row, col = arrangement.place(group)
            own = [window for window in table if window.want >> group & 1]
            first = word_offset(layer, lay.channel_words, pixels, row, col)
            words = [window.word - first for window in own]
            assert words == [window.words[group] for window in own]
            assert sorted(words) == np.flatnonzero(occupied[split]).tolist()  # each once, and no other
            down, across = grid.offset(group)
            for window, word in zip(own, words, strict=True):
                tap, channel_word = divmod(word, lay.channel_words)
                place = ring.place(down * sy + tap // kw - py, across * sx + tap % kw - px, channel_word, 0)
                assert (window.plane, window.offset, window.dy, window.shift + window.dx) == place
                assert window.shift == (across if pixels > 1 else 0)


def test_windows_are_shared():
    """Groups that see the same position take it in one window; P = 1 shares over rows and columns."""
    layer = random_layer(6, size=(9, 9), weights=1.0)
    occupied = np.ones((1, 9), bool)
    ring = ring_of(layer)
    table = window_table(layer, ring, grid_of(layer, Arrangement(splits=1, rows=2, cols=2), 1), occupied)
    assert len(table) == 16
    assert [window.want for window in table][:6] == [1, 3, 3, 2, 5, 15]
    table = window_table(layer, ring, grid_of(layer, Arrangement(splits=1, rows=2, cols=2), 2), occupied)
    assert len(table) == 4 * 6 and all(window.want & 5 in (0, window.want) for window in table)


@pytest.mark.parametrize("name", LAYERS)
def test_two_columns(name):
    """Neighbours in a row of a plane travel together; each tap of each group comes once, the second one step on."""
    layer = LAYERS[name]
    ring = ring_of(layer)
    lay = ring.layout
    for arrangement in arrangements(4, 1):
        grid, occupied = grid_of(layer, arrangement, 1), occupancy(layer, arrangement.splits)
        single = window_table(layer, ring, grid, occupied)
        table = window_table(layer, ring, grid, occupied, columns=2)
        alone = {(window.plane, window.offset, window.dy, window.dx): window for window in single}
        step = layer.stride[1] * lay.channel_words
        seen = []
        for window in table:
            seen.append(alone[window.plane, window.offset, window.dy, window.dx])
            assert window.words == seen[-1].words and window.word == seen[-1].word
            if window.second:
                seen.append(alone[window.plane, window.offset + 1, window.dy, window.dx + 1])
                assert window.second == seen[-1].words and window.word + step == seen[-1].word
            else:
                assert (window.plane, window.offset + 1, window.dy, window.dx + 1) not in {
                    (other.plane, other.offset, other.dy, other.dx) for other in table if not other.second}
            assert window.want == seen[-bool(window.second) - 1].want | sum(1 << 16 + g for g in window.second)
        assert sorted(map(id, seen)) == sorted(map(id, single))
        assert [window.dy for window in table] == [window.dy for window in sorted(table, key=lambda w: w.dy)]


def test_nothing_to_do():
    layer = random_layer(7, weights=0.0)
    grid = grid_of(layer, Arrangement(splits=1, rows=1, cols=1), 1)
    assert window_table(layer, ring_of(layer), grid, np.zeros((1, 9), bool)) == []


def test_rows_by_input_row():
    """Windows come by rising input row, so that computing follows the map as it arrives."""
    layer = LAYERS["plain"]
    grid = grid_of(layer, Arrangement(splits=1, rows=3, cols=1), 1)
    table = window_table(layer, ring_of(layer), grid, np.ones((1, 9), bool))
    assert [window.dy for window in table] == sorted(window.dy for window in table)


def test_beat():
    window = Window(plane=0x180, offset=-2, dy=-1, dx=3, shift=0x102, word=0xABC, words={0: 1, 5: 2})
    assert window.beat().tobytes() == bytes.fromhex("feff8001 ffff 0300 21000000 bc0a 0201")
