"""A small AXI4-Lite slave: a block of 32-bit registers that are read, and strobes where they are written."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

DATA_BITS = 32
BYTES = DATA_BITS // 8
OKAY, SLVERR = 0, 2
READ_LATENCY, WRITE_LATENCY = 2, 1
"""Cycles from an address (and data) taken to the answer."""


def address_bits(count: int) -> int:
    """Bits of a byte address: enough for `count` registers and for one address beyond them."""
    return (count * BYTES).bit_length()


def axi_lite_members(address_bits: int) -> dict:
    """Members of an AXI4-Lite slave with 32 data bits, without prefix."""
    return {
        "awaddr": In(address_bits), "awprot": In(3), "awvalid": In(1), "awready": Out(1),
        "wdata": In(DATA_BITS), "wstrb": In(BYTES), "wvalid": In(1), "wready": Out(1),
        "bresp": Out(2), "bvalid": Out(1), "bready": In(1),
        "araddr": In(address_bits), "arprot": In(3), "arvalid": In(1), "arready": Out(1),
        "rdata": Out(DATA_BITS), "rresp": Out(2), "rvalid": Out(1), "rready": In(1),
    }


class AxiLiteRegisters(wiring.Component):
    """Read and write `count` registers at the byte addresses 0, 4, 8, ...

    A read answers two cycles after its address is taken, a write one cycle after both address and data are there; one
    of each at a time. An address beyond the last register answers SLVERR, and reads as zero. ``awprot`` and
    ``arprot`` are not looked at.

    Parameters
    ----------
    count
        Registers, 1..1024.

    Members
    -------
    The channels of AXI4-Lite (:func:`axi_lite_members`), with `address_bits` address bits.
    ``value_N``: In(32): what register N reads as.
    ``written``: Out(count): bit N for one cycle when register N is written; ``data`` and ``strobe`` go with it.

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
        super().__init__(axi_lite_members(self.address_bits)
                         | {f"value_{n}": In(DATA_BITS) for n in range(count)}
                         | {"written": Out(count), "data": Out(DATA_BITS), "strobe": Out(BYTES)})

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
            self.data.eq(self.wdata), self.strobe.eq(self.wstrb),
            self.written.eq(Cat(take & (index == n) for n in range(self._count))),
        ]
        with m.If(take):
            m.d.sync += [self.bvalid.eq(1), self.bresp.eq(self._response(index))]
        with m.Elif(self.bready):
            m.d.sync += self.bvalid.eq(0)

    def _elaborate_read(self, m: Module) -> None:
        index, pending = Signal(self.address_bits - 2, name="read_index"), Signal(name="read_pending")
        known = Cat(getattr(self, f"value_{n}") for n in range(self._count))
        known = Cat(known, Const(0, (DATA_BITS << len(index)) - len(known)))  # one shift: half of a Switch's LUTs
        m.d.comb += self.arready.eq(~pending & ~self.rvalid)
        with m.If(self.arvalid & self.arready):
            m.d.sync += [index.eq(self.araddr[2:]), pending.eq(1)]
        with m.If(pending):
            m.d.sync += [
                pending.eq(0), self.rvalid.eq(1), self.rresp.eq(self._response(index)),
                self.rdata.eq(known.word_select(index, DATA_BITS)),
            ]
        with m.Elif(self.rready):
            m.d.sync += self.rvalid.eq(0)

    def _response(self, index):
        """SLVERR beyond the last register."""
        return (index >= self._count) << 1
