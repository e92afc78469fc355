"""The dense array's weight memory."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.dense_pe import WEIGHT_BITS
from zeroskip.multiplier import positive
from zeroskip.program import TableWrite
from zeroskip.wire import BEAT_BYTES, Section


class WeightReader(wiring.Component):
    """Gives the weights of M filters for each step, in the order of the memory, `latency` cycles after it.

    A row of the memory is one beat: the weights of ``16 / M`` consecutive steps.

    Parameters
    ----------
    filters
        M: 1, 2, 4, 8 or 16.
    depth
        Weights that the memory holds.
    latency
        At least 3.

    Members
    -------
    write : In(TableWrite)
    start : In(1)
        Begin with the first weight.
    go, rewind : In(1)
        A step; the one after it begins with the first weight again.
    weights : Out(ArrayLayout(signed(8), filters))

    Raises
    ------
    TypeError
        `filters` or `depth` is not a positive integer.
    ValueError
        `filters` does not divide 16, or `latency` is below 3.

    """

    def __init__(self, *, filters: int, depth: int, latency: int) -> None:
        self._filters, self._depth = positive("filters", filters), positive("depth", depth)
        if BEAT_BYTES % filters:
            raise ValueError(f"filters must divide {BEAT_BYTES}, not {filters}")
        if latency < 3:
            raise ValueError(f"latency must be at least 3, not {latency}")
        self._latency = latency
        super().__init__({
            "write": In(TableWrite),
            "start": In(1),
            "go": In(1),
            "rewind": In(1),
            "weights": Out(data.ArrayLayout(signed(WEIGHT_BITS), filters)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a step to its weights."""
        return self._latency

    def elaborate(self, platform: object) -> Module:
        """The step is delayed, then counted: memory, a register after it, and one after the choice of the step."""
        m = Module()
        rows = max(1, self._depth // BEAT_BYTES)
        m.submodules.memory = memory = Memory(shape=8 * BEAT_BYTES, depth=rows, init=[])
        write, read = memory.write_port(), memory.read_port()
        go: Value = self.go
        rewind: Value = self.go & self.rewind
        for stage in range(1, self._latency - 2):
            go, go_before = Signal(name=f"go_{stage}"), go
            rewind, rewind_before = Signal(name=f"rewind_{stage}"), rewind
            m.d.sync += [go.eq(go_before), rewind.eq(rewind_before)]
        place_bits = ceil_log2(BEAT_BYTES // self._filters)
        place, row = Signal(place_bits), Signal(range(rows))
        place_read, place_held = Signal(place_bits), Signal(place_bits)
        held = Signal(8 * BEAT_BYTES)
        m.d.comb += [
            write.en.eq(self.write.valid & (self.write.kind == Section.WEIGHTS)),
            write.addr.eq(self.write.address),
            write.data.eq(self.write.data),
            read.addr.eq(row),
            read.en.eq(go & (place == 0) & ~write.en),
        ]
        with m.If(go):
            m.d.sync += [Cat(place, row).eq(Mux(rewind, 0, Cat(place, row) + 1)), place_read.eq(place)]
        with m.If(self.start):
            m.d.sync += Cat(place, row).eq(0)
        m.d.sync += [
            held.eq(read.data),
            place_held.eq(place_read),
            self.weights.eq(held.word_select(place_held, WEIGHT_BITS * self._filters)),
        ]
        return m
