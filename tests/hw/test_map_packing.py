"""The feature map in the memory: every tap of every output pixel is found where `offset` says."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.hw.layers import random_layer

from zeroskip.compiler.packed import PackError
from zeroskip.layer import Layer
from zeroskip.map_packing import MapLayout, layout, map_beats, turned_layout
from zeroskip.wire import WORD_CHANNELS, Config


def stored(layer: Layer, lay: MapLayout) -> np.ndarray:
    """The memory by position, each image in a slot of its own; gaps of the pitch are 0xEE."""
    beats = map_beats(layer, lay)
    memory = np.full((lay.images * lay.image_size, WORD_CHANNELS), 0xEE, np.uint8)
    at = iter(beats)
    for image in range(lay.images):
        for row in range(lay.rows):
            for plane in range(lay.planes):
                for col in range(lay.cols):
                    memory[image * lay.image_size + plane * lay.plane_size + row * lay.pitch + col] = next(at)
    assert next(at, None) is None
    return memory


LAYERS = {
    "plain": random_layer(1, images=2),
    "17 channels": random_layer(2, channels=17, size=(3, 2), kernel=(2, 2)),
    "stride": random_layer(3, channels=18, size=(5, 7), stride=(2, 3), padding=(1, 1)),
    "stride beyond the kernel": random_layer(4, size=(8, 3), kernel=(2, 1), stride=(7, 1), images=3),
    "padding": random_layer(5, size=(1, 1), padding=(2, 2)),
    "int8": random_layer(6, dtype=np.int8, output="int8"),
    "linear": random_layer(7, linear=True, channels=20, images=5).as_convolution(),
}


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("banks", [1, 2, 8])
@pytest.mark.parametrize("name", LAYERS)
def test_every_tap_is_found(name, banks, aligned):
    layer = LAYERS[name]
    lay = layout(layer, 4096, banks=banks, aligned=aligned)
    memory = stored(layer, lay)
    data = layer.input4.view(np.uint8)
    _, channels, high, wide = data.shape
    images, _, out_high, out_wide = layer.output_shape
    (kh, kw), (sy, sx), (py, px) = layer.kernel, layer.stride, layer.padding
    for image, oy, ox, ky, kx, word in np.ndindex(images, out_high, out_wide, kh, kw, lay.channel_words):
        offset, dy, dx = lay.offset(ky - py, kx - px, word)
        row, col = oy + dy, ox + dx
        y, x = oy * sy + ky - py, ox * sx + kx - px
        inside = 0 <= row < lay.rows and 0 <= col < lay.cols
        wanted = np.zeros(WORD_CHANNELS, np.uint8)
        if 0 <= y < high and 0 <= x < wide:
            own = data[image, word * WORD_CHANNELS : (word + 1) * WORD_CHANNELS, y, x]
            wanted[: len(own)] = own
            assert inside
        if inside:
            assert np.array_equal(memory[image * lay.image_size + oy * lay.pitch + ox + offset], wanted)
    assert lay.image_size % banks == 0 and lay.pitch >= lay.cols
    if aligned:
        assert lay.pitch % banks == out_wide % banks
    assert channels <= lay.channel_words * WORD_CHANNELS


@pytest.mark.parametrize("name", LAYERS)
def test_turned_planes(name):
    """Of the zero-skip array: words that travel one after the other lie in banks one after the other, in a row."""
    layer = LAYERS[name]
    lay = turned_layout(layer, 4096, banks=4, raster=False)
    assert lay.pitch == lay.cols and lay.plane_size >= lay.rows * lay.pitch
    for row in range(lay.rows):
        places = [plane * lay.plane_size + row * lay.pitch + col for plane in range(lay.planes)
                  for col in range(lay.cols)]
        assert [place % 4 for place in places] == [(places[0] + n) % 4 for n in range(len(places))]
    assert stored(layer, lay).any(axis=1).sum() >= np.count_nonzero(layer.input4.any(axis=1))


def test_raster_needs_room_in_a_row():
    """Pixels that run on over a row's end lie side by side where a row of the result is as long as one of the map."""
    wide = random_layer(10, size=(5, 6))
    message = "raster blocks (columns of a plane of the map, of the result): the layer needs 6, the configuration has 4"
    with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
        turned_layout(wide, 4096, banks=4, raster=True)
    padded = replace(wide, padding=(2, 2), padding_end=(2, 2))
    assert turned_layout(padded, 4096, banks=4, raster=True).pitch == padded.output_shape[3] == 8


def test_registers():
    layer = LAYERS["stride"]
    lay = layout(layer, 4096, banks=4, aligned=False)
    assert lay.config() == {
        Config.IMAGES: 1, Config.MAP_ROWS: 3, Config.MAP_PLANES: 12, Config.MAP_COLS: 3, Config.MAP_PITCH: 3,
        Config.MAP_PLANE_SIZE: 9, Config.MAP_IMAGE_SIZE: 108, Config.MAP_SLOTS: 1}


@pytest.mark.parametrize(("images", "positions", "slots"), [(1, 64, 1), (2, 64, 2), (2, 39, 1), (2, 40, 2), (3, 20, 1)])
def test_slots(images, positions, slots):
    """Two images are held where both fit (20 positions each)."""
    assert layout(random_layer(8, images=images, size=(4, 5)), positions, banks=1, aligned=False).slots == slots


def test_too_large():
    message = ("feature-map memory (positions of 16 channels for one image): the layer needs 24, "
               "the configuration has 20")
    with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
        layout(random_layer(8, size=(4, 5)), 20, banks=8, aligned=False)
    layout(random_layer(8, size=(4, 5)), 24, banks=8, aligned=False)


def test_rows_of_beats():
    """Order: image, row, plane (channel word, y mod sy, x mod sx), column."""
    layer = replace(random_layer(9, channels=17, size=(2, 4), kernel=(1, 1), stride=(2, 2)), padding=(0, 0))
    beats = map_beats(layer, layout(layer, 64, banks=1, aligned=False))
    assert beats.shape == (1 * 1 * 8 * 2, 16)
    places = [(word, y, x + 2 * col) for word in range(2) for y in range(2) for x in range(2) for col in range(2)]
    for beat, (word, y, x) in zip(beats, places, strict=True):
        own = layer.input[0, 16 * word : 16 * word + 16, y, x]
        assert np.array_equal(beat[: len(own)], own) and not beat[len(own) :].any()
