"""Ways to cut a layer that does not fit, with a rough estimate of their cycles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zeroskip.arrangement import Arrangement
from zeroskip.block_pixels import BlockGrid
from zeroskip.config import ArrayConfig
from zeroskip.layer import Layer
from zeroskip.lists import halves
from zeroskip.plan import Tiling
from zeroskip.wire import WORD_CHANNELS

IMBALANCE = 1.15
"""The fullest lane against the mean, for the estimate."""


def tilings(layer: Layer, config: ArrayConfig, arrangement: Arrangement) -> Iterator[tuple[float, Tiling]]:
    """Tilings that should fit, each with its estimated cycles. `layer` is a convolution with its input."""
    channel_words = -(-layer.channels // WORD_CHANNELS)
    non_zeros, lanes = int(np.count_nonzero(layer.weight)), arrangement.splits * config.lanes
    density = np.count_nonzero(layer.input4) / layer.input4.size
    for tiles in sorted({-(-layer.filters // (lanes * size)) for size in range(1, config.lane_filters + 1)}):
        size = -(-layer.filters // (lanes * tiles))
        per_lane = IMBALANCE * non_zeros / (lanes * tiles)
        for parts in (1, 2):
            most = min(channel_words, config.words // parts // (layer.kernel[0] * layer.kernel[1]),
                       config.windows // parts // _windows(layer, config, arrangement),
                       int(config.list_entries / parts / max(per_lane, 1) * channel_words),
                       _ring_words(layer, config, arrangement))
            if most < 1 or (parts == 1) != (tiles == 1 and most == channel_words):
                continue
            count = -(-channel_words // most)
            for rows in _row_tiles(layer, config, arrangement, size if count > 1 else 0):
                tiling = Tiling(rows=rows, filters=tiles, channel_words=-(-channel_words // count))
                yield _estimate(layer, config, arrangement, tiling, size, (non_zeros, density)), tiling


def _windows(layer: Layer, config: ArrayConfig, arrangement: Arrangement) -> int:
    """Rows of the window table for a channel word."""
    (kh, kw), (sy, sx) = layer.kernel, layer.stride
    down = (arrangement.rows - 1) * sy + kh
    if config.pixels > 1:
        return down * arrangement.cols * kw
    across = (arrangement.cols - 1) * sx + kw
    return down * (across if config.columns == 1 else -(-across // 2) + min(sx, kw) - 1)


def _ring_words(layer: Layer, config: ArrayConfig, arrangement: Arrangement) -> int:
    """Channel words whose planes have room in the value memories for the rows that a block needs."""
    (kh, _), (sy, sx) = layer.kernel, layer.stride
    width = layer.output_shape[3]
    rows = 1 + arrangement.cols * config.pixels // width if arrangement.raster else arrangement.rows
    pitch = width if arrangement.raster else -(-layer.input4.shape[3] // sx)
    ring = config.banks
    while ring - config.banks < (rows + -(-kh // sy)) * pitch:
        ring *= 2
    return config.value_positions // ring // (sy * sx)


def _image_size(layer: Layer, config: ArrayConfig, arrangement: Arrangement, rows: int) -> int:
    """Positions of a tile of `rows` rows of the result."""
    (kh, _), (sy, sx) = layer.kernel, layer.stride
    _, channels, height, width = layer.input4.shape
    out_height, out_width = layer.output_shape[2:]
    down, pitch = -(-((rows - 1) * sy + kh if rows < out_height else height) // sy), -(-width // sx)
    if arrangement.raster:
        pitch = out_width
    return -(-channels // WORD_CHANNELS) * sy * sx * (down * pitch + config.banks - 1) + config.banks


def _row_tiles(layer: Layer, config: ArrayConfig, arrangement: Arrangement, partial: int) -> Iterator[int]:
    """Rows of the result in a tile: as many as fit once, and as many as fit twice.

    `partial`: filters of a lane where there are partial sums, else 0.
    """
    _, _, height, width = layer.output_shape
    seen = set()
    for slots in (1, 2):
        for rows in range(height, 0, -1):
            grid = BlockGrid(arrangement=arrangement, pixels=config.pixels, size=(rows, width))
            rows = -(-height // -(-height // rows))  # tiles of one size
            if (slots * _image_size(layer, config, arrangement, rows) <= config.map_positions
                    and (grid.count == 1 or not partial or grid.count <= config.slots_for(partial))):
                if rows not in seen:
                    seen.add(rows)
                    yield rows
                break


def _estimate(layer: Layer, config: ArrayConfig, arrangement: Arrangement, tiling: Tiling, size: int,
              counted: tuple[int, float]) -> float:
    """Cycles of the slowest of: the lanes, the windows, the weights, the map, the results; and some of the rest.

    `counted`: non-zero weights, share of non-zero activations.
    """
    non_zeros, density = counted
    images, _, height, width = layer.output_shape
    tiles = images * -(-height // tiling.rows)
    grid = BlockGrid(arrangement=arrangement, pixels=config.pixels, size=(tiling.rows, width))
    blocks, splits = tiles * grid.count, arrangement.splits
    channel_words = -(-layer.channels // WORD_CHANNELS)
    passes = tiling.filters * -(-channel_words // tiling.channel_words)
    taps = layer.kernel[0] * layer.kernel[1]
    entries = non_zeros / (splits * config.lanes)
    windows = _windows(layer, config, arrangement) * channel_words * tiling.filters
    lists = -(-splits // halves(config)) * (IMBALANCE * entries + tiling.filters * taps * channel_words)
    results = blocks * tiling.filters * config.groups * config.lanes * size * config.pixels
    costs = [
        entries * blocks * (1 - (1 - density) ** config.pixels),
        blocks * (windows + passes),
        (tiles if passes > 2 else 1) * (lists + windows + 8 * passes),
        tiles * _image_size(layer, config, arrangement, tiling.rows),
        results * (4 if layer.multiplier is None else 1) / min(16, config.output_units * config.pixels),
    ]
    return float(np.max(costs) + 0.1 * np.sum(costs))
