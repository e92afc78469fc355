"""The dense array's table of taps, read round and round ahead of who takes its rows."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.dense.structs import TABLE_WRITE, TAP_LAYOUT
from zeroskip.gateware.primitives.queue import Queue
from zeroskip.gateware.primitives.simple_dual_port import SimpleDualPort
from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.structs import view
from zeroskip.spec.dense_program import TAP, Section

AHEAD = 4
"""Rows that are being read or wait: so many that one can be taken in every cycle."""
TABLE_ROW = data.StructLayout({"tap": TAP_LAYOUT, "last": 1})
"""A row of the table, and whether the next one is the first again."""


class TapTable(wiring.Component):
    """Gives the rows of the table in order, again and again, one a cycle.

    Parameters
    ----------
    taps
        Rows that it holds.

    Members
    -------
    write : In(TABLE_WRITE)
    start : In(1)
        Begin with the first row.
    count : In(range(taps + 1))
        Rows of the layer, at least 1.
    taps : Out(stream.Signature(TABLE_ROW))
        The first one is there `latency` cycles after `start`.
    reach : Out(signed(12))
        The greatest `dy` in the table.

    Raises
    ------
    TypeError
        `taps` is not a positive integer.
    """

    def __init__(self, *, taps: int) -> None:
        self._size = positive("taps", taps)
        self._memory = SimpleDualPort(width=TAP_LAYOUT.size, depth=taps)
        super().__init__({
            "write": In(TABLE_WRITE),
            "start": In(1),
            "count": In(range(taps + 1)),
            "taps": Out(stream.Signature(TABLE_ROW)),
            "reach": Out(TAP_LAYOUT["dy"].shape),
        })

    @property
    def latency(self) -> int:
        """Cycles from `start` to the first row: its address, the memory, the queue, a register."""
        return 1 + self._memory.latency + 1 + 1

    def elaborate(self, platform: object) -> Module:
        """An address that runs ahead, and a queue of what comes back; no more is asked for than finds room there."""
        m = Module()
        m.submodules.rows = memory = self._memory
        m.submodules.queue = queue = Queue(width=TABLE_ROW.size, depth=AHEAD)
        self._fill(m)
        credits, index, last = Signal(range(AHEAD + 1)), Signal(range(self._size)), Signal()
        asks, moves = Signal(), Signal()
        coming, lasts = Signal(memory.latency), Signal(memory.latency)
        m.d.comb += [
            asks.eq(credits != 0),
            last.eq(index + 1 == self.count),
            memory.read.address.eq(index),
            queue.start.eq(self.start),
            queue.write.eq(coming[-1]),
            queue.write_data.eq(Cat(memory.read.data, lasts[-1])),
            moves.eq(queue.valid & (self.taps.ready | ~self.taps.valid)),
            queue.read.eq(moves),
        ]
        m.d.sync += [
            coming.eq(Cat(asks, coming)),
            lasts.eq(Cat(last, lasts)),
            credits.eq(credits - asks + moves),
            self.taps.valid.eq(moves | (self.taps.valid & ~self.taps.ready)),
        ]
        with m.If(asks):
            m.d.sync += index.eq(Mux(last, 0, index + 1))
        with m.If(moves):
            m.d.sync += self.taps.payload.eq(queue.data)
        with m.If(self.start):
            m.d.sync += [index.eq(0), credits.eq(AHEAD), coming.eq(0), self.taps.valid.eq(0)]
        return m

    def _fill(self, m: Module) -> None:
        """What is kept of a row of a program, and the greatest `dy` of them."""
        write, row = self._memory.write, view(TAP, self.write.data)
        kept = Signal(TAP_LAYOUT)
        m.d.comb += [
            kept.offset.eq(row.offset),
            kept.dy.eq(row.dy),
            kept.dx.eq(row.dx),
            kept.last_channel.eq(row.channels - 1),
            write.enable.eq(self.write.valid & (self.write.kind == Section.TAPS)),
            write.address.eq(self.write.address),
            write.data.eq(kept),
        ]
        with m.If(write.enable & ((self.write.address == 0) | (kept.dy > self.reach))):
            m.d.sync += self.reach.eq(kept.dy)
