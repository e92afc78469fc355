"""Layers cut into rows of the result: tiles of pixels as images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeroskip.layer import Layer


def row_tiles(layer: Layer, rows: int) -> Layer:
    """A layer with `rows` rows of the result to an image; the rows of zeros that this takes are in the map."""
    images, _, height, _ = layer.output_shape
    if rows >= height:
        return layer
    (py, _), (px, px_end) = layer.pads
    sy, data, tiles = layer.stride[0], layer.input4, -(-height // rows)
    seen = (rows - 1) * sy + layer.extent[0]
    below = (tiles - 1) * rows * sy + seen - py - data.shape[2]
    padded = np.pad(data, ((0, 0), (0, 0), (py, max(0, below)), (0, 0)))
    cut = np.stack([padded[:, :, tile * rows * sy : tile * rows * sy + seen] for tile in range(tiles)], axis=1)
    return replace(layer, input=cut.reshape(images * tiles, *cut.shape[2:]), padding=(0, px), padding_end=(0, px_end))


def untile(out: np.ndarray, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Undo `row_tiles` on a result, (N * tiles, O, rows, OW), to `shape`."""
    images, filters, height, width = shape
    whole = out.reshape(images, -1, filters, *out.shape[2:]).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(whole.reshape(images, filters, -1, width)[:, :, :height])
