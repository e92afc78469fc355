"""How one convolution lies in the zero-skip array: what the packer, the hardware and the cycle model agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.arrangement import Arrangement, assign_filters
from zeroskip.block_pixels import BlockGrid
from zeroskip.config import ArrayConfig
from zeroskip.layer import Layer
from zeroskip.lists import words_of
from zeroskip.map_packing import MapLayout, layout
from zeroskip.program_image import config_sections, need
from zeroskip.window_table import Window, window_table, word_offset
from zeroskip.wire import BEAT_BYTES, Config, Mode


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """How one convolution lies in the array: everything that the hardware and the cycle model must agree on.

    ``filters`` is int64 (splits * lanes, F): which filter is which lane's, -1 for none. ``weights`` is
    int8 (splits * lanes, F, words, 16). ``transposed`` says that rows and columns of ``layer`` are exchanged.
    """

    layer: Layer
    transposed: bool
    config: ArrayConfig
    arrangement: Arrangement
    layout: MapLayout
    filters: np.ndarray
    weights: np.ndarray
    table: list[Window]
    skip_activations: bool

    @property
    def grid(self) -> BlockGrid:
        """The blocks of an image."""
        return BlockGrid(arrangement=self.arrangement, pixels=self.config.pixels, size=self.layer.output_shape[2:])

    @property
    def blocks(self) -> int:
        """Blocks of all images."""
        return self.layer.output_shape[0] * self.grid.count

    @property
    def unit_beats(self) -> int:
        """Beats that leave one output unit."""
        rows = self.blocks * self.config.groups // self.config.output_units * self.config.lanes * self.filters.shape[1]
        return -(-rows * self.config.pixels * (4 if self.layer.multiplier is None else 1) // BEAT_BYTES)

    @property
    def result_beats(self) -> int:
        """Beats of the whole answer."""
        return self.unit_beats * self.config.output_units


def make_plan(layer: Layer, config: ArrayConfig, arrangement: Arrangement, *, skip_activations: bool,
              transposed: bool = False) -> Plan:
    """Lay a convolution out for one arrangement.

    `transposed` goes with a layer whose rows and columns have been exchanged.

    Raises
    ------
    PackError
        It does not fit.
    """
    lanes = arrangement.splits * config.lanes
    need("accumulators of a lane (filters)", -(-layer.filters // lanes), config.lane_filters)
    if arrangement.raster:
        need("raster blocks (pixels that share a weight, in one row of the result)", config.pixels,
             layer.output_shape[3])
    lay = layout(layer, config.map_positions, banks=config.pixels, aligned=arrangement.raster)
    words = words_of(layer)
    need("list memory (words of 16 channels times taps)", words.shape[1], config.words)
    filters = assign_filters(layer, lanes)
    weights = np.where((filters >= 0)[:, :, None, None], words[filters], 0).astype(np.int8)
    need("list memory (non-zero weights of one lane)", int((weights != 0).sum(axis=(1, 2, 3)).max()),
         config.list_entries)
    occupied = (weights != 0).any(axis=(1, 3)).reshape(arrangement.splits, config.lanes, -1).any(axis=1)
    grid = BlockGrid(arrangement=arrangement, pixels=config.pixels, size=layer.output_shape[2:])
    table = window_table(layer, lay, grid, occupied)
    need("window table", len(table), config.windows)
    plan = Plan(layer=layer, transposed=transposed, config=config, arrangement=arrangement, layout=lay,
                filters=filters, weights=weights, table=table, skip_activations=skip_activations)
    config_sections(registers(plan))  # refuses values that do not fit
    return plan


def registers(plan: Plan) -> dict[int, int]:
    """The configuration registers of a plan, by number."""
    layer, config, lay, grid = plan.layer, plan.config, plan.layout, plan.grid
    _, _, height, width = layer.output_shape
    assert layer.clamp is not None
    mode = Mode.SKIP_ACTIVATIONS if plan.skip_activations else Mode(0)
    mode |= Mode.SIGNED_MAP if layer.needed_input().dtype == np.int8 else Mode(0)
    mode |= Mode.REQUANTISE if layer.multiplier is not None else Mode(0)
    mode |= Mode.RASTER if plan.arrangement.raster else Mode(0)
    down, across = grid.block
    flip_cols, flip_rows = plan.arrangement.flips
    values = lay.config() | {
        Config.MODE: int(mode), Config.OUT_ROWS: height, Config.OUT_COLS: width,
        Config.BLOCK_ROWS: down, Config.BLOCK_COLS: across, Config.WINDOWS: len(plan.table),
        Config.FILTERS: plan.filters.shape[1], Config.CLAMP_LOW: layer.clamp[0], Config.CLAMP_HIGH: layer.clamp[1],
        Config.RESULT_BEATS: plan.result_beats, Config.BLOCKS: grid.count,
        Config.RING: config.result_rows // plan.filters.shape[1], Config.DRAIN_BLOCKS: plan.blocks,
        Config.BLOCK_PITCH: down * lay.pitch + (across if plan.arrangement.raster else 0),
        Config.MAP_WRAP: lay.pitch - width, Config.FLIP_COLS: flip_cols, Config.FLIP_ROWS: flip_rows,
    }
    flips = {Config.WORD_OFFSET: 0, Config.WORD_OFFSET_COLS: flip_cols, Config.WORD_OFFSET_ROWS: flip_rows,
             Config.WORD_OFFSET_BOTH: flip_cols ^ flip_rows}
    for group in range(config.groups):
        values[Config.ROW_OFFSET + group], values[Config.COL_OFFSET + group] = grid.offset(group)
        for base, flip in flips.items():
            _, row, col = plan.arrangement.place(group ^ flip)
            values[base + group] = word_offset(layer, lay.channel_words, config.pixels, row, col)
    return values
