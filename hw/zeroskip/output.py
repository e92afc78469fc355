"""The way out: rows of sums are requantised and packed into beats."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.dense.packer import BeatPacker, count_rows, row_pixels
from zeroskip.gateware.primitives.size import positive
from zeroskip.output_beats import BeatMerger
from zeroskip.requantiser import BIAS_BITS, MULTIPLIER_BITS, SHIFT_BITS, Requantiser
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense import raw_beats

__all__ = ["PARAMETERS", "BeatMerger", "OutputUnit", "row_layout"]

FIFO_DEPTH = 16
"""Beats under way or waiting: the depth of a LUT memory."""


PARAMETERS = data.StructLayout({
    "bias": signed(BIAS_BITS),
    "multiplier": unsigned(MULTIPLIER_BITS),
    "shift": unsigned(SHIFT_BITS),
})
"""What a filter is requantised with: the low bits of a row of section ``REQUANT``."""


def row_layout(pixels: int, acc_width: int, params_depth: int) -> data.StructLayout:
    """A row for the output unit: `pixels` sums of one filter, its parameters' address, the block's end."""
    return data.StructLayout({
        "acc": data.ArrayLayout(signed(acc_width), pixels),
        "param": range(params_depth),
        "last": 1,
    })


class OutputUnit(wiring.Component):
    """Requantises rows of sums and packs them into beats.

    One row a cycle (sums of 8 pixels without requantisation: one in two cycles). Nothing inside stalls: a row is
    taken when there is room for the beats it may become; so that back-pressure loses nothing.

    Parameters
    ----------
    pixels
        Sums of a row: 1, 2, 4 or 8.
    acc_width
        Bits of a sum.
    params_depth
        Rows of the parameter memory.
    fifo_depth
        Beats under way or waiting, at least 2.

    Members
    -------
    rows : In(stream.Signature(row_layout(pixels, acc_width, params_depth)))
        `last`: the block ends here; the beat is filled up with zeros.
    beats : Out(stream.Signature(128))
    requantise : In(1)
        Low: 32-bit sums go out. Constant while rows are under way, as are `low` and `high`.
    low, high : In(signed(9))
    write_en, write_address, write_data : In(1), In(range(params_depth)), In(PARAMETERS)
        Write one row of parameters; no row is taken in this cycle.
    idle : Out(1)
        No row is under way and no beat waits.

    Raises
    ------
    TypeError
        A parameter is not a positive integer.
    ValueError
        `pixels` is not 1, 2, 4 or 8.

    """

    def __init__(self, *, pixels: int, acc_width: int, params_depth: int, fifo_depth: int = FIFO_DEPTH) -> None:
        self._fifo_depth = positive("fifo_depth", fifo_depth)
        self._params_depth = positive("params_depth", params_depth)
        self._pixels = row_pixels(pixels)
        positive("acc_width", acc_width)
        self._packer = BeatPacker(pixels=pixels)
        self._requantisers = [Requantiser(acc_width=acc_width) for _ in range(pixels)]
        self._layout = row_layout(pixels, acc_width, params_depth)
        super().__init__({
            "rows": In(stream.Signature(self._layout)),
            "beats": Out(stream.Signature(8 * BEAT_BYTES)),
            "requantise": In(1),
            "low": In(signed(9)),
            "high": In(signed(9)),
            "write_en": In(1),
            "write_address": In(range(params_depth)),
            "write_data": In(PARAMETERS),
            "idle": Out(1, init=1),
        })

    @property
    def fifo_depth(self) -> int:
        """Beats under way or waiting at most."""
        return self._fifo_depth

    @property
    def read_latency(self) -> int:
        """Cycles from a row to its parameters: the memory, and a register after it."""
        return 2

    @property
    def latency(self) -> int:
        """Cycles from a row that fills a beat of codes to the beat."""
        return self.read_latency + self._requantisers[0].latency + 2

    def _lookup(self, m: Module, taken: Signal) -> tuple[Value, data.View, data.View]:
        """The row in step with its parameters: valid, the row, the parameters."""
        m.submodules.parameters = memory = Memory(shape=PARAMETERS, depth=self._params_depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            write.en.eq(self.write_en),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            read.en.eq(~self.write_en),
            read.addr.eq(self.rows.p.param),
        ]
        valid: Value = taken
        row = self.rows.p
        for stage in range(1, self.read_latency + 1):
            valid, before = Signal(name=f"valid_{stage}"), valid
            row, row_before = Signal(self._layout, name=f"row_{stage}"), row
            m.d.sync += [valid.eq(before), row.eq(row_before)]
        parameters = Signal(PARAMETERS, name="parameters_read")
        m.d.sync += parameters.eq(read.data)
        return valid, row, parameters

    def elaborate(self, platform: object) -> Module:
        """Lookup, requantisers, packer, FIFO."""
        m = Module()
        m.submodules.packer = packer = self._packer
        m.submodules.fifo = fifo = SyncFIFO(width=8 * BEAT_BYTES, depth=self._fifo_depth)
        taken = Signal()
        m.d.comb += taken.eq(self.rows.valid & self.rows.ready)
        valid, row, parameters = self._lookup(m, taken)
        for index, unit in enumerate(self._requantisers):
            m.submodules[f"requantiser_{index}"] = unit
            m.d.comb += [
                unit.en.eq(valid),
                unit.acc.eq(row.acc[index]),
                unit.bias.eq(parameters.bias),
                unit.multiplier.eq(parameters.multiplier),
                unit.shift.eq(parameters.shift),
                unit.low.eq(self.low),
                unit.high.eq(self.high),
                packer.codes[index].eq(unit.result),
                packer.raw[index].eq(unit.raw),
            ]
        unit = self._requantisers[0]
        lasts, codes, raw = Signal(unit.latency), Signal(unit.latency), Signal()
        # Sums go on through the requantisers when their beat has left: what counts is the mode in which a row came.
        m.d.sync += [
            lasts.eq(Cat(row.last, lasts)),
            codes.eq(Cat(valid & self.requantise, codes)),
            raw.eq(valid & ~self.requantise),
        ]
        m.d.comb += [
            packer.requantise.eq(self.requantise),
            packer.en.eq(codes[-1] | raw),
            packer.last.eq(Mux(self.requantise, lasts[-1], lasts[unit.raw_latency - 1])),
            fifo.w_en.eq(packer.beat_valid),
            fifo.w_data.eq(packer.beat),
            self.beats.valid.eq(fifo.r_rdy),
            self.beats.payload.eq(fifo.r_data),
            fifo.r_en.eq(self.beats.ready),
        ]
        self._credit(m, taken, fifo.r_rdy & self.beats.ready)
        return m

    def _credit(self, m: Module, taken: Value, read: Value) -> None:
        """The first row of a beat takes room for it, which comes back when the beat is read."""
        credit = Signal(range(self._fifo_depth + 1), init=self._fifo_depth)
        place, _ = count_rows(m, pixels=self._pixels, en=taken, last=self.rows.p.last, requantise=self.requantise)
        first = taken & (place == 0)
        double = raw_beats(self._pixels) > 1
        change = Mux(first, Mux(read, 0, -1), read)  # no subtraction, which would take carry cells of its own
        if double:
            change = Mux(first & ~self.requantise, Mux(read, -1, -2), change)
        after, room = Signal.like(credit), Signal(init=1)
        m.d.comb += after.eq(credit + change)
        # room is known from a register on: the drains, and through them the lanes, hear of it in the same cycle
        enough = after != 0
        if double:
            enough = Mux(self.requantise, enough, (after[1:] != 0) & ~taken)
        m.d.sync += [credit.eq(after), room.eq(enough), self.idle.eq((credit == self._fifo_depth) & ~taken)]
        m.d.comb += self.rows.ready.eq(room & ~self.write_en)
