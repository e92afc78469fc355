"""The block memory of an ECP5: in which widths it can be used, and its pins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Value
from amaranth.utils import ceil_log2

ADDRESS_PINS, DATA_PINS = 14, 18
"""Of each of a cell's two ports."""
LATENCY = 2
"""Cycles from address to data: the memory, and the cell's output register."""


@dataclass(frozen=True, kw_only=True)
class CellShape:
    """A width in which a ``DP16KD`` can be used, and its rows.

    Up to four bits wide a cell has no parity bits: 16 kbit; above 18 kbit.
    """

    width: int
    rows: int

    @property
    def unused_address_pins(self) -> int:
        """How many of the lowest address pins do not address a row."""
        return ADDRESS_PINS - ceil_log2(self.rows)

    @property
    def byte_enables(self) -> int:
        """How many of the lowest address pins enable bytes of nine bits for writing."""
        return self.width // 9 if self.width > 9 else 0


TRUE_DUAL = tuple(CellShape(width=width, rows=rows) for width, rows in (
    (1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024)))
"""Shapes in which both ports read and write."""
SIMPLE_DUAL = (*TRUE_DUAL, CellShape(width=36, rows=512))
"""Shapes in which port A writes and port B reads; with 36 bits the pins for data of both ports are one port's."""


@dataclass(frozen=True, kw_only=True)
class CellRow:
    """Cells side by side, which have the same address: a memory of `width` bits."""

    width: int
    shape: CellShape

    @property
    def cells(self) -> int:
        """How many there are."""
        return -(-self.width // self.shape.width)

    def slices(self) -> list[slice]:
        """Bits of the memory's width in each cell."""
        step = self.shape.width
        return [slice(low, min(low + step, self.width)) for low in range(0, self.width, step)]


def fewest_cells(*, width: int, depth: int, shapes: Iterable[CellShape]) -> CellRow:
    """The fewest cells side by side that hold `depth` rows of `width` bits; of equally few the narrowest.

    >>> row = fewest_cells(width=54, depth=2048, shapes=SIMPLE_DUAL)
    >>> row.cells, row.shape.width
    (6, 9)

    Raises
    ------
    ValueError
        `depth` is more than the rows of any shape.
    """
    shapes = tuple(shapes)
    fitting = [CellRow(width=width, shape=shape) for shape in shapes if shape.rows >= depth]
    if not fitting:
        raise ValueError(f"depth must be at most {max(shape.rows for shape in shapes)}, not {depth}")
    return min(fitting, key=lambda row: (row.cells, row.shape.width))


@dataclass(frozen=True, kw_only=True)
class CellPort:
    """What a port of a cell is connected to; data may have fewer bits than there are pins.

    `write_enable` is None at a port that only reads.
    """

    address: Value
    write_data: Value
    write_enable: Value | None
    read_data: Value


def dp16kd(shape: CellShape, port_a: CellPort, port_b: CellPort) -> Instance:
    """A cell with both output registers on, whose ports' outputs hold while they write."""
    pins = _port_pins(shape, "A", port_a) | _port_pins(shape, "B", port_b)
    return Instance("DP16KD", p_RESETMODE="SYNC", p_GSR="DISABLED", **pins)


def _port_pins(shape: CellShape, name: str, port: CellPort) -> dict[str, object]:
    enable, byte_enable = _write_pins(shape, port)
    low = Cat(byte_enable.replicate(shape.byte_enables), Const(0, shape.unused_address_pins - shape.byte_enables))
    address = Cat(low, port.address, Const(0, ADDRESS_PINS))[:ADDRESS_PINS]  # a short address is extended by zeros
    data = Cat(port.write_data, Const(0, DATA_PINS))[:DATA_PINS]
    return {
        **{f"i_AD{name}{index}": address[index] for index in range(ADDRESS_PINS)},
        **{f"i_DI{name}{index}": data[index] for index in range(DATA_PINS)},
        **{f"o_DO{name}{index}": port.read_data[index] for index in range(len(port.read_data))},
        **{f"i_CS{name}{index}": Const(0, 1) for index in range(3)},
        f"i_CLK{name}": ClockSignal(), f"i_WE{name}": enable, f"i_RST{name}": Const(0, 1),
        f"i_CE{name}": Const(1, 1), f"i_OCE{name}": Const(1, 1), f"p_CLK{name}MUX": f"CLK{name}",
        f"p_DATA_WIDTH_{name}": shape.width, f"p_REGMODE_{name}": "OUTREG", f"p_WRITEMODE_{name}": "NORMAL",
        f"p_CSDECODE_{name}": "0b000",
    }


def _write_pins(shape: CellShape, port: CellPort) -> tuple[Value, Value]:
    """What a port's pin for writing and its pins for bytes are connected to.

    With 36 bits the cell is what Lattice calls ``PDPW16KD``, which has no pin for writing: nextpnr does not configure
    it then, and a row might be written in every cycle. The bytes' pins enable instead, as in yosys' own map.
    """
    if port.write_enable is None:
        return Const(0, 1), Const(0, 1)
    if shape.width > DATA_PINS:
        return Const(1, 1), port.write_enable
    return port.write_enable, Const(1, 1)
