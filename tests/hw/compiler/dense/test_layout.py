"""The map in the memory: every tap of every output pixel is found where `offset` says."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.hw.gateware.dense.run import dense_config, random_layer

from zeroskip.compiler.dense.layout import MapLayout, lay_out, map_beats
from zeroskip.compiler.packed import PackError
from zeroskip.layer import Layer
from zeroskip.spec.dense import CHANNELS


def stored(layer: Layer, layout: MapLayout) -> np.ndarray:
    """The memory by position, each image in a slot of its own; gaps of the pitch are 0xEE."""
    beats = map_beats(layer, layout)
    memory = np.full((layout.images * layout.image_size, CHANNELS), 0xEE, np.uint8)
    at = iter(beats)
    for image in range(layout.images):
        for row in range(layout.rows):
            for plane in range(layout.planes):
                for col in range(layout.cols):
                    position = plane * layout.plane_size + row * layout.pitch + col
                    memory[image * layout.image_size + position] = next(at)
    assert next(at, None) is None
    return memory


def layer_of(seed, **changes):
    return random_layer(seed, **{"filters": 2, "channels": 2, "kernel": (3, 3), "size": (4, 5)} | changes)


LAYERS = {
    "plain": layer_of(1, images=2),
    "17 channels": layer_of(2, channels=17, size=(3, 2), kernel=(2, 2)),
    "stride": layer_of(3, channels=18, size=(5, 7), stride=(2, 3), padding=(1, 1)),
    "stride beyond the kernel": layer_of(4, size=(8, 3), kernel=(2, 1), stride=(7, 1), images=3),
    "padding": layer_of(5, size=(1, 1), padding=(2, 2)),
    "padding uneven": layer_of(5, size=(2, 3), padding=(0, 2), padding_end=(3, 0)),
    "dilated": layer_of(5, size=(6, 8), dilation=(2, 3), padding=(1, 0)),
    "dilated, stride": layer_of(5, size=(9, 8), dilation=(3, 2), stride=(2, 2)),
    "int8": layer_of(6, signed=True),
}


@pytest.mark.parametrize("banks", [1, 2, 8])
@pytest.mark.parametrize("name", LAYERS)
def test_every_tap_is_found(name, banks):
    layer = LAYERS[name]
    layout = lay_out(layer, dense_config(1, banks))
    memory = stored(layer, layout)
    data = layer.input4.view(np.uint8)
    _, channels, high, wide = data.shape
    images, _, out_high, out_wide = layer.output_shape
    (kh, kw), (sy, sx), (py, px), (ey, ex) = layer.kernel, layer.stride, layer.padding, layer.dilation
    for image, oy, ox, ky, kx, depth in np.ndindex(images, out_high, out_wide, kh, kw, layout.depth):
        down, right = ky * ey - py, kx * ex - px
        offset, dy, dx = layout.offset(down, right, depth)
        row, col = oy + dy, ox + dx
        y, x = oy * sy + down, ox * sx + right
        inside = 0 <= row < layout.rows and 0 <= col < layout.cols
        wanted = np.zeros(CHANNELS, np.uint8)
        if 0 <= y < high and 0 <= x < wide:
            values = data[image, depth * CHANNELS : (depth + 1) * CHANNELS, y, x]
            wanted[: len(values)] = values
            assert inside
        if inside:
            assert np.array_equal(memory[image * layout.image_size + oy * layout.pitch + ox + offset], wanted)
    assert layout.image_size % banks == 0 and layout.pitch >= layout.cols
    assert layout.pitch % banks == out_wide % banks
    assert channels <= layout.depth * CHANNELS


def test_registers():
    layout = lay_out(LAYERS["stride"], dense_config(1, 1))
    assert layout.registers() == {"images": 1, "map_rows": 3, "map_planes": 12, "map_cols": 3, "map_pitch": 3,
                                  "map_plane_size": 9, "map_image_size": 108, "map_slots": 1}


@pytest.mark.parametrize(("images", "positions", "slots"), [(1, 64, 1), (2, 64, 2), (2, 32, 1), (3, 64, 2)])
def test_slots(images, positions, slots):
    """Two images are held where both fit (20 positions each)."""
    layer = layer_of(8, images=images)
    assert lay_out(layer, dense_config(1, 1, map_positions=positions)).slots == slots


def test_too_large():
    message = "map memory (positions of 16 channels for one image): the layer needs 24, the configuration has 16"
    layer = layer_of(8, kernel=(3, 1), padding=(1, 0), size=(4, 5))
    with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
        lay_out(layer, dense_config(1, 8, map_positions=16))


def test_rows_of_beats():
    """Order: image, row, plane (16 channels, y mod sy, x mod sx), column."""
    layer = replace(layer_of(9, channels=17, size=(2, 4), kernel=(1, 1), stride=(2, 2)), padding=(0, 0))
    beats = map_beats(layer, lay_out(layer, dense_config(1, 1)))
    assert beats.shape == (1 * 1 * 8 * 2, 16)
    places = [(depth, y, x + 2 * col) for depth in range(2) for y in range(2) for x in range(2) for col in range(2)]
    for beat, (depth, y, x) in zip(beats, places, strict=True):
        values = layer.input[0, 16 * depth : 16 * depth + 16, y, x]
        assert np.array_equal(beat[: len(values)], values) and not beat[len(values) :].any()
