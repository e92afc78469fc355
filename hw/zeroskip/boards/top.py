"""The top of a board: an engine behind the board's serial line, on the board's oscillator."""

from __future__ import annotations

from amaranth.build.res import ResourceError
from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Elaboratable, Fragment, Module
from amaranth.lib import io
from amaranth.vendor import LatticeECP5Platform

from zeroskip.boards.catalogue import divisor
from zeroskip.gateware.axi.top import AxiTop
from zeroskip.gateware.primitives.target import ECP5, Target
from zeroskip.link.linked_engine import LinkedEngine


class BoardTop(Elaboratable):
    """The engine and the UART's pins; where the board has LEDs, two of them: an answer is sent; a byte was not taken,
    which must not happen.

    Parameters
    ----------
    boundary
        The engine behind its AXI ports.
    baud
        Of the serial line.
    """

    def __init__(self, boundary: AxiTop, *, baud: int) -> None:
        self._boundary, self._baud = boundary, baud

    def elaborate(self, platform: LatticeECP5Platform) -> Module:
        """Buffers between pins and the linked engine, which has the chip's own cells.

        It has a clock domain with a reset, which nothing asks for: the board's has none, and the engine names it.
        """
        m = Module()
        cycles = divisor(platform.default_clk_frequency, self._baud)
        linked = LinkedEngine(self._boundary, divisor=cycles)
        m.domains.engine_clock = ClockDomain(local=True)
        m.d.comb += ClockSignal("engine_clock").eq(ClockSignal())
        m.submodules.linked = DomainRenamer("engine_clock")(Fragment.get(linked, Target(family=ECP5)))
        uart = platform.request("uart", 0, dir="-")
        m.submodules.receive = receive = io.Buffer("i", uart.rx)
        m.submodules.transmit = transmit = io.Buffer("o", uart.tx)
        m.d.comb += [linked.receive.eq(receive.i), transmit.o.eq(linked.transmit)]
        for name, value in zip(_leds(platform), (linked.active, linked.lost), strict=False):
            m.submodules += (led := io.Buffer("o", name))
            m.d.comb += led.o.eq(value)
        return m


def _leds(platform: LatticeECP5Platform) -> list[io.PortLike]:
    """The pins of two LEDs: ``led`` 0 and 1, or red and green of one with three colours."""
    try:
        return [platform.request("led", at, dir="-") for at in range(2)]
    except ResourceError:
        colours = platform.request("rgb_led", 0, dir="-")
        return [colours.g, colours.r]
