"""An engine that a host reaches over two wires: what a board's top holds, whatever the board."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.top import AxiTop
from zeroskip.link.host_link import HostLink
from zeroskip.link.uart import UartReceiver, UartTransmitter


class LinkedEngine(wiring.Component):
    """UART, host link, boundary, engine.

    Parameters
    ----------
    boundary
        The engine behind its AXI ports.
    divisor
        Clock cycles of a bit on the wires.

    Members
    -------
    receive : In(1)
    transmit : Out(1)
    active : Out(1)
        A byte is on its way to the host.
    lost : Out(1)
        Stays high once a byte from the host was not taken before the next one came. The link takes each at once, so
        this shows that something is broken; what is lost on the line shows in the link's count of bad frames.
    """

    def __init__(self, boundary: AxiTop, *, divisor: int) -> None:
        self._boundary, self._divisor = boundary, divisor
        super().__init__({"receive": In(1, init=1), "transmit": Out(1, init=1), "active": Out(1), "lost": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """Bytes to the link and back."""
        m = Module()
        m.submodules.link = link = HostLink(self._boundary)
        m.submodules.receiver = receiver = UartReceiver(divisor=self._divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(divisor=self._divisor)
        wiring.connect(m, receiver.bytes, link.receive)
        wiring.connect(m, link.transmit, transmitter.bytes)
        m.d.comb += [
            receiver.line.eq(self.receive), self.transmit.eq(transmitter.line),
            self.active.eq(link.transmit.valid), self.lost.eq(receiver.overrun),
        ]
        return m
