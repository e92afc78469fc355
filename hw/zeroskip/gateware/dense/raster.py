"""The pixels of the dense array's blocks, in raster order over each output image."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.gateware.dense.structs import COORDINATE_BITS, LAYER_LAYOUT, ROW_BITS, pixel_layout
from zeroskip.gateware.primitives.size import positive


class PixelRaster(wiring.Component):
    """Gives the coordinates of N consecutive output pixels, block after block, image after image.

    The next block's pixels are made one a cycle while the present block is worked on, so that a block lasts N + 1
    cycles at least. It is given when all rows of the map that it reads have been loaded, the last of an image when all
    of the image has (it is given up with that block, though its last rows may never be read). The last block of an
    image is filled up with pixels that do not exist. Position ``row * pitch + column`` of pixel j has j as its
    remainder by N, because ``pitch`` and the output's width have the same remainder.

    Parameters
    ----------
    pixels
        N, a power of two.
    line_bits
        Bits of a line address of the map memory.

    Members
    -------
    layer : In(LAYER_LAYOUT)
    start : In(1)
        A new layer.
    reach : In(signed(12))
        Rows of the map that are read below the row of an output pixel, at most.
    rows_loaded : In(10)
        From the map memory, for the image of `block`; of the next image from the second cycle after the last
        block was taken.
    block : Out(ArrayLayout(pixel_layout(line_bits), pixels))
    valid : Out(1)
        `block` is there.
    last : Out(1)
        It is the last block of its image.
    take : In(1)
        The block is done.
    waiting : Out(1)
        There is no block only because the map has not come.
    finished : Out(1)
        There are no more blocks after those taken.

    Raises
    ------
    TypeError
        A parameter is not a positive integer.
    ValueError
        `pixels` is not a power of two.

    """

    def __init__(self, *, pixels: int, line_bits: int) -> None:
        self._pixels = positive("pixels", pixels)
        if pixels & (pixels - 1):
            raise ValueError(f"pixels must be a power of two, not {pixels}")
        self._line_bits = positive("line_bits", line_bits)
        super().__init__({
            "layer": In(LAYER_LAYOUT),
            "start": In(1),
            "reach": In(signed(ROW_BITS)),
            "rows_loaded": In(COORDINATE_BITS),
            "block": Out(data.ArrayLayout(pixel_layout(line_bits), pixels)),
            "valid": Out(1),
            "last": Out(1),
            "take": In(1),
            "waiting": Out(1),
            "finished": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from `start` to the first block, if the map is there."""
        return self._pixels + 2

    def elaborate(self, platform: object) -> Module:
        """A pixel a cycle into a shift register, which moves on to `block` as a whole."""
        m = Module()
        layer = self.layer
        coming = Signal.like(self.block, name="coming")
        coming_last = Signal()
        filled = Signal(range(self._pixels + 1))
        images = Signal.like(layer.images, name="images_left")
        bottom = Signal(signed(ROW_BITS))
        full, loaded, moves, fills, complete, image_end = (
            Signal(name=name) for name in ("full", "loaded", "moves", "fills", "complete", "image_end"))
        new, more = self._walk(m, fills, image_end)
        m.d.comb += [
            full.eq(filled == self._pixels),
            loaded.eq((self.rows_loaded == layer.map_rows) | (~coming_last & (bottom < self.rows_loaded))),
            moves.eq(full & loaded & (~self.valid | (self.take & ~self.last))),
            fills.eq((images != 0) & ~full),
            complete.eq(fills & (filled == self._pixels - 1)),
            image_end.eq(complete & ~more),
            self.waiting.eq(full & ~loaded & ~self.valid),
            self.finished.eq((images == 0) & ~full & ~self.valid),
        ]
        m.d.sync += [filled.eq(Mux(moves, 0, filled + fills)), images.eq(images - image_end)]
        with m.If(fills):
            m.d.sync += bottom.eq(new.row + self.reach)
            for pixel in range(self._pixels):
                m.d.sync += coming[pixel].eq(new if pixel == self._pixels - 1 else coming[pixel + 1])
        with m.If(complete):
            m.d.sync += coming_last.eq(image_end)
        with m.If(moves):
            m.d.sync += [self.block.eq(coming), self.last.eq(coming_last)]
        m.d.sync += self.valid.eq(moves | (self.valid & ~self.take))
        with m.If(self.start):
            m.d.sync += [filled.eq(0), self.valid.eq(0), images.eq(layer.images)]
        return m

    def _walk(self, m: Module, step: Signal, image_end: Signal) -> tuple[data.View, Signal]:
        """The pixel that comes next, and whether one more exists in the image after it."""
        layer = self.layer
        bank_bits = ceil_log2(self._pixels)
        pixel = Signal(pixel_layout(self._line_bits), name="new")
        row, col = Signal(COORDINATE_BITS), Signal(COORDINATE_BITS)
        position = Signal(self._line_bits + bank_bits)
        col_end, more = Signal(), Signal()
        m.d.comb += [
            pixel.row.eq(row),
            pixel.col.eq(col),
            pixel.line.eq(position >> bank_bits),
            pixel.exists.eq(row != layer.out_rows),
            col_end.eq(col == layer.out_cols - 1),
            more.eq(pixel.exists & ~(col_end & (row == layer.out_rows - 1))),
        ]
        with m.If(step & pixel.exists):
            m.d.sync += [col.eq(col + 1), position.eq(position + 1)]
            with m.If(col_end):
                m.d.sync += [row.eq(row + 1), col.eq(0), position.eq(position + 1 + layer.map_pitch - layer.out_cols)]
        with m.If(image_end | self.start):
            m.d.sync += [row.eq(0), col.eq(0), position.eq(0)]
        return pixel, more
