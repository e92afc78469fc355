"""The window table of a layer: which windows a block reads, in which order, and who takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from zeroskip.block_pixels import BlockGrid
from zeroskip.layer import Layer
from zeroskip.value_ring import ValueRing
from zeroskip.wire import COLUMN_GROUPS


@dataclass(frozen=True, kw_only=True)
class Window:
    """One row of the table, with the tap that each group sees in it (`words`: group -> word).

    Of a window of two columns `second` is the same for the second one.
    """

    plane: int
    offset: int
    dy: int
    dx: int
    shift: int
    word: int
    words: dict[int, int]
    second: dict[int, int] = field(default_factory=dict)

    @property
    def want(self) -> int:
        """Mask of the groups that take it; those that take its second column from bit 16 on."""
        return (sum(1 << group for group in self.words)
                | sum(1 << COLUMN_GROUPS + group for group in self.second))

    def beat(self) -> np.ndarray:
        """The row as it travels."""
        row = np.zeros(16, np.uint8)
        row[0:2] = np.array([self.offset], "<i2").view(np.uint8)
        row[2:4] = np.array([self.plane], "<u2").view(np.uint8)
        row[4:8] = np.array([self.dy, self.dx], "<i2").view(np.uint8)
        row[8:12] = np.array([self.want], "<u4").view(np.uint8)
        row[12:16] = np.array([self.word, self.shift], "<u2").view(np.uint8)
        return row


def word_offset(layer: Layer, channel_words: int, pixels: int, row: int, col: int) -> int:
    """What a group at (row, col) of the arrangement takes off a window's number to have its own word."""
    across = col * layer.stride[1] if pixels == 1 else 0
    return (row * layer.stride[0] * layer.kernel[1] + across) * channel_words


def window_table(layer: Layer, ring: ValueRing, grid: BlockGrid, occupied: np.ndarray, first: int = 0,
                 count: int | None = None, columns: int = 1) -> list[Window]:
    """The windows of a block, by input row, channel word and column.

    With P = 1 groups share windows over rows and columns. With more pixels to a window they do over rows alone, so
    that each column of groups has its own last pixels; the window's `shift` is that column's offset.

    Parameters
    ----------
    occupied
        bool (splits, words): some lane of the split has a weight in the word. A window that nobody needs is left out.
    first, count
        Channel words that count (default: all); words are numbered within them.
    columns
        Neighbouring positions in a window.
    """
    count = ring.layout.channel_words if count is None else count
    (kh, kw), (sy, sx), (py, px) = layer.kernel, layer.stride, layer.padding
    arrangement = grid.arrangement
    groups = arrangement.splits * arrangement.rows * arrangement.cols
    table = []
    for v in range((arrangement.rows - 1) * sy + kh):
        for channel_word in range(count):
            for u, tap, cols in _columns(grid, sx, kw):
                words = {}
                for group in range(groups):
                    split, row, col = arrangement.place(group)
                    ky, kx = v - row * sy, u - col * sx if grid.pixels == 1 else tap
                    word = (ky * kw + kx) * count + channel_word
                    if col in cols and 0 <= ky < kh and occupied[split, word]:
                        words[group] = word
                if words:
                    down, shift = (0, 0) if grid.pixels == 1 else grid.offset(cols[0])
                    plane, offset, dy, dx = ring.place(v - py, tap - px, first + channel_word, first)
                    number = (v * kw + tap) * count + channel_word
                    table.append(Window(plane=plane, offset=offset + down * ring.layout.pitch + shift, dy=dy + down,
                                        dx=dx, shift=shift, word=number, words=words))
    return _pair_columns(table) if columns == 2 else table


def _pair_columns(table: list[Window]) -> list[Window]:
    """Windows of one row of a plane whose columns are neighbours become one, from the left."""
    waiting: dict[tuple[int, int, int, int], int] = {}
    paired: list[Window] = []
    for window in table:
        start = window.plane, window.dy, window.offset - window.dx
        at = waiting.pop((*start, window.dx - 1), None)
        if at is None:
            waiting[*start, window.dx] = len(paired)
            paired.append(window)
        else:
            paired[at] = replace(paired[at], second=window.words)
    return paired


def _columns(grid: BlockGrid, stride: int, kernel: int) -> Iterator[tuple[int, int, list[int]]]:
    """Input columns of a block: (column, column less the first pixel's, columns of groups that see it)."""
    cols = range(grid.arrangement.cols)
    if grid.pixels > 1:
        places = [((col * grid.pixels * stride + kx) if not grid.arrangement.raster else kx, kx, col)
                  for kx in range(kernel) for col in cols]
        for u, kx, col in sorted(places):
            yield u, kx, [col]
    else:
        for u in sorted({col * stride + kx for col in cols for kx in range(kernel)}):
            yield u, u, [col for col in cols if 0 <= u - col * stride < kernel]
