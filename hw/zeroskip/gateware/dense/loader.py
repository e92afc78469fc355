"""The program loader: takes the sections of a program, keeps the configuration, writes the tables."""

from __future__ import annotations

import enum

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.ports import Beat
from zeroskip.gateware.dense.structs import ADDRESS_BITS, LAYER_LAYOUT, TABLE_WRITE
from zeroskip.spec.dense_program import WORD_BITS, Section


class _State(enum.Enum):
    HEADER = 0
    PAYLOAD = 1
    RUN = 2


class ProgramLoader(wiring.Component):
    """Takes a program, one beat a cycle, and holds the next one back until the layer is done.

    A row appears on `write` one cycle after its beat was taken; `start` is pulsed two cycles after ``END``.

    Members
    -------
    program : In(stream.Signature(Beat))
    layer : Out(LAYER_LAYOUT)
        The configuration registers.
    write : Out(TABLE_WRITE)
        Rows of tables; those of ``CONFIG`` do not appear.
    start : Out(1)
        The layer begins; the configuration and the tables are there.
    done : In(1)
        The last result has gone.
    busy : Out(1)
        From the first beat of a program until `done`.
    """

    def __init__(self) -> None:
        super().__init__({
            "program": In(stream.Signature(Beat)),
            "layer": Out(LAYER_LAYOUT),
            "write": Out(TABLE_WRITE),
            "start": Out(1),
            "done": In(1),
            "busy": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """State machine, and the strobe for the tables; registers are written a cycle after their beat, too."""
        m = Module()
        state = Signal(_State)
        kind, address, left = Signal.like(self.write.kind, name="kind"), Signal(ADDRESS_BITS), Signal(WORD_BITS)
        beat = self.program.p.data
        taken, row, ended, complete, configures = (
            Signal(name=name) for name in ("taken", "row", "ended", "complete", "configures"))
        m.d.comb += [
            self.program.ready.eq(state != _State.RUN),
            taken.eq(self.program.valid & self.program.ready),
            row.eq(taken & (state == _State.PAYLOAD)),
            ended.eq(taken & (state == _State.HEADER) & (beat[: len(kind)] == Section.END)),
        ]
        m.d.sync += [
            complete.eq(ended), self.start.eq(complete),
            self.write.valid.eq(row & (kind != Section.CONFIG)), configures.eq(row & (kind == Section.CONFIG)),
        ]
        with m.If(taken):
            m.d.sync += self.busy.eq(1)
        with m.If(taken & (state == _State.HEADER)):
            m.d.sync += [kind.eq(beat[: len(kind)]), address.eq(beat.word_select(2, WORD_BITS)),
                         left.eq(beat.word_select(3, WORD_BITS))]
            with m.If(ended):
                m.d.sync += state.eq(_State.RUN)
            with m.Elif(beat.word_select(3, WORD_BITS) != 0):
                m.d.sync += state.eq(_State.PAYLOAD)
        with m.If(row):
            m.d.sync += [self.write.kind.eq(kind), self.write.address.eq(address), self.write.data.eq(beat),
                         address.eq(address + 1), left.eq(left - 1)]
            with m.If(left == 1):
                m.d.sync += state.eq(_State.HEADER)
        with m.If(configures):
            for number, (name, _) in enumerate(LAYER_LAYOUT):
                with m.If(self.write.address == number):
                    m.d.sync += self.layer[name].eq(self.write.data[:WORD_BITS])
        with m.If((state == _State.RUN) & self.done):
            m.d.sync += [state.eq(_State.HEADER), self.busy.eq(0)]
        return m
