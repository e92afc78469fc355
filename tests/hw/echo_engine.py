"""The smallest engine: takes a program, answers every beat of the map with its complement."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from zeroskip.engine import engine_members

MULTIPLIERS = 4


class EchoEngine(wiring.Component):
    """One beat of result for each beat of the map, `delay` cycles at least between two beats taken.

    Each beat taken counts as three multiplier slots, one of them gated. After the map's last beat it drains.
    """

    def __init__(self, *, delay: int = 1) -> None:
        self._delay = delay
        super().__init__(engine_members(MULTIPLIERS))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        loaded, full, draining = Signal(name="loaded"), Signal(name="full"), Signal(name="draining_now")
        pause = Signal(range(self._delay + 1))
        m.d.comb += [
            self.weights.ready.eq(~loaded),
            self.map.ready.eq(loaded & ~draining & (pause == 0) & (~full | self.result.ready)),
            self.result.valid.eq(full),
            self.waiting.eq(loaded & ~draining & ~full),
            self.draining.eq(draining),
        ]
        with m.If(self.weights.valid & self.weights.ready):
            m.d.sync += self.busy.eq(1)
            with m.If(self.weights.payload.last):
                m.d.sync += loaded.eq(1)
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.If(self.result.valid & self.result.ready):
            m.d.sync += full.eq(0)
            with m.If(self.result.payload.last):
                m.d.sync += [loaded.eq(0), draining.eq(0), self.busy.eq(0)]
        with m.If(self.map.valid & self.map.ready):
            m.d.comb += [self.issued.eq(3), self.gated.eq(1)]
            m.d.sync += [
                full.eq(1), pause.eq(self._delay - 1), draining.eq(self.map.payload.last),
                self.result.payload.data.eq(~self.map.payload.data), self.result.payload.last.eq(self.map.payload.last),
            ]
        return m
