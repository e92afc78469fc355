"""A memory with two ports that read and write."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.gateware.primitives.block_memory import LATENCY, TRUE_DUAL, CellPort, dp16kd, fewest_cells
from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.primitives.target import has_ecp5_cells


class ReadWritePort(wiring.Signature):
    """A port that reads or writes in each cycle, as seen from who uses it.

    Parameters
    ----------
    address_width, width
        Bits of an address and of the data.

    Members
    -------
    address : Out(address_width)
        The row.
    write_data : Out(width)
        What is written, if `write_enable` is high.
    write_enable : Out(1)
        Write instead of read.
    read_data : In(width)
        The row of two cycles before, as it was then.
    """

    def __init__(self, *, address_width: int, width: int) -> None:
        super().__init__({
            "address": Out(unsigned(address_width)),
            "write_data": Out(unsigned(width)),
            "write_enable": Out(1),
            "read_data": In(unsigned(width)),
        })


class TrueDualPort(wiring.Component):
    """A memory with two ports, each of which reads or writes one row a cycle; it begins with zeros.

    A row that is read is in `read_data` `latency` cycles after its address. In the cycle in which a port shows what it
    read while it wrote, `read_data` is unspecified; here it is what it was a cycle before, as in an ECP5's
    ``WRITEMODE`` ``NORMAL``, so that simulation equals the netlist.

    Undefined: what is read, or left in the memory, if one port writes the row that the other reads or writes in the
    same cycle.

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
    a, b : In(ReadWritePort)
        The ports. Addresses of `depth` and more are not to be used.

    Raises
    ------
    TypeError
        `width` or `depth` is not a positive integer.
    ValueError
        `depth` is more than an ECP5's block memory has.
    """

    def __init__(self, *, width: int, depth: int) -> None:
        self._width, self._depth = positive("width", width), positive("depth", depth)
        self._row = fewest_cells(width=width, depth=depth, shapes=TRUE_DUAL)
        port = ReadWritePort(address_width=self.address_width, width=width)
        super().__init__({"a": In(port), "b": In(port)})

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
        """Cells side by side, or a memory and the registers behind its ports."""
        return self._cells() if has_ecp5_cells(platform) else self._behaviour()

    def _cells(self) -> Module:
        m = Module()
        for number, bits in enumerate(self._row.slices()):
            ports = []
            for name, port in (("a", self.a), ("b", self.b)):
                read_data = Signal(bits.stop - bits.start, name=f"{name}_read_data_{number}")
                m.d.comb += port.read_data[bits].eq(read_data)
                ports.append(CellPort(address=port.address, write_data=port.write_data[bits],
                                      write_enable=port.write_enable, read_data=read_data))
            m.submodules[f"cell_{number}"] = dp16kd(self._row.shape, *ports)
        return m

    def _behaviour(self) -> Module:
        m = Module()
        m.submodules.memory = rows = memory.Memory(shape=unsigned(self._width), depth=1 << self.address_width, init=[])
        for name, port in (("a", self.a), ("b", self.b)):
            read, write = rows.read_port(), rows.write_port()
            read_data = Signal(self._width, name=f"{name}_read_data", reset_less=True)
            m.d.comb += [
                write.addr.eq(port.address), write.data.eq(port.write_data), write.en.eq(port.write_enable),
                read.addr.eq(port.address), read.en.eq(~port.write_enable), port.read_data.eq(read_data),
            ]
            m.d.sync += read_data.eq(read.data)
        return m
