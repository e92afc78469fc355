"""When all groups are past a block: what the sequencer, the rings of the map and the passes wait for."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.up_down import up_down


class BlockBarrier(wiring.Component):
    """Counts the markers that each party has passed, and says when all have passed one more, one at a time.

    Parameters
    ----------
    parties
        How many there are.
    ahead
        Markers by which one may be ahead of another.

    Members
    -------
    start
        In: forget everything.
    passed
        In, mask: parties that pass a marker in this cycle.
    done
        Out, one cycle for each marker that all have passed, `latency` cycles after the last one did.
    """

    latency = 2

    def __init__(self, *, parties: int, ahead: int) -> None:
        self._parties, self._ahead = parties, ahead
        super().__init__({"start": In(1), "passed": In(parties), "done": Out(1)})

    def elaborate(self, platform):
        """A counter for each."""
        m = Module()
        counts = [Signal(range(self._ahead + 1), name=f"count_{party}") for party in range(self._parties)]
        done = Cat(count != 0 for count in counts).all()
        m.d.sync += self.done.eq(done)
        for party, count in enumerate(counts):
            m.d.sync += count.eq(up_down(count, self.passed[party], done))
        with m.If(self.start):
            m.d.sync += [self.done.eq(0), *(count.eq(0) for count in counts)]
        return m
