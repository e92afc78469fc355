"""A multiplier of unsigned numbers that is made of carry cells."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.carry_chain import add_carry_cells, propagate_table
from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.primitives.target import has_ecp5_cells


class LutMultiplier(wiring.Component):
    """``product = a * b``, one product a cycle, `latency` cycle after its operands, for a narrow `a`.

    Two bits of `a` at a time choose among `b`, twice `b`, both and none, which on an ECP5 takes no more than the carry
    cells that add them up; pairs of these are summed before the registers, and the rest behind them.

    Parameters
    ----------
    a_width, b_width
        Bits of the operands.

    Members
    -------
    a, b : In(a_width), In(b_width)
        The operands.
    product : Out(a_width + b_width)
        The product of the operands of `latency` cycles before.

    Raises
    ------
    TypeError
        A width is not a positive integer.
    """

    def __init__(self, *, a_width: int, b_width: int) -> None:
        a, b = positive("a_width", a_width), positive("b_width", b_width)
        super().__init__({"a": In(a), "b": In(b), "product": Out(a + b)})

    @property
    def latency(self) -> int:
        """Cycles from operands to `product`."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """Rows of two bits, sums of two rows in registers, and the sum of these."""
        m = Module()
        of_two = self._cells if has_ecp5_cells(platform) else self._behaviour
        rows = []
        for at in range(0, len(self.a), 2):
            row = Signal(len(self.b) + 2, name=f"row_{at}")
            of_two(m, row, self.a[at], self.a[at + 1] if at + 1 < len(self.a) else Const(0, 1))
            rows.append(row)
        total: Value = Const(0)
        for at in range(0, len(rows), 2):
            part = Signal(len(self.b) + 4, name=f"part_{at}", reset_less=True)
            m.d.sync += part.eq(rows[at] + (rows[at + 1] << 2 if at + 1 < len(rows) else 0))
            total = total + (part << 2 * at)
        m.d.comb += self.product.eq(total)
        return m

    def _behaviour(self, m: Module, row: Signal, low: Value, high: Value) -> None:
        m.d.comb += row.eq(low * self.b + (high * self.b << 1))

    def _cells(self, m: Module, row: Signal, low: Value, high: Value) -> None:
        """Inputs A and B of a carry cell are a bit of `b` and whether it counts; C and D likewise of twice `b`."""
        zero = Const(0, 1)
        places = [(self.b[index] if index < len(self.b) else zero, low,
                   self.b[index - 1] if 0 < index <= len(self.b) else zero, high,
                   row[index] if index < len(row) else Signal(name=f"{row.name}_unused"))
                  for index in range(len(row) + len(row) % 2)]
        add_carry_cells(m, PROPAGATE, places, row.name, Signal(len(places) // 2 + 1, name=f"{row.name}_carry"))


PROPAGATE = propagate_table(lambda a, b, c, d: (a & b, c & d))
"""Of a carry cell whose addends are A where B is high, and C where D is."""
