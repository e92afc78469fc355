"""A UART, 8 data bits, no parity, one stop bit: bytes to streams and back."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.size import positive

FRAME_BITS = 10


class UartReceiver(wiring.Component):
    """Bytes from a line. A byte that is not taken before the next one ends is lost, and `overrun` tells.

    Parameters
    ----------
    divisor
        Clock cycles of a bit, at least 4.

    Members
    -------
    line : In(1)
        Asynchronous; idles high.
    bytes : Out(stream.Signature(8))
    overrun : Out(1)
        Stays high once a byte was lost.

    Raises
    ------
    TypeError, ValueError
        `divisor` is not an integer of at least 4.
    """

    def __init__(self, *, divisor: int) -> None:
        if positive("divisor", divisor) < 4:
            raise ValueError(f"divisor must be at least 4, not {divisor}")
        self._divisor = divisor
        super().__init__({"line": In(1, init=1), "bytes": Out(stream.Signature(8)), "overrun": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """Wait for the fall of a start bit, sample each bit in its middle, check the stop bit."""
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.line, line, init=1)
        timer, left, shift = Signal(range(self._divisor + self._divisor // 2)), Signal(range(FRAME_BITS)), Signal(9)
        with m.If(self.bytes.ready):
            m.d.sync += self.bytes.valid.eq(0)
        before = Signal(init=1)
        m.d.sync += before.eq(line)
        with m.If(left == 0):
            with m.If(before & ~line):
                m.d.sync += [left.eq(FRAME_BITS - 1), timer.eq(self._divisor + self._divisor // 2 - 1)]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [timer.eq(self._divisor - 1), left.eq(left - 1), shift.eq(Cat(shift[1:], line))]
            with m.If((left == 1) & line):
                m.d.sync += [self.bytes.payload.eq(shift[1:]), self.bytes.valid.eq(1)]
                with m.If(self.bytes.valid & ~self.bytes.ready):
                    m.d.sync += self.overrun.eq(1)
        return m


class UartTransmitter(wiring.Component):
    """Bytes to a line, each `FRAME_BITS` bits long.

    Parameters
    ----------
    divisor
        Clock cycles of a bit.

    Members
    -------
    bytes : In(stream.Signature(8))
    line : Out(1)

    Raises
    ------
    TypeError
        `divisor` is not a positive integer.
    """

    def __init__(self, *, divisor: int) -> None:
        self._divisor = positive("divisor", divisor)
        super().__init__({"bytes": In(stream.Signature(8)), "line": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        """A shift register and a timer."""
        m = Module()
        timer, left, shift = Signal(range(self._divisor)), Signal(range(FRAME_BITS + 1)), Signal(FRAME_BITS, init=-1)
        m.d.comb += [self.bytes.ready.eq(left == 0), self.line.eq(shift[0])]
        with m.If(left == 0):
            with m.If(self.bytes.valid):
                m.d.sync += [shift.eq(Cat(0, self.bytes.payload, 1)), left.eq(FRAME_BITS),
                             timer.eq(self._divisor - 1)]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [timer.eq(self._divisor - 1), left.eq(left - 1), shift.eq(Cat(shift[1:], 1))]
        return m
