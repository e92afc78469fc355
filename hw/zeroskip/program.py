"""The program loader: takes the sections of a program, keeps the configuration, writes the tables."""

import enum

from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.engine import Beat
from zeroskip.wire import BEAT_BYTES, Config, Section

ADDRESS_BITS = 16


ConfigRegisters = data.StructLayout({
    "mode": unsigned(5),
    "images": unsigned(16),
    "map_rows": unsigned(10),
    "map_planes": unsigned(12),
    "map_cols": unsigned(10),
    "map_pitch": unsigned(12),
    "map_plane_size": unsigned(14),
    "map_image_size": unsigned(14),
    "map_slots": unsigned(2),
    "out_rows": unsigned(10),
    "out_cols": unsigned(10),
    "block_rows": unsigned(6),
    "block_cols": unsigned(8),
    "windows": unsigned(12),
    "filters": unsigned(12),
    "clamp_low": signed(10),
    "clamp_high": signed(10),
    "result_beats": unsigned(24),
    "block_pitch": unsigned(14),
    "blocks": unsigned(20),
    "map_wrap": signed(12),
    "flip_cols": unsigned(5),
    "flip_rows": unsigned(5),
    "ring": unsigned(10),
    "drain_blocks": unsigned(24),
})
"""The configuration registers by name (lower case of ``wire.Config``), with their widths."""


GroupRegisters = data.StructLayout({
    "row_offset": unsigned(6),
    "col_offset": unsigned(8),
    "word_offset": unsigned(12),
    "word_offset_cols": unsigned(12),
    "word_offset_rows": unsigned(12),
    "word_offset_both": unsigned(12),
})
"""The configuration of one group."""


GROUP_BASES = {name: Config[name.upper()] for name, _ in GroupRegisters}
"""Number of each group register of group 0."""


TableWrite = data.StructLayout({
    "valid": unsigned(1),
    "kind": unsigned(3),
    "mask": unsigned(32),
    "address": unsigned(ADDRESS_BITS),
    "data": unsigned(8 * BEAT_BYTES),
})
"""One row for one of the tables; `kind` says which."""


class _State(enum.Enum):
    HEADER = 0
    PAYLOAD = 1
    RUN = 2


class ProgramLoader(wiring.Component):
    """Takes a program, one beat a cycle, and holds the next one back until the layer is done.

    A payload beat appears on `write` one cycle after it was taken; `start` is pulsed two cycles after ``END``.

    Parameters
    ----------
    groups
        Number of groups with registers of their own.

    Members
    -------
    weights
        In, stream of ``Beat``.
    config, group
        Out, the configuration registers.
    write
        Out, table rows (``CONFIG`` sections do not appear).
    start
        Out, one cycle: the program is complete.
    done
        In, one cycle: the last result has gone.
    busy
        Out, from the first beat of a program until `done`.
    """

    def __init__(self, *, groups: int) -> None:
        self._groups = groups
        super().__init__({
            "weights": In(stream.Signature(Beat)),
            "config": Out(ConfigRegisters),
            "group": Out(GroupRegisters).array(groups),
            "write": Out(TableWrite),
            "start": Out(1),
            "done": In(1),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        """State machine, registers, and the strobe for the tables."""
        m = Module()
        state = Signal(_State)
        kind, mask = Signal(3), Signal(32)
        address, left = Signal(ADDRESS_BITS), Signal(32)
        beat = self.weights.payload.data
        taken = Signal()
        complete = Signal()
        m.d.comb += [
            self.weights.ready.eq(state != _State.RUN),
            taken.eq(self.weights.valid & self.weights.ready),
        ]
        m.d.sync += [self.write.valid.eq(0), complete.eq(0), self.start.eq(complete)]
        with m.If(taken):
            m.d.sync += self.busy.eq(1)
        with m.If(taken & (state == _State.HEADER)):
            m.d.sync += [kind.eq(beat[0:3]), mask.eq(beat[32:64]), address.eq(beat[64:80]), left.eq(beat[96:128])]
            with m.If(beat[0:3] == Section.END):
                m.d.sync += [state.eq(_State.RUN), complete.eq(1)]
            with m.Elif(beat[96:128] != 0):
                m.d.sync += state.eq(_State.PAYLOAD)
        with m.If(taken & (state == _State.PAYLOAD)):
            m.d.sync += [
                self.write.valid.eq(kind != Section.CONFIG),
                self.write.kind.eq(kind),
                self.write.mask.eq(mask),
                self.write.address.eq(address),
                self.write.data.eq(beat),
                address.eq(address + 1),
                left.eq(left - 1),
            ]
            with m.If(left == 1):
                m.d.sync += state.eq(_State.HEADER)
            with m.If(kind == Section.CONFIG):
                self._write_config(m, address, beat)
        with m.If((state == _State.RUN) & self.done):
            m.d.sync += [state.eq(_State.HEADER), self.busy.eq(0)]
        return m

    def _write_config(self, m, address, beat):
        for name, _ in ConfigRegisters:
            with m.If(address == Config[name.upper()].value):
                m.d.sync += self.config[name].eq(beat[:32])
        for name, base in GROUP_BASES.items():
            for index in range(self._groups):
                with m.If(address == base.value + index):
                    m.d.sync += self.group[index][name].eq(beat[:32])
