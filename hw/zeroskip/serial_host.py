"""The narrow way to an engine: its 128-bit streams over a UART."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.uart import UartReceiver, UartTransmitter
from zeroskip.wire import BEAT_BYTES

TAG_MAP = 1
"""Bit of a tag: the beat is one of the map, not of the program."""
TAG_LAST = 2
"""Bit of a tag: the last beat of its stream."""


class SerialHost(wiring.Component):
    """An engine between two lines.

    In: a tag byte (``TAG_MAP``, ``TAG_LAST``) and 16 bytes are one beat. Out: 16 bytes for each beat of the result.
    There is no flow control: the host sends one image, and waits for its result before the next. `lost` tells of a
    byte that found the engine not ready.

    Parameters
    ----------
    engine
        A component with the members of :func:`zeroskip.engine.engine_members`.
    divisor
        Clock cycles of a bit on the lines.

    Members
    -------
    receive : In(1)
    transmit : Out(1)
    busy, lost : Out(1)
    """

    def __init__(self, engine: wiring.Component, *, divisor: int) -> None:
        self._engine, self._divisor = engine, divisor
        super().__init__({"receive": In(1, init=1), "transmit": Out(1, init=1), "busy": Out(1), "lost": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """Bytes are gathered to beats, and beats are sent as bytes."""
        m = Module()
        m.submodules.engine = engine = self._engine
        m.submodules.receiver = receiver = UartReceiver(divisor=self._divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(divisor=self._divisor)
        m.d.comb += [
            receiver.line.eq(self.receive), self.transmit.eq(transmitter.line),
            self.busy.eq(engine.busy), self.lost.eq(receiver.overrun),
        ]
        self._gather(m, receiver.bytes, engine)
        self._send(m, engine.result, transmitter.bytes)
        return m

    def _gather(self, m: Module, source, engine) -> None:
        tag, beat = Signal(8), Signal(8 * BEAT_BYTES)
        place, whole = Signal(range(BEAT_BYTES + 1)), Signal()
        m.d.comb += source.ready.eq(~whole)
        with m.If(source.valid & source.ready):
            m.d.sync += place.eq(place + 1)
            with m.If(place == 0):
                m.d.sync += tag.eq(source.payload)
            with m.Else():
                m.d.sync += beat.eq(Cat(beat[8:], source.payload))
            with m.If(place == BEAT_BYTES):
                m.d.sync += [place.eq(0), whole.eq(1)]
        for into, chosen in ((engine.weights, (tag & TAG_MAP) == 0), (engine.map, (tag & TAG_MAP) != 0)):
            m.d.comb += [
                into.valid.eq(whole & chosen), into.payload.data.eq(beat),
                into.payload.last.eq((tag & TAG_LAST) != 0),
            ]
            with m.If(into.valid & into.ready):
                m.d.sync += whole.eq(0)

    def _send(self, m: Module, result, sink) -> None:
        held, left = Signal(8 * BEAT_BYTES), Signal(range(BEAT_BYTES + 1))
        m.d.comb += [result.ready.eq(left == 0), sink.valid.eq(left != 0), sink.payload.eq(held[:8])]
        with m.If(result.valid & result.ready):
            m.d.sync += [held.eq(result.payload.data), left.eq(BEAT_BYTES)]
        with m.If(sink.valid & sink.ready):
            m.d.sync += [held.eq(held >> 8), left.eq(left - 1)]
