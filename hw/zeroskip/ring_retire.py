"""Which rows of the map are no longer needed, since the blocks that read them are done."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.block_counter import BlockCounter
from zeroskip.program import ConfigRegisters


class RingRetire(wiring.Component):
    """Walks the blocks (:class:`~zeroskip.block_counter.BlockCounter`) as they are done.

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
        """The next block's row, and the rows before it."""
        m = Module()
        config = self.config
        m.submodules.blocks = blocks = BlockCounter(position_bits=1)
        stepped, ended, freed, needed = Signal(), Signal(), Signal(10), Signal(10)
        before, all_rows = Signal(signed(11)), Signal()
        m.d.comb += [
            blocks.config.eq(config), blocks.reset.eq(self.start), blocks.start.eq(self.start),
            blocks.step.eq(self.step),
            before.eq(blocks.row - config.rows_above),  # rows before the first that is needed
            all_rows.eq(ended | (~before[-1] & (before[:-1] > config.map_rows))),
            needed.eq(Mux(all_rows, config.map_rows, Mux(before[-1], 0, before))),
        ]
        m.d.sync += [stepped.eq(self.step & ~self.start), ended.eq(blocks.last_of_image), self.rows.eq(0)]
        with m.If(stepped):
            m.d.sync += [self.rows.eq(needed - freed), freed.eq(Mux(ended, 0, needed))]
        with m.If(self.start):
            m.d.sync += freed.eq(0)
        return m
