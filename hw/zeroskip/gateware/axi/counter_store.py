"""Many counters that share one adder for all but their lowest bits."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.gateware.primitives.choose import choose

COUNTER_BITS = 32


class CounterStore(wiring.Component):
    """Counters of 32 bits that are shown in turn, one a cycle, each as it is in that cycle.

    The lowest bits of each are registers of its own, enough to wrap at most once between two of its turns. In its turn
    that is added to the bits above them, which lie in a LUT memory. What a memory holds from before `clear`, or from
    before a reset, is taken for zero for a round. The counters wrap at 32 bits.

    Parameters
    ----------
    most
        The largest step of each counter, at least 1.

    Members
    -------
    steps : In(range(most + 1)), one for each counter, named ``step_N``
        What is added in this cycle; shown `latency` cycles later.
    clear : In(1)
        Start from zero; what is added in this cycle is lost.
    number : Out(range(len(most)))
        Whose turn it is.
    value : Out(32)
        That counter.

    Raises
    ------
    ValueError
        There are less than two counters, or steps so large that no bit is left for the memory.
    """

    def __init__(self, *, most: Sequence[int]) -> None:
        self._bits = [max(1, ceil_log2(len(most) * step)) for step in most]
        if len(most) < 2 or max(self._bits) >= COUNTER_BITS:
            raise ValueError(f"most must be two or more steps, of less than {COUNTER_BITS} bits in a round, not {most}")
        super().__init__({f"step_{number}": In(range(step + 1)) for number, step in enumerate(most)} | {
            "clear": In(1),
            "number": Out(range(len(most))),
            "value": Out(COUNTER_BITS),
        })

    @property
    def latency(self) -> int:
        """Cycles from a step to the counter that shows it, if that has its turn."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """The turn, the counters' own bits, and the memory."""
        m = Module()
        count, shared = len(self._bits), min(self._bits)
        stale = Signal(range(count + 1), init=count)
        m.d.sync += self.number.eq(Mux(self.number == count - 1, 0, self.number + 1))
        with m.If(self.clear):
            m.d.sync += stale.eq(count)
        with m.Elif(stale != 0):
            m.d.sync += stale.eq(stale - 1)

        own, wraps = [], []
        for number, bits in enumerate(self._bits):
            low, wrapped = Signal(bits, name=f"low_{number}"), Signal(name=f"wrapped_{number}")
            total = Signal(bits + 1, name=f"total_{number}")
            m.d.comb += total.eq(low + getattr(self, f"step_{number}"))
            m.d.sync += [low.eq(total), wrapped.eq(total[-1] | (wrapped & (self.number != number)))]
            with m.If(self.clear):
                m.d.sync += [low.eq(0), wrapped.eq(0)]
            own.append(low)
            wraps.append(wrapped << bits - shared)

        m.submodules.high = memory = Memory(shape=COUNTER_BITS - shared, depth=count, init=[])
        write, read = memory.write_port(), memory.read_port(domain="comb")
        m.d.comb += [
            read.addr.eq(self.number), write.addr.eq(self.number), write.en.eq(1),
            write.data.eq(Mux(stale != 0, 0, read.data) + choose(m, wraps, self.number)),
            # Bits of the memory that a counter has of its own are zeros: only its own wrap is added, above them.
            self.value.eq(write.data << shared | choose(m, own, self.number)),
        ]
        return m
