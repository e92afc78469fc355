"""The window table of a layer: which windows a block reads, in which order, and who takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.arrangement import Arrangement
from zeroskip.layer import Layer
from zeroskip.map_packing import MapLayout


@dataclass(frozen=True, kw_only=True)
class Window:
    """One row of the table, with the tap that each group sees in it (`words`: group -> word)."""

    offset: int
    dy: int
    dx: int
    word: int
    words: dict[int, int]

    @property
    def want(self) -> int:
        """Mask of the groups that take it."""
        return sum(1 << group for group in self.words)

    def beat(self) -> np.ndarray:
        """The row as it travels."""
        row = np.zeros(16, np.uint8)
        row[0:4] = np.array([self.offset], "<i4").view(np.uint8)
        row[4:8] = np.array([self.dy, self.dx], "<i2").view(np.uint8)
        row[8:16] = np.array([self.want, self.word], "<u4").view(np.uint8)
        return row


def word_offset(layer: Layer, channel_words: int, pixels: int, row: int, col: int) -> int:
    """What a group at (row, col) of the arrangement takes off a window's number to have its own word."""
    return (row * layer.stride[0] * layer.kernel[1] + col * pixels * layer.stride[1]) * channel_words


def window_table(layer: Layer, lay: MapLayout, arrangement: Arrangement, pixels: int,
                 occupied: np.ndarray) -> list[Window]:
    """The windows of a block, by input row, channel word and column.

    Parameters
    ----------
    occupied
        bool (splits, words): some lane of the split has a weight in the word. A window that nobody needs is left out.
    """
    (kh, kw), (sy, sx), (py, px) = layer.kernel, layer.stride, layer.padding
    groups = arrangement.splits * arrangement.rows * arrangement.cols
    table = []
    for v in range((arrangement.rows - 1) * sy + kh):
        for channel_word in range(lay.channel_words):
            for u, cols in _columns(arrangement, pixels, sx, kw):
                words = {}
                for group in range(groups):
                    split, row, col = arrangement.place(group)
                    ky, kx = v - row * sy, u - col * pixels * sx
                    word = (ky * kw + kx) * lay.channel_words + channel_word
                    if col in cols and 0 <= ky < kh and occupied[split, word]:
                        words[group] = word
                if words:
                    offset, dy, dx = lay.offset(v - py, u - px, channel_word)
                    number = (v * kw + u) * lay.channel_words + channel_word
                    table.append(Window(offset=offset, dy=dy, dx=dx, word=number, words=words))
    return table


def _columns(arrangement: Arrangement, pixels: int, stride: int, kernel: int) -> list[tuple[int, list[int]]]:
    """Input columns of a block, each with the columns of groups that see it in their kernel.

    With P = 1 groups share them. With more pixels to a window they do not, so that the pixels beyond the
    last output column can be left out for each column of groups by itself.
    """
    pairs = [(col * pixels * stride + kx, col) for col in range(arrangement.cols) for kx in range(kernel)]
    if pixels > 1:
        return [(u, [col]) for u, col in sorted(pairs)]
    return [(u, [col for at, col in pairs if at == u]) for u in sorted({at for at, _ in pairs})]
