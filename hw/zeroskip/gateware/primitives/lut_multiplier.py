"""A multiplier of unsigned numbers that is made of carry cells."""

from __future__ import annotations

from amaranth.hdl import Const, Instance, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

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
        carry = Signal(-(-len(row) // 2) + 1, name=f"{row.name}_carry")
        zero = Const(0, 1)
        m.d.comb += carry[0].eq(0)
        for number in range(len(carry) - 1):
            pins: dict[str, Value] = {}
            for half, index in enumerate((2 * number, 2 * number + 1)):
                pins |= {
                    f"i_A{half}": self.b[index] if index < len(self.b) else zero, f"i_B{half}": low,
                    f"i_C{half}": self.b[index - 1] if 0 < index <= len(self.b) else zero, f"i_D{half}": high,
                    f"o_S{half}": row[index] if index < len(row) else Signal(name=f"{row.name}_unused"),
                }
            m.submodules[f"{row.name}_{number}"] = Instance(
                "CCU2C", p_INIT0=Const(PROPAGATE, 16), p_INIT1=Const(PROPAGATE, 16), p_INJECT1_0="NO",
                p_INJECT1_1="NO", i_CIN=carry[number], o_COUT=carry[number + 1], **pins)


def _propagate_table() -> int:
    """A carry cell's table: whether A and B, and C and D, differ as the bits that are added up.

    If they are equal the carry is what the four lowest entries (C and D low) say of A and B alone: A and B, which is
    either addend's bit.
    """
    table = 0
    for entry in range(16):
        a, b, c, d = (entry >> bit & 1 for bit in range(4))
        table |= ((a & b) ^ (c & d)) << entry
    return table


PROPAGATE = _propagate_table()
