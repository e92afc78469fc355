"""Walks the blocks of output pixels of a layer."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.program import ConfigRegisters


class BlockCounter(wiring.Component):
    """Block origins in the order image, row of blocks, block; one step a cycle at most.

    Members
    -------
    config
        In: output size, block size, images, ``block_pitch``.
    start
        In: go to the first block of the first image.
    step
        In: go to the next block.
    row, col
        Out: output row and column of the block's first pixel.
    position
        Out: ``row * map_pitch + col``.
    last_of_image, last
        Out: this block is the last of its image; of the layer.
    """

    def __init__(self) -> None:
        super().__init__({
            "config": In(ConfigRegisters),
            "start": In(1),
            "step": In(1),
            "row": Out(10),
            "col": Out(10),
            "position": Out(14),
            "last_of_image": Out(1),
            "last": Out(1),
        })

    def elaborate(self, platform):
        """Counters with their ends."""
        m = Module()
        config = self.config
        image, row_position = Signal(16), Signal(14)
        col_end, row_end = Signal(), Signal()
        m.d.comb += [
            col_end.eq(self.col + config.block_cols >= config.out_cols),
            row_end.eq(self.row + config.block_rows >= config.out_rows),
            self.last_of_image.eq(col_end & row_end),
            self.last.eq(self.last_of_image & (image == config.images - 1)),
            self.position.eq(row_position + self.col),
        ]
        with m.If(self.step):
            m.d.sync += self.col.eq(self.col + config.block_cols)
            with m.If(col_end):
                m.d.sync += [self.col.eq(0), self.row.eq(self.row + config.block_rows),
                             row_position.eq(row_position + config.block_pitch)]
            with m.If(self.last_of_image):
                m.d.sync += [self.row.eq(0), row_position.eq(0), image.eq(image + 1)]
        with m.If(self.start):
            m.d.sync += [self.col.eq(0), self.row.eq(0), row_position.eq(0), image.eq(0)]
        return m
