"""Which rows of the map are no longer needed, since the blocks that read them are done."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.program import ConfigRegisters
from zeroskip.wire import Mode


class RingRetire(wiring.Component):
    """Walks the blocks as :class:`~zeroskip.block_counter.BlockCounter` does, as they are done.

    Rows before the first that the next block may read are free; after an image's last block all of its rows are.

    Members
    -------
    config, start
        In: the layer; a new one.
    step
        In: a block is done.
    rows
        Out: so many rows more are free, `latency` cycles later.
    """

    latency = 2

    def __init__(self) -> None:
        super().__init__({
            "config": In(ConfigRegisters),
            "start": In(1),
            "step": In(1),
            "rows": Out(10),
        })

    def elaborate(self, platform):
        """The next block's row, and the rows below it."""
        m = Module()
        config = self.config
        row, col, left, next_col = Signal(11), Signal(11), Signal.like(config.blocks), Signal(11)
        col_end, raster, last, stepped, ended = Signal(), Signal(), Signal(), Signal(), Signal()
        freed, needed = Signal(10), Signal(10)
        m.d.comb += [
            raster.eq((config.mode & Mode.RASTER.value) != 0),
            next_col.eq(col + config.block_cols), col_end.eq(next_col >= config.out_cols),
            last.eq(left == 1),
            needed.eq(Mux(ended | (row > config.map_rows + config.rows_above), config.map_rows,
                          Mux(row > config.rows_above, row - config.rows_above, 0))),
        ]
        m.d.sync += [stepped.eq(self.step), ended.eq(last)]
        with m.If(self.step):
            m.d.sync += [
                left.eq(left - 1), col.eq(next_col),
                row.eq(row + Mux(raster, config.block_rows + col_end, Mux(col_end, config.block_rows, 0))),
            ]
            with m.If(col_end):
                m.d.sync += col.eq(Mux(raster, next_col - config.out_cols, 0))
            with m.If(last):
                m.d.sync += [left.eq(config.blocks), row.eq(0), col.eq(0)]
        m.d.sync += self.rows.eq(0)
        with m.If(stepped):
            m.d.sync += [self.rows.eq(needed - freed), freed.eq(Mux(ended, 0, needed))]
        with m.If(self.start):
            m.d.sync += [left.eq(config.blocks), row.eq(0), col.eq(0), freed.eq(0), stepped.eq(0)]
        return m
