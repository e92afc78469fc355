"""The dense array's weight memory."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.gateware.dense.structs import TABLE_WRITE, WEIGHT_BITS
from zeroskip.gateware.primitives.block_memory import LATENCY
from zeroskip.gateware.primitives.simple_dual_port import SimpleDualPort
from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.structs import delay
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense_program import Section


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
        At least that of the memory and one more.

    Members
    -------
    write : In(TABLE_WRITE)
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
        `filters` does not divide 16, or `latency` is too short.

    """

    def __init__(self, *, filters: int, depth: int, latency: int) -> None:
        self._filters = positive("filters", filters)
        if BEAT_BYTES % filters:
            raise ValueError(f"filters must divide {BEAT_BYTES}, not {filters}")
        self._rows = max(1, positive("depth", depth) // BEAT_BYTES)
        if latency <= LATENCY:
            raise ValueError(f"latency must be at least {LATENCY + 1}, not {latency}")
        self._latency = latency
        self._memory = SimpleDualPort(width=8 * BEAT_BYTES, depth=self._rows)
        super().__init__({
            "write": In(TABLE_WRITE),
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
        """The step is delayed, then counted: the memory, and a register behind the choice of the step."""
        m = Module()
        m.submodules.rows = memory = self._memory
        wait = self._latency - memory.latency - 1
        go, rewind = delay(m, self.go, wait, "go"), delay(m, self.rewind, wait, "rewind")
        place, row = Signal(ceil_log2(BEAT_BYTES // self._filters)), Signal(range(self._rows))
        m.d.comb += [
            memory.write.enable.eq(self.write.valid & (self.write.kind == Section.WEIGHTS)),
            memory.write.address.eq(self.write.address),
            memory.write.data.eq(self.write.data),
            memory.read.address.eq(row),
        ]
        with m.If(go):
            m.d.sync += Cat(place, row).eq(Mux(rewind, 0, Cat(place, row) + 1))
        with m.If(self.start):
            m.d.sync += Cat(place, row).eq(0)
        chosen = delay(m, place, memory.latency, "place")
        m.d.sync += self.weights.eq(memory.read.data.word_select(chosen, WEIGHT_BITS * self._filters))
        return m
