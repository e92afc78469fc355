"""Walks the blocks of output pixels of a layer."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.program import ConfigRegisters
from zeroskip.wire import Mode


class BlockCounter(wiring.Component):
    """Block origins in the order image, row of blocks, block; raster: image, block. One step a cycle at most.

    Parameters
    ----------
    position_bits
        Positions are counted modulo ``2 ** position_bits``.

    Members
    -------
    config
        In: output size, block size, blocks, ``block_pitch``, ``map_span``, mode.
    images
        In: how many there are, with `start` and from then on.
    reset
        In: a new layer, positions begin at 0.
    start
        In: go to the first block of the first image of a pass.
    step
        In: go to the next block.
    row, col
        Out: output row and column of the block's first pixel.
    position
        Out: ``row * map_pitch + col`` in the image, plus ``map_span`` for each image and pass before.
    flip
        Out: bit 0, groups change places over columns; bit 1, over rows (see ``BlockGrid.exchange``).
    last_of_image, last
        Out: this block is the last of its image; of all.
    """

    def __init__(self, *, position_bits: int) -> None:
        self._position_bits = position_bits
        super().__init__({
            "config": In(ConfigRegisters),
            "images": In(16),
            "reset": In(1),
            "start": In(1),
            "step": In(1),
            "row": Out(10),
            "col": Out(10),
            "position": Out(position_bits),
            "flip": Out(2),
            "last_of_image": Out(1),
            "last": Out(1),
        })

    def elaborate(self, platform):
        """Counters with their ends."""
        m = Module()
        config = self.config
        # from 1 on, the numbers of the next ones: what is last is known with its number
        image, block, last_image = Signal(16), Signal(20), Signal()
        row_position = Signal.like(self.position)
        origin, next_origin = Signal.like(self.position), Signal.like(self.position)
        next_col, past, col_end, raster = Signal(11), Signal(signed(12)), Signal(), Signal()
        down, across, odd = Signal(), Signal(), Signal(2)
        m.d.comb += [
            raster.eq((config.mode & Mode.RASTER.value) != 0),
            next_col.eq(self.col + config.block_cols),
            past.eq(next_col - config.out_cols), col_end.eq(~past[-1]),
            self.last.eq(self.last_of_image & last_image),
            odd.eq(Cat(image[0], ~image[1])),  # the image before this one
            next_origin.eq(origin + config.map_span),
            self.flip.eq(Cat(down ^ odd[0], across ^ odd[1])),
        ]
        with m.If(self.step):
            m.d.sync += [block.eq(block + 1), self.last_of_image.eq(block == config.blocks),
                         self.col.eq(next_col), across.eq(~across)]
            with m.If(self.last_of_image):
                m.d.sync += [self.row.eq(0), self.col.eq(0), block.eq(2), down.eq(0), across.eq(0), image.eq(image + 1),
                             self.last_of_image.eq(config.blocks == 1), last_image.eq(image == self.images),
                             origin.eq(next_origin), self.position.eq(next_origin), row_position.eq(next_origin)]
            with m.Elif(raster):
                m.d.sync += [
                    self.col.eq(Mux(col_end, past, next_col)),
                    self.row.eq(self.row + config.block_rows + col_end),
                    self.position.eq(self.position + config.block_pitch),
                ]
            with m.Elif(col_end):
                m.d.sync += [self.col.eq(0), self.row.eq(self.row + config.block_rows), down.eq(~down), across.eq(0),
                             row_position.eq(row_position + config.block_pitch),
                             self.position.eq(row_position + config.block_pitch)]
            with m.Else():
                m.d.sync += self.position.eq(self.position + config.block_cols)
        with m.If(self.start):
            m.d.sync += [self.row.eq(0), self.col.eq(0), block.eq(2), down.eq(0), across.eq(0), image.eq(2),
                         self.last_of_image.eq(config.blocks == 1), last_image.eq(self.images == 1)]
        with m.If(self.reset):
            m.d.sync += [origin.eq(0), self.position.eq(0), row_position.eq(0)]
        return m
