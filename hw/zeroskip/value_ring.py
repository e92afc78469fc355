"""How the planes of a pass lie in the value memories: each has a ring of rows, which the feeder fills ahead."""

from __future__ import annotations

from dataclasses import dataclass

from zeroskip.block_pixels import BlockGrid
from zeroskip.layer import Layer
from zeroskip.map_packing import MapLayout
from zeroskip.wire import Config


@dataclass(frozen=True, kw_only=True)
class ValueRing:
    """`planes` rings of `size` positions each, a power of two, for the map that `layout` describes."""

    layout: MapLayout
    planes: int
    size: int

    @property
    def span(self) -> int:
        """Positions from one image, or pass, to the next."""
        lay = self.layout
        return -(-(lay.rows * lay.pitch + self._slack) // lay.banks) * lay.banks

    @property
    def _slack(self) -> int:
        """Positions by which a plane may begin later in one pass than in another, where they have their own planes."""
        phases = self.layout.stride[0] * self.layout.stride[1]
        return self.layout.banks - 1 if self.planes < self.layout.channel_words * phases else 0

    @property
    def rows(self) -> int:
        """Rows of the map, one after the other, that always find room."""
        lay = self.layout
        gap, count = self.span - lay.rows * lay.pitch, 0
        while ((count + 1) * lay.pitch + (max(0, count - 1) // lay.rows + (count > 0)) * gap + self._slack
               <= self.size):
            count += 1
        return count

    def place(self, dy: int, dx: int, channel_word: int, first: int) -> tuple[int, int, int, int]:
        """(plane's first position, offset, row, col) of the tap that reads (oy * sy + dy, ox * sx + dx).

        `first`: the pass's first channel word. The offset counts from the block's position in the ring.
        """
        lay = self.layout
        sy, sx = lay.stride
        plane = (channel_word * sy + dy % sy) * sx + dx % sx
        row, col = dy // sy, dx // sx
        turn = plane * lay.plane_size % lay.banks
        return (plane - first * sy * sx) * self.size, row * lay.pitch + col + turn, row, col

    def config(self, rows_above: int) -> dict[int, int]:
        """The configuration registers."""
        return {Config.MAP_SPAN: self.span, Config.PLANE_RING: self.size, Config.PLANE_ROWS: min(self.rows, 1023),
                Config.ROWS_ABOVE: rows_above}


def value_ring(lay: MapLayout, channel_words: int, positions: int) -> ValueRing:
    """The rings for `channel_words` of a pass in value memories of `positions`; of size 0 where there is no room."""
    planes = channel_words * lay.stride[0] * lay.stride[1]
    most = positions // planes
    return ValueRing(layout=lay, planes=planes, size=1 << most.bit_length() - 1 if most >= lay.banks else 0)


def rows_above(layer: Layer) -> int:
    """Rows of a plane above the first row of a block that its windows read."""
    return -(-layer.padding[0] // layer.stride[0])


def rows_needed(layer: Layer, grid: BlockGrid, map_rows: int) -> int:
    """Rows of the map that must be in the ring at a time, so that each block can be computed."""
    arrangement, (height, width) = grid.arrangement, grid.size
    below = (layer.kernel[0] - 1 - layer.padding[0]) // layer.stride[0]
    most = 0
    for block in range(grid.count):
        if arrangement.raster:
            step = arrangement.cols * grid.pixels
            first, last = block * step // width, min(height * width, (block + 1) * step) - 1
            last //= width
        else:
            first = block // grid.across * arrangement.rows
            last = min(height, first + arrangement.rows) - 1
        end = map_rows - 1 if block == grid.count - 1 else min(map_rows - 1, last + below)
        most = max(most, end - max(0, first - rows_above(layer)) + 1)
    return most
