"""How a map lies on the dense array's map stream and in its memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zeroskip.compiler.packed import need
from zeroskip.layer import Layer
from zeroskip.spec.dense import CHANNELS, DenseConfig


@dataclass(frozen=True, kw_only=True)
class MapLayout:
    """Planes ``(16 channels, y mod sy, x mod sx)`` of `rows` x `cols` positions with a row pitch of `pitch`."""

    stride: tuple[int, int]
    depth: int
    """Planes of 16 channels for each phase of the stride."""
    rows: int
    cols: int
    pitch: int
    images: int
    slots: int
    banks: int

    @property
    def planes(self) -> int:
        """Number of planes."""
        return self.depth * self.stride[0] * self.stride[1]

    @property
    def plane_size(self) -> int:
        """Positions from one plane to the next."""
        return self.rows * self.pitch

    @property
    def image_size(self) -> int:
        """Positions of an image, rounded up to whole lines of the memory."""
        return -(-self.planes * self.plane_size // self.banks) * self.banks

    def offset(self, dy: int, dx: int, depth: int) -> tuple[int, int, int]:
        """(offset, row, col) in the planes of the tap that reads (oy * sy + dy, ox * sx + dx)."""
        sy, sx = self.stride
        plane = (depth * sy + dy % sy) * sx + dx % sx
        row, col = dy // sy, dx // sx
        return plane * self.plane_size + row * self.pitch + col, row, col

    def registers(self) -> dict[str, int]:
        """The configuration registers of the layout."""
        return {"images": self.images, "map_rows": self.rows, "map_planes": self.planes, "map_cols": self.cols,
                "map_pitch": self.pitch, "map_plane_size": self.plane_size, "map_image_size": self.image_size,
                "map_slots": self.slots}


def lay_out(layer: Layer, config: DenseConfig) -> MapLayout:
    """Lay out the map of a convolution.

    The pitch of the rows is as long as a row of the result modulo the banks, so that N neighbouring pixels of the
    result, also over the ends of its rows, read from N banks.

    Raises
    ------
    PackError
        One image does not fit.
    """
    images, channels, height, width = layer.input4.shape
    sy, sx = layer.stride
    cols, banks = -(-width // sx), config.pixels
    one = MapLayout(stride=layer.stride, depth=-(-channels // CHANNELS), rows=-(-height // sy), cols=cols,
                    pitch=cols + (layer.output_shape[3] - cols) % banks, images=images, slots=1, banks=banks)
    need("map memory (positions of 16 channels for one image)", one.image_size, config.map_positions)
    return replace(one, slots=2 if images > 1 and 2 * one.image_size <= config.map_positions else 1)


def map_beats(layer: Layer, layout: MapLayout) -> np.ndarray:
    """The map stream: uint8 (images * rows * planes * cols, 16), in the order image, row, plane, column."""
    images, channels, height, width = layer.input4.shape
    sy, sx = layout.stride
    full = np.zeros((images, layout.depth * CHANNELS, layout.rows * sy, layout.cols * sx), np.uint8)
    full[:, :channels, :height, :width] = layer.input4.view(np.uint8)
    cut = full.reshape(images, layout.depth, CHANNELS, layout.rows, sy, layout.cols, sx)
    return np.ascontiguousarray(cut.transpose(0, 3, 1, 4, 6, 5, 2)).reshape(-1, CHANNELS)
