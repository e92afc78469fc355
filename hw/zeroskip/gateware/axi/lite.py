"""A small AXI4-Lite slave: asks for the 32-bit register that is read, and gives strobes where one is written."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.spec.axi import REGISTER_BYTES

DATA_BITS = 8 * REGISTER_BYTES
OKAY, SLVERR = 0, 2
READ_LATENCY, WRITE_LATENCY = 2, 1
"""Cycles from an address (and data) taken to the answer; of a read, the fewest."""


def address_bits(count: int) -> int:
    """Bits of a byte address: enough for `count` registers and for one address beyond them."""
    return (count * REGISTER_BYTES).bit_length()


def axi_lite_members(address_bits: int) -> dict:
    """Members of an AXI4-Lite slave with 32 data bits, without prefix."""
    return {
        "awaddr": In(address_bits), "awprot": In(3), "awvalid": In(1), "awready": Out(1),
        "wdata": In(DATA_BITS), "wstrb": In(REGISTER_BYTES), "wvalid": In(1), "wready": Out(1),
        "bresp": Out(2), "bvalid": Out(1), "bready": In(1),
        "araddr": In(address_bits), "arprot": In(3), "arvalid": In(1), "arready": Out(1),
        "rdata": Out(DATA_BITS), "rresp": Out(2), "rvalid": Out(1), "rready": In(1),
    }


class AxiLiteRegisters(wiring.Component):
    """Read and write `count` registers at the byte addresses 0, 4, 8, ...

    A read waits until its value is given, which is from the cycle after its address is taken on, and answers in the
    next cycle; a write answers one cycle after both address and data are there; one of each at a time. An address
    beyond the last register answers SLVERR without waiting, and reads as zero. ``awprot`` and ``arprot`` are not looked
    at.

    Parameters
    ----------
    count
        Registers, 1..1024.

    Members
    -------
    The channels of AXI4-Lite (:func:`axi_lite_members`), with `address_bits` address bits.
    ``asked``: Out(1): a read waits for register ``index``: Out(address_bits - 2).
    ``given``: In(1): ``value``: In(32) is what that register reads as.
    ``written``: Out(1): for one cycle when register ``target``: Out(address_bits - 2) is written; ``data`` and
    ``strobe`` go with it.

    Raises
    ------
    TypeError, ValueError
        `count` is not an integer in 1..1024.
    """

    def __init__(self, *, count: int) -> None:
        if not isinstance(count, int) or isinstance(count, bool) or count <= 0:
            raise TypeError(f"count must be a positive integer, not {count!r}")
        if count > 1024:
            raise ValueError(f"count must be in 1..1024, not {count}")
        self._count = count
        index = Out(self.address_bits - 2)
        super().__init__(axi_lite_members(self.address_bits) | {
            "asked": Out(1), "index": index, "given": In(1), "value": In(DATA_BITS),
            "written": Out(1), "target": index, "data": Out(DATA_BITS), "strobe": Out(REGISTER_BYTES),
        })

    @property
    def count(self) -> int:
        """Number of registers."""
        return self._count

    @property
    def address_bits(self) -> int:
        """Bits of a byte address."""
        return address_bits(self._count)

    def elaborate(self, platform: object) -> Module:
        """Two independent machines of one outstanding access each."""
        m = Module()
        self._elaborate_write(m)
        self._elaborate_read(m)
        return m

    def _elaborate_write(self, m: Module) -> None:
        take, index = Signal(name="write_taken"), self.awaddr[2:]
        m.d.comb += [
            take.eq(self.awvalid & self.wvalid & ~self.bvalid),
            self.awready.eq(take), self.wready.eq(take),
        ]
        m.d.sync += [
            self.data.eq(self.wdata), self.strobe.eq(self.wstrb), self.target.eq(index),
            self.written.eq(take & (self._response(index) == OKAY)),
        ]
        with m.If(take):
            m.d.sync += [self.bvalid.eq(1), self.bresp.eq(self._response(index))]
        with m.Elif(self.bready):
            m.d.sync += self.bvalid.eq(0)

    def _elaborate_read(self, m: Module) -> None:
        response = self._response(self.index)
        m.d.comb += self.arready.eq(~self.asked & ~self.rvalid)
        with m.If(self.arvalid & self.arready):
            m.d.sync += [self.index.eq(self.araddr[2:]), self.asked.eq(1)]
        with m.If(self.asked):  # until it is given, which makes no difference: nothing is valid before
            m.d.sync += [self.rresp.eq(response), self.rdata.eq(self.value)]
        with m.If(self.asked & (response != OKAY)):
            m.d.sync += self.rdata.eq(0)
        with m.If(self.asked & (self.given | (response != OKAY))):
            m.d.sync += [self.asked.eq(0), self.rvalid.eq(1)]
        with m.Elif(self.rready):
            m.d.sync += self.rvalid.eq(0)

    def _response(self, index):
        """SLVERR beyond the last register."""
        return (index >= self._count) << 1
