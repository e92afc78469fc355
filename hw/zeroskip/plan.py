"""How one convolution lies in the zero-skip array: what the packer, the hardware and the cycle model agree on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from zeroskip.arrangement import Arrangement, assign_filters
from zeroskip.block_pixels import BlockGrid
from zeroskip.compiler.packed import need
from zeroskip.compiler.dense.row_tiles import row_tiles
from zeroskip.config import ArrayConfig
from zeroskip.layer import Layer
from zeroskip.lists import words_of
from zeroskip.map_packing import MapLayout, turned_layout
from zeroskip.program_image import check_supported, config_sections
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.value_ring import ValueRing, rows_above, rows_needed, value_ring
from zeroskip.window_table import Window, window_table, word_offset
from zeroskip.wire import WORD_CHANNELS, Config, Mode


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """How a layer is cut: rows of the result in a tile of pixels, tiles of filters, channel words in a tile."""

    rows: int
    filters: int
    channel_words: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PassPlan:
    """What a pass over the blocks needs: one tile of filters, one tile of channels.

    ``filters`` is int64 (splits * lanes, F): which filter is which lane's, -1 for none. ``weights`` is
    int8 (splits * lanes, F, words, 16), ``table`` the windows; both number words within the tile of channels, whose
    first channel word is ``channel_word``. ``fresh`` and ``final``: first and last pass of the filters.
    """

    tile: int
    channel_word: int
    filters: np.ndarray
    weights: np.ndarray
    table: list[Window]
    fresh: bool
    final: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """How one convolution lies in the array: everything that the hardware and the cycle model must agree on.

    ``layer`` is the convolution as it runs: with rows and columns exchanged where ``transposed`` says so, and with a
    tile of pixels for an image; the result of the whole is ``shape`` (N, O, OH, OW). Passes are in the order in which
    they run for each image; one alone runs over all images where they are alike.
    """

    layer: Layer
    shape: tuple[int, int, int, int]
    transposed: bool
    config: ArrayConfig
    arrangement: Arrangement
    tiling: Tiling
    value_ring: ValueRing
    passes: list[PassPlan]
    skip_activations: bool

    @property
    def layout(self) -> MapLayout:
        """How the map lies in the feature-map memory."""
        return self.value_ring.layout

    @property
    def image_rows(self) -> list[int]:
        """Rows of the result in each image: fewer in the last tile of an image that is cut unevenly."""
        height, rows = self.shape[2], self.layer.output_shape[2]
        return [min(rows, height - first) for _ in range(self.shape[0]) for first in range(0, height, rows)]

    @property
    def grid(self) -> BlockGrid:
        """The blocks of an image."""
        return BlockGrid(arrangement=self.arrangement, pixels=self.config.pixels, size=self.layer.output_shape[2:])

    @property
    def images(self) -> int:
        """Images of the layer as it runs."""
        return self.layer.output_shape[0]

    @cached_property
    def words(self) -> list[np.ndarray]:
        """The window table of each pass as int32 (table, groups, columns): the word that a place sees, -1 for none."""
        shape = -1, self.config.groups, self.config.columns
        return [np.array([[(window.words.get(group, -1), window.second.get(group, -1))[: self.config.columns]
                           for group in range(self.config.groups)] for window in own.table],
                         np.int32).reshape(shape) for own in self.passes]

    @cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The split of each place and its number in it, int64 (groups, 2); and its pixels' rows and columns.

        Those are int64 (groups, blocks, P); a row is -1 where there is no pixel.
        """
        groups = self.config.groups
        pixels = [self.grid.places(group) for group in range(groups)]
        return (np.stack(np.divmod(np.arange(groups), groups // self.arrangement.splits), axis=1),
                np.stack([np.where(valid, y, -1) for y, _, valid in pixels]), np.stack([x for _, x, _ in pixels]))

    @cached_property
    def exchange(self) -> np.ndarray:
        """Int (images, blocks, groups): group g does in this block what that group does elsewhere."""
        turn = self.grid.exchange(self.images if self.steps[0][0] is None else 1)
        return np.broadcast_to(turn.reshape(-1, *(self.grid.count, self.config.groups)),
                               (self.images, self.grid.count, self.config.groups))

    @cached_property
    def free_rows(self) -> np.ndarray:
        """Rows of the map that are no longer needed after each block of an image, int64 (blocks,)."""
        grid, rows = self.grid, self.layout.rows
        block = np.arange(1, grid.count + 1)
        if self.arrangement.raster:
            first = block * self.arrangement.cols * grid.pixels // grid.size[1]
        else:
            first = block // grid.across * self.arrangement.rows
        first = np.clip(first - rows_above(self.layer), 0, rows)
        first[-1] = rows
        return np.asarray(first)

    def planes(self, number: int) -> tuple[int, int, int]:
        """Of the map in a pass: its first word of a row of the stream, its planes, and its first position."""
        lay, own = self.layout, self.passes[number]
        phases = lay.stride[0] * lay.stride[1]
        count = min(self.tiling.channel_words, lay.channel_words - own.channel_word)
        return (own.channel_word * phases * lay.cols, count * phases, own.channel_word * phases * lay.plane_size)

    @property
    def lane_filters(self) -> int:
        """Filters in each lane."""
        return int(self.passes[0].filters.shape[1])

    @property
    def blocks(self) -> int:
        """Blocks of results."""
        return self.images * self.tiling.filters * self.grid.count

    @property
    def joined(self) -> bool:
        """There is one block in an image: passes over its channels go on with the same sums."""
        return self.grid.count == 1

    @property
    def ring(self) -> int:
        """Slots for results: one for each block where partial sums come back, else all that there are.

        With tiles of filters no more than blocks, so that no more than two tiles have results that wait.
        """
        partial, most = any(not own.final for own in self.passes), self.config.slots_for(self.lane_filters)
        if partial and not self.joined:
            return self.grid.count
        return min(most, self.grid.count) if self.tiling.filters > 1 else most

    @property
    def unit_beats(self) -> int:
        """Beats that leave one output unit."""
        rows = self.blocks * self.config.groups // self.config.output_units * self.config.lanes * self.lane_filters
        return -(-rows * self.config.pixels * (4 if self.layer.multiplier is None else 1) // BEAT_BYTES)

    @property
    def result_beats(self) -> int:
        """Beats of the whole answer."""
        return self.unit_beats * self.config.output_units

    @property
    def steps(self) -> list[tuple[int | None, int]]:
        """The passes as they run: (image, or None for all of them; number in ``passes``)."""
        if len(self.passes) == 1 and len(set(self.image_rows)) == 1:
            return [(None, 0)]
        return [(image, number) for image in range(self.images) for number in range(len(self.passes))]


def make_plan(layer: Layer, config: ArrayConfig, arrangement: Arrangement, *, skip_activations: bool,
              transposed: bool = False, tiling: Tiling | None = None) -> Plan:
    """Lay a convolution out for one arrangement.

    `transposed` goes with a layer whose rows and columns have been exchanged; without `tiling` the layer is not cut.

    Raises
    ------
    PackError
        It does not fit.
    """
    check_supported(layer)
    words = -(-layer.channels // WORD_CHANNELS)
    tiling = tiling or Tiling(rows=layer.output_shape[2], filters=1, channel_words=words)
    tiled = row_tiles(layer, tiling.rows)
    if arrangement.raster:
        need("raster blocks (pixels that share a weight, in one row of the result)", config.pixels,
             layer.output_shape[3])
    lay = turned_layout(tiled, config.map_positions, banks=config.banks, raster=arrangement.raster)
    ring = value_ring(lay, tiling.channel_words, config.value_positions)
    grid = BlockGrid(arrangement=arrangement, pixels=config.pixels, size=tiled.output_shape[2:])
    need("value memory (rows of the map for a block, in each plane)", rows_needed(tiled, grid, lay.rows), ring.rows)
    plan = Plan(layer=tiled, shape=layer.output_shape, transposed=transposed, config=config, arrangement=arrangement,
                tiling=tiling, value_ring=ring, skip_activations=skip_activations,
                passes=_passes(tiled, config, grid, tiling, ring))
    need("result memory of a lane (blocks of partial sums of a tile)", plan.ring,
         config.slots_for(plan.lane_filters))
    config_sections(registers(plan))  # refuses values that do not fit
    return plan


def _passes(layer: Layer, config: ArrayConfig, grid: BlockGrid, tiling: Tiling, ring: ValueRing) -> list[PassPlan]:
    """Tiles of filters, in each the tiles of channels in which some filter has a weight.

    Where the last of all has none, it stays nevertheless: the pass that retires an image is to have its last plane, or
    the layer might end before the whole map has come.
    """
    arrangement, lay = grid.arrangement, ring.layout
    lanes = arrangement.splits * config.lanes
    filters = assign_filters(layer, lanes, tiling.filters)
    need("accumulators of a lane (filters)", filters.shape[2], config.lane_filters)
    words = words_of(layer).reshape(layer.filters, -1, lay.channel_words, WORD_CHANNELS)
    made = []
    for tile, own in enumerate(filters):
        found = []
        for first in range(0, lay.channel_words, tiling.channel_words):
            cut = np.zeros((layer.filters, words.shape[1], tiling.channel_words, WORD_CHANNELS), np.int8)
            part = words[:, :, first : first + tiling.channel_words]
            cut[:, :, : part.shape[2]] = part
            held = cut.reshape(layer.filters, -1, WORD_CHANNELS)[own]
            weights = np.where((own >= 0)[:, :, None, None], held, 0).astype(np.int8)
            occupied = (weights != 0).any(axis=(1, 3)).reshape(arrangement.splits, config.lanes, -1).any(axis=1)
            found.append(PassPlan(tile=tile, channel_word=first, filters=own, weights=weights, fresh=True, final=True,
                                  table=window_table(layer, ring, grid, occupied, first, tiling.channel_words,
                                                     columns=config.columns)))
        last = found[-1:] if tile == len(filters) - 1 else []
        found = [own for own in found if own.table or own in last] or found[:1]
        made += [replace(own, fresh=own is found[0], final=own is found[-1]) for own in found]
    parts = 1 if len(made) == 1 else 2
    for own in made:
        room = "half of the " if parts == 2 else ""
        need(f"{room}list memory (words of 16 channels times taps)", own.weights.shape[2], config.words // parts)
        need(f"{room}list memory (non-zero weights of one lane)", int((own.weights != 0).sum(axis=(1, 2, 3)).max()),
             config.list_entries // parts)
        need(f"{room}window table", len(own.table), config.windows // parts)
    return made


def registers(plan: Plan) -> dict[int, int]:
    """The configuration registers of a plan, by number."""
    layer, config, lay, grid = plan.layer, plan.config, plan.layout, plan.grid
    _, _, height, width = layer.output_shape
    assert layer.clamp is not None
    mode = Mode.SKIP_ACTIVATIONS if plan.skip_activations else Mode(0)
    mode |= Mode.SIGNED_MAP if layer.needed_input().dtype == np.int8 else Mode(0)
    mode |= Mode.REQUANTISE if layer.multiplier is not None else Mode(0)
    mode |= Mode.RASTER if plan.arrangement.raster else Mode(0)
    mode |= Mode.TILED if plan.tiling.filters > 1 else Mode(0)
    down, across = grid.block
    flip_cols, flip_rows = plan.arrangement.flips
    values = lay.config() | plan.value_ring.config(rows_above(layer)) | {
        Config.MODE: int(mode), Config.OUT_ROWS: height, Config.OUT_COLS: width,
        Config.BLOCK_ROWS: down, Config.BLOCK_COLS: across,
        Config.FILTERS: plan.lane_filters, Config.CLAMP_LOW: layer.clamp[0], Config.CLAMP_HIGH: layer.clamp[1],
        Config.RESULT_BEATS: plan.result_beats, Config.BLOCKS: grid.count,
        Config.WORD_STEP: layer.stride[1] * plan.tiling.channel_words,
        Config.RING: plan.ring, Config.DRAIN_BLOCKS: plan.blocks,
        Config.BLOCK_PITCH: down * lay.pitch + (across if plan.arrangement.raster else 0),
        Config.FLIP_COLS: flip_cols, Config.FLIP_ROWS: flip_rows,
    }
    flips = {Config.WORD_OFFSET: 0, Config.WORD_OFFSET_COLS: flip_cols, Config.WORD_OFFSET_ROWS: flip_rows,
             Config.WORD_OFFSET_BOTH: flip_cols ^ flip_rows}
    for group in range(config.groups):
        values[Config.ROW_OFFSET + group], values[Config.COL_OFFSET + group] = grid.offset(group)
        for base, flip in flips.items():
            _, row, col = plan.arrangement.place(group ^ flip)
            values[base + group] = word_offset(layer, plan.tiling.channel_words, config.pixels, row, col)
    return values
