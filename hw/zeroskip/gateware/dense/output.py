"""The dense array's way out: rows of sums are requantised and packed into beats."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.dense.packer import BeatPacker, count_rows, row_pixels
from zeroskip.gateware.dense.structs import LAYER_LAYOUT, PARAMETER_LAYOUT, TABLE_WRITE, has, row_layout
from zeroskip.gateware.lane.requantiser import Requantiser
from zeroskip.gateware.primitives.simple_dual_port import SimpleDualPort
from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.structs import delay
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense import raw_beats
from zeroskip.spec.dense_program import Mode, Section


class OutputUnit(wiring.Component):
    """Adds biases to rows of sums, requantises them and packs them into beats.

    One row a cycle (sums of 8 pixels without requantisation: one in two cycles). Nothing inside stalls: a row is
    taken when there is room for the beats it may become; so that back-pressure loses nothing.

    Parameters
    ----------
    pixels
        Sums of a row: 1, 2, 4 or 8.
    acc_width
        Bits of a sum, 18..32; ``acc + bias`` must fit it, too.
    parameters
        Rows of the parameter memory.
    fifo_depth
        Beats under way or waiting, at least 2.

    Members
    -------
    rows : In(stream.Signature(row_layout(pixels, acc_width, parameters)))
        `last`: the block ends here; the beat is filled up with zeros.
    beats : Out(stream.Signature(128))
    layer : In(LAYER_LAYOUT)
        Its limits of codes, and its mode: without `REQUANTISE` 32-bit sums go out. Constant while rows are under way.
    write : In(TABLE_WRITE)
        Rows of parameters; no row of sums is taken while one is written.
    idle : Out(1)
        No row is under way and no beat waits.

    Raises
    ------
    TypeError
        A parameter is not a positive integer.
    ValueError
        `pixels` is not 1, 2, 4 or 8, or `acc_width` is out of range.

    """

    def __init__(self, *, pixels: int, acc_width: int, parameters: int, fifo_depth: int) -> None:
        self._fifo_depth = positive("fifo_depth", fifo_depth)
        self._pixels, self._acc_width = row_pixels(pixels), acc_width
        self._memory = SimpleDualPort(width=PARAMETER_LAYOUT.size, depth=positive("parameters", parameters))
        self._packer = BeatPacker(pixels=pixels)
        self._requantisers = [Requantiser(acc_width=acc_width) for _ in range(pixels)]
        self._layout = row_layout(pixels, acc_width, parameters)
        super().__init__({
            "rows": In(stream.Signature(self._layout)),
            "beats": Out(stream.Signature(8 * BEAT_BYTES)),
            "layer": In(LAYER_LAYOUT),
            "write": In(TABLE_WRITE),
            "idle": Out(1, init=1),
        })

    @property
    def fifo_depth(self) -> int:
        """Beats under way or waiting at most."""
        return self._fifo_depth

    @property
    def raw_latency(self) -> int:
        """Cycles from a row of sums that fills a beat to the beat: the bias' memory and adder, packer, FIFO."""
        return self._memory.latency + 1 + self._packer.latency + 1

    @property
    def latency(self) -> int:
        """The same for codes."""
        return self.raw_latency + self._requantisers[0].latency

    def elaborate(self, platform: object) -> Module:
        """Parameters, biases, requantisers, packer, FIFO."""
        m = Module()
        m.submodules.packer = packer = self._packer
        m.submodules.fifo = fifo = SyncFIFO(width=8 * BEAT_BYTES, depth=self._fifo_depth)
        taken, writes = Signal(), Signal()
        m.d.comb += [
            writes.eq(self.write.valid & (self.write.kind == Section.PARAMETERS)),
            taken.eq(self.rows.valid & self.rows.ready),
        ]
        valid, last = self._add_biases(m, taken, writes)
        latency, requantise = self._requantisers[0].latency, has(self.layer, Mode.REQUANTISE)
        # Sums go on through the requantisers when their beat has left: what counts is the mode in which a row came.
        codes = delay(m, valid & requantise, latency, "codes")
        code_last = delay(m, last, latency, "code_last")
        m.d.comb += [
            packer.requantise.eq(requantise),
            packer.en.eq(codes | (valid & ~requantise)),
            packer.last.eq(Mux(requantise, code_last, last)),
            fifo.w_en.eq(packer.beat_valid),
            fifo.w_data.eq(packer.beat),
            self.beats.valid.eq(fifo.r_rdy),
            self.beats.payload.eq(fifo.r_data),
            fifo.r_en.eq(self.beats.ready),
        ]
        self._take_credits(m, taken, fifo.r_rdy & self.beats.ready, writes)
        return m

    def _add_biases(self, m: Module, taken: Value, writes: Value) -> tuple[Value, Value]:
        """Sums with their biases to requantisers and packer: whether there is a row, and whether it ends a block."""
        m.submodules.parameters = memory = self._memory
        m.d.comb += [
            memory.write.enable.eq(writes),
            memory.write.address.eq(self.write.address),
            memory.write.data.eq(self.write.data),
            memory.read.address.eq(self.rows.p.param),
        ]
        sums = data.View(self._layout["acc"].shape, delay(m, self.rows.p.acc.as_value(), memory.latency, "sums"))
        read = data.View(PARAMETER_LAYOUT, memory.read.data)
        there, last = (delay(m, value, memory.latency, name)
                       for value, name in ((taken, "there"), (self.rows.p.last, "last")))
        multiplier, shift = Signal.like(read.multiplier), Signal.like(read.shift)
        with m.If(there):
            m.d.sync += [multiplier.eq(read.multiplier), shift.eq(read.shift)]
        for index, unit in enumerate(self._requantisers):
            m.submodules[f"requantiser_{index}"] = unit
            biased = Signal(signed(self._acc_width), name=f"biased_{index}")
            with m.If(there):  # it holds for the second beat of a row of sums
                m.d.sync += biased.eq(sums[index] + read.bias)
            m.d.comb += [
                unit.acc.eq(biased),
                unit.multiplier.eq(multiplier),
                unit.shift.eq(shift),
                unit.low.eq(self.layer.clamp_low),
                unit.high.eq(self.layer.clamp_high),
                unit.rounding_even.eq(has(self.layer, Mode.ROUND_EVEN)),
                self._packer.codes[index].eq(unit.result),
                self._packer.raw[index].eq(biased),
            ]
        return delay(m, there, 1, "valid"), delay(m, last, 1, "biased_last")

    def _take_credits(self, m: Module, taken: Value, read: Value, writes: Value) -> None:
        """The first row of a beat takes a credit for it, which comes back when the beat is read."""
        requantise = has(self.layer, Mode.REQUANTISE)
        credit = Signal(range(self._fifo_depth + 1), init=self._fifo_depth)
        place, _ = count_rows(m, pixels=self._pixels, en=taken, last=self.rows.p.last, requantise=requantise)
        first = taken & (place == 0)
        double = raw_beats(self._pixels) > 1
        change = Mux(first, Mux(read, 0, -1), read)  # no subtraction, which would take carry cells of its own
        if double:
            change = Mux(first & ~requantise, Mux(read, -1, -2), change)
        after, room = Signal.like(credit), Signal(init=1)
        m.d.comb += after.eq(credit + change)
        enough = after != 0
        if double:
            enough = Mux(requantise, enough, (after[1:] != 0) & ~taken)
        m.d.sync += [credit.eq(after), room.eq(enough), self.idle.eq((credit == self._fifo_depth) & ~taken)]
        m.d.comb += self.rows.ready.eq(room & ~writes)
