"""The smallest engine: takes a program, answers every beat of the map with its complement."""

from __future__ import annotations

from amaranth.hdl import Elaboratable, Module, ResetInserter, Signal
from amaranth.lib import wiring

from zeroskip.gateware.axi.ports import engine_members
from zeroskip.spec.axi import BEAT_BYTES

MULTIPLIERS = 4
EXTRA_AFTER = 90
"""Cycles from the last beat to the one too many, where an engine is made to give one."""
REFUSED = 0xBADC0DE0
"""The lowest four bytes of a program's last beat that make the engine refuse it, less the error that it has then."""


class EchoEngine(wiring.Component):
    """One beat of result for each beat of the map, taken at least `delay` cycles apart.

    Each beat taken counts as three multiplier slots, one of them gated; all others are lost as bubbles.
    After the map's last beat it drains. With `extra` it gives one beat too many.

    Like a vector engine it can keep its program for further maps, and takes another one at any time, its beats `delay`
    apart, too: with `image_beats` a result has so many beats, and the next map follows at once. With `number_bits`
    beats of such a result have numbers: the second one is number 0, the first one number 1, and so on in pairs;
    `first_number` is added to each.
    """

    def __init__(self, *, delay: int = 1, extra: bool = False, beat_bytes: int = BEAT_BYTES, number_bits: int = 0,
                 image_beats: int = 0, first_number: int = 0) -> None:
        self._delay, self._extra, self._number_bits, self._image_beats = delay, extra, number_bits, image_beats
        self._first_number = first_number
        super().__init__(engine_members(MULTIPLIERS, beat_bytes=beat_bytes, number_bits=number_bits))

    def elaborate(self, platform: object) -> Elaboratable:
        m = Module()
        loaded, full, last = Signal(name="loaded"), Signal(name="full"), Signal(name="last_taken")
        pause = Signal(range(self._delay + 1))
        place, ends = Signal(range(self._image_beats + 1)), Signal(name="image_ends")
        m.d.comb += [
            self.program.ready.eq(pause == 0 if self._image_beats else ~loaded),
            self.map.ready.eq(loaded & ~last & (pause == 0) & (~full | self.result.ready)),
            self.result.valid.eq(full),
            self.waiting.eq(loaded & ~last & ~full),
            self.draining.eq(last),
            self.idle.bubble.eq(MULTIPLIERS - self.issued),
            ends.eq(place == self._image_beats - 1 if self._image_beats else self.map.payload.last),
        ]
        with m.If(self.program.valid & self.program.ready):
            m.d.sync += [self.busy.eq(1), loaded.eq(0)]
            with m.If(self.program.payload.last):
                self._check(m, loaded)
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.If(self.program.valid & self.program.ready & bool(self._image_beats)):
            m.d.sync += pause.eq(self._delay - 1)
        done = self.result.valid & self.result.ready & self.result.payload.last
        with m.If(self.result.valid & self.result.ready):
            m.d.sync += full.eq(0)
        with m.If(done):
            m.d.sync += [loaded.eq(bool(self._image_beats)), last.eq(0), self.busy.eq(0)]
        with m.If(self.map.valid & self.map.ready):
            m.d.comb += [self.issued.eq(3), self.gated.eq(1)]
            m.d.sync += [
                full.eq(1), pause.eq(self._delay - 1), last.eq(ends), self.busy.eq(1),
                place.eq(place + 1), self.result.payload.data.eq(~self.map.payload.data),
                self.result.payload.last.eq(ends),
            ]
            with m.If(ends):
                m.d.sync += place.eq(0)
            if self._number_bits:
                m.d.sync += [self.result.payload.keep.eq(-1),
                             self.result.payload.number.eq((place ^ 1) + self._first_number)]
        self._one_too_many(m, done, full)
        return ResetInserter(self.reset)(m)

    def _check(self, m: Module, loaded: Signal) -> None:
        """A program's last beat says whether it is right."""
        beat = self.program.payload.data
        m.d.sync += [loaded.eq(1), self.error.eq(0)]
        with m.If(beat[4:32] == REFUSED >> 4):
            m.d.sync += [loaded.eq(0), self.error.eq(beat[:4]), self.busy.eq(0)]

    def _one_too_many(self, m: Module, done: object, full: Signal) -> None:
        if not self._extra:
            return
        wait = Signal(range(EXTRA_AFTER + 1))
        with m.If(done):
            m.d.sync += wait.eq(EXTRA_AFTER)
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
            with m.If(wait == 1):
                m.d.sync += [full.eq(1), self.result.payload.last.eq(0)]
