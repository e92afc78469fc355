"""The smallest engine: takes a program, answers every beat of the map with its complement."""

from __future__ import annotations

from amaranth.hdl import Elaboratable, Module, ResetInserter, Signal
from amaranth.lib import wiring

from zeroskip.gateware.axi.ports import engine_members

MULTIPLIERS = 4
EXTRA_AFTER = 90
"""Cycles from the last beat to the one too many, where an engine is made to give one."""


class EchoEngine(wiring.Component):
    """One beat of result for each beat of the map, taken at least `delay` cycles apart.

    Each beat taken counts as three multiplier slots, one of them gated; all others are lost as bubbles.
    After the map's last beat it drains. With `extra` it gives one beat too many.
    """

    def __init__(self, *, delay: int = 1, extra: bool = False) -> None:
        self._delay, self._extra = delay, extra
        super().__init__(engine_members(MULTIPLIERS))

    def elaborate(self, platform: object) -> Elaboratable:
        m = Module()
        loaded, full, last = Signal(name="loaded"), Signal(name="full"), Signal(name="last_taken")
        pause = Signal(range(self._delay + 1))
        m.d.comb += [
            self.program.ready.eq(~loaded),
            self.map.ready.eq(loaded & ~last & (pause == 0) & (~full | self.result.ready)),
            self.result.valid.eq(full),
            self.waiting.eq(loaded & ~last & ~full),
            self.draining.eq(last),
            self.idle.bubble.eq(MULTIPLIERS - self.issued),
        ]
        with m.If(self.program.valid & self.program.ready):
            m.d.sync += self.busy.eq(1)
            with m.If(self.program.payload.last):
                m.d.sync += loaded.eq(1)
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        done = self.result.valid & self.result.ready & self.result.payload.last
        with m.If(self.result.valid & self.result.ready):
            m.d.sync += full.eq(0)
        with m.If(done):
            m.d.sync += [loaded.eq(0), last.eq(0), self.busy.eq(0)]
        with m.If(self.map.valid & self.map.ready):
            m.d.comb += [self.issued.eq(3), self.gated.eq(1)]
            m.d.sync += [
                full.eq(1), pause.eq(self._delay - 1), last.eq(self.map.payload.last),
                self.result.payload.data.eq(~self.map.payload.data), self.result.payload.last.eq(self.map.payload.last),
            ]
        if self._extra:
            wait = Signal(range(EXTRA_AFTER + 1))
            with m.If(done):
                m.d.sync += wait.eq(EXTRA_AFTER)
            with m.Elif(wait != 0):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 1):
                    m.d.sync += [full.eq(1), self.result.payload.last.eq(0)]
        return ResetInserter(self.reset)(m)
