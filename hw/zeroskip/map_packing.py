"""How a feature map lies on the map stream and in the memory; shared by both engines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zeroskip.compiler.packed import need
from zeroskip.layer import Layer
from zeroskip.wire import WORD_CHANNELS, Config


@dataclass(frozen=True, kw_only=True)
class MapLayout:
    """Planes ``(channel word, y mod sy, x mod sx)`` of `rows` x `cols` positions with a row pitch of `pitch`.

    Between two planes `gap` positions are left out.
    """

    stride: tuple[int, int]
    channel_words: int
    rows: int
    cols: int
    pitch: int
    images: int
    slots: int
    banks: int
    gap: int = 0

    @property
    def planes(self) -> int:
        """Number of planes."""
        return self.channel_words * self.stride[0] * self.stride[1]

    @property
    def plane_size(self) -> int:
        """Positions from one plane to the next."""
        return self.rows * self.pitch + self.gap

    @property
    def image_size(self) -> int:
        """Positions of an image, rounded up to whole lines of the memory."""
        return -(-self.planes * self.plane_size // self.banks) * self.banks

    def offset(self, dy: int, dx: int, channel_word: int) -> tuple[int, int, int]:
        """(offset, row, col) in the planes of the tap that reads (oy * sy + dy, ox * sx + dx)."""
        sy, sx = self.stride
        plane = (channel_word * sy + dy % sy) * sx + dx % sx
        row, col = dy // sy, dx // sx
        return plane * self.plane_size + row * self.pitch + col, row, col

    def tap(self, offset: int, row: int, col: int) -> tuple[int, int, int]:
        """Undo `offset`: (dy, dx, channel word)."""
        sy, sx = self.stride
        plane = (offset - row * self.pitch - col) // self.plane_size
        word, phase = divmod(plane, sy * sx)
        return row * sy + phase // sx, col * sx + phase % sx, word

    def config(self) -> dict[int, int]:
        """The configuration registers of the layout."""
        return {
            Config.IMAGES: self.images, Config.MAP_ROWS: self.rows, Config.MAP_PLANES: self.planes,
            Config.MAP_COLS: self.cols, Config.MAP_PITCH: self.pitch, Config.MAP_PLANE_SIZE: self.plane_size,
            Config.MAP_IMAGE_SIZE: self.image_size, Config.MAP_SLOTS: self.slots,
        }


def layout(layer: Layer, positions: int, *, banks: int, aligned: bool) -> MapLayout:
    """Lay out the map of `layer` in a memory of `positions` of the dense array.

    Parameters
    ----------
    banks
        Banks of the memory; an image starts at a multiple of it.
    aligned
        Choose the pitch so that ``pitch % banks == OW % banks`` (the dense array's blocks run over row ends).

    Raises
    ------
    PackError
        One image does not fit.
    """
    cols = -(-layer.input4.shape[3] // layer.stride[1])
    return _layout(layer, positions, banks, pitch=cols + ((layer.output_shape[3] - cols) % banks if aligned else 0))


def turned_layout(layer: Layer, positions: int, *, banks: int, raster: bool) -> MapLayout:
    """Lay out the map of `layer` in the memory of the zero-skip array.

    Planes follow each other so that words that the feeder copies one after the other lie in different banks.

    Parameters
    ----------
    raster
        Blocks run on over the ends of rows: the pitch is the width of the result.

    Raises
    ------
    PackError
        One image does not fit; or blocks cannot run on, since rows of a plane are longer than those of the result.
    """
    rows, cols = (-(-size // step) for size, step in zip(layer.input4.shape[2:], layer.stride, strict=True))
    pitch = layer.output_shape[3] if raster else cols
    need("raster blocks (columns of a plane of the map, of the result)", cols, pitch)
    return _layout(layer, positions, banks, pitch=pitch, gap=(cols - rows * pitch) % banks)


def _layout(layer: Layer, positions: int, banks: int, *, pitch: int, gap: int = 0) -> MapLayout:
    images, channels, height, width = layer.input4.shape
    sy, sx = layer.stride
    one = MapLayout(stride=layer.stride, channel_words=-(-channels // WORD_CHANNELS), rows=-(-height // sy),
                    cols=-(-width // sx), pitch=pitch, images=images, slots=1, banks=banks, gap=gap)
    need("feature-map memory (positions of 16 channels for one image)", one.image_size, positions)
    return replace(one, slots=2 if images > 1 and 2 * one.image_size <= positions else 1)


def map_beats(layer: Layer, lay: MapLayout) -> np.ndarray:
    """The map stream: uint8 (images * rows * planes * cols, 16), in the order image, row, plane, column."""
    images, channels, height, width = layer.input4.shape
    sy, sx = lay.stride
    full = np.zeros((images, lay.channel_words * WORD_CHANNELS, lay.rows * sy, lay.cols * sx), np.uint8)
    full[:, :channels, :height, :width] = layer.input4.view(np.uint8)
    cut = full.reshape(images, lay.channel_words, WORD_CHANNELS, lay.rows, sy, lay.cols, sx)
    return np.ascontiguousarray(cut.transpose(0, 3, 1, 4, 6, 5, 2)).reshape(-1, WORD_CHANNELS)
