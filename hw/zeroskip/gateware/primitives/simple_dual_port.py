"""A memory with a port that writes and one that reads."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.gateware.primitives.block_memory import DATA_PINS, LATENCY, SIMPLE_DUAL, CellPort, dp16kd, fewest_cells
from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.primitives.target import has_ecp5_cells


class WritePort(wiring.Signature):
    """A port that writes, as seen from who writes.

    Parameters
    ----------
    address_width, width
        Bits of an address and of the data.

    Members
    -------
    address : Out(address_width)
        The row.
    data : Out(width)
        What is written.
    enable : Out(1)
        Write in this cycle.
    """

    def __init__(self, *, address_width: int, width: int) -> None:
        super().__init__({"address": Out(unsigned(address_width)), "data": Out(unsigned(width)), "enable": Out(1)})


class ReadPort(wiring.Signature):
    """A port that reads in every cycle, as seen from who reads.

    Parameters
    ----------
    address_width, width
        Bits of an address and of the data.

    Members
    -------
    address : Out(address_width)
        The row.
    data : In(width)
        The row of two cycles before, as it was then.
    """

    def __init__(self, *, address_width: int, width: int) -> None:
        super().__init__({"address": Out(unsigned(address_width)), "data": In(unsigned(width))})


class SimpleDualPort(wiring.Component):
    """A memory that is written by one port and read by another, one row a cycle each; it begins with zeros.

    A row that is read is in ``read.data`` `latency` cycles after its address.

    Undefined: what is read of a row that is written in the same cycle.

    On an ECP5 it is `cells` ``DP16KD`` side by side, with their output registers. The domain's reset reaches neither
    form.

    Parameters
    ----------
    width
        Bits of a row.
    depth
        Rows, at most 16,384.

    Members
    -------
    write : In(WritePort)
        Addresses of `depth` and more are not to be used.
    read : In(ReadPort)
        The same.

    Raises
    ------
    TypeError
        `width` or `depth` is not a positive integer.
    ValueError
        `depth` is more than an ECP5's block memory has.
    """

    def __init__(self, *, width: int, depth: int) -> None:
        self._width, self._depth = positive("width", width), positive("depth", depth)
        self._row = fewest_cells(width=width, depth=depth, shapes=SIMPLE_DUAL)
        sizes = {"address_width": self.address_width, "width": width}
        super().__init__({"write": In(WritePort(**sizes)), "read": In(ReadPort(**sizes))})

    @property
    def width(self) -> int:
        """Bits of a row."""
        return self._width

    @property
    def depth(self) -> int:
        """Rows."""
        return self._depth

    @property
    def address_width(self) -> int:
        """Bits of an address."""
        return max(1, ceil_log2(self._depth))

    @property
    def latency(self) -> int:
        """Cycles from an address to what is read."""
        return LATENCY

    @property
    def cells(self) -> int:
        """Block memories that it takes on an ECP5."""
        return self._row.cells

    def elaborate(self, platform: object) -> Module:
        """Cells side by side, or a memory and the register behind its port."""
        return self._cells() if has_ecp5_cells(platform) else self._behaviour()

    def _cells(self) -> Module:
        """Port A writes, port B reads; in the widest shape the pins of A have the low half of the data, in and out."""
        m = Module()
        shape = self._row.shape
        for number, bits in enumerate(self._row.slices()):
            data, read_data = self.write.data[bits], Signal(shape.width, name=f"read_data_{number}")
            m.d.comb += self.read.data[bits].eq(read_data)
            low, high = (read_data[:DATA_PINS], read_data[DATA_PINS:]) if shape.width > DATA_PINS else (
                read_data[:0], read_data)
            m.submodules[f"cell_{number}"] = dp16kd(
                shape,
                CellPort(address=self.write.address, write_data=data[:DATA_PINS], write_enable=self.write.enable,
                         read_data=low),
                CellPort(address=self.read.address, write_data=data[DATA_PINS:], write_enable=None, read_data=high))
        return m

    def _behaviour(self) -> Module:
        m = Module()
        m.submodules.memory = rows = memory.Memory(shape=unsigned(self._width), depth=1 << self.address_width, init=[])
        write, read = rows.write_port(), rows.read_port()
        read_data = Signal(self._width, reset_less=True)
        m.d.comb += [
            write.addr.eq(self.write.address), write.data.eq(self.write.data), write.en.eq(self.write.enable),
            read.addr.eq(self.read.address), read.en.eq(1), self.read.data.eq(read_data),
        ]
        m.d.sync += read_data.eq(read.data)
        return m
