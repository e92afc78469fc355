"""A register that sums products, beginning with a bias."""

from __future__ import annotations

from amaranth.hdl import Const, Instance, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.primitives.target import has_ecp5_cells


class Accumulator(wiring.Component):
    """``acc = product + (bias if first else acc)``, one product a cycle, `latency` cycles after it; it wraps.

    The domain's reset does not reach the register: it begins with 0, and a sum begins with `first`.

    On an ECP5 the choice between `bias` and `acc` is in the carry cells of the sum, of which there are
    ``acc_width / 2``; yosys would give it a LUT for each bit. As for any sum, nextpnr adds a cell at either end.

    Parameters
    ----------
    acc_width
        Bits of the sum and of the bias; even, for a carry cell has two.
    product_width
        Bits of a product, at most `acc_width`.

    Members
    -------
    product : In(signed(product_width))
        What is added.
    bias : In(signed(acc_width))
        What it is added to, if `first` is high.
    first : In(1)
        A sum begins.
    en : In(1)
        If low, `acc` holds.
    acc : Out(signed(acc_width))
        The sum.
    negative : Out(1)
        Whether the sum would be negative after this product; at once.

    Raises
    ------
    TypeError
        A width is not a positive integer.
    ValueError
        `acc_width` is odd, or less than `product_width`.
    """

    def __init__(self, *, acc_width: int, product_width: int) -> None:
        if positive("acc_width", acc_width) % 2:
            raise ValueError(f"acc_width must be even, not {acc_width}")
        if positive("product_width", product_width) > acc_width:
            raise ValueError(f"product_width must be at most acc_width, {acc_width}, not {product_width}")
        self._acc_width, self._product_width = acc_width, product_width
        super().__init__({
            "product": In(signed(product_width)),
            "bias": In(signed(acc_width)),
            "first": In(1),
            "en": In(1),
            "acc": Out(signed(acc_width)),
            "negative": Out(1),
        })

    @property
    def acc_width(self) -> int:
        """Bits of the sum and of the bias."""
        return self._acc_width

    @property
    def product_width(self) -> int:
        """Bits of a product."""
        return self._product_width

    @property
    def latency(self) -> int:
        """Cycles from a product to the sum that has it."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """A register behind the sum."""
        m = Module()
        register = Signal(signed(self._acc_width), reset_less=True)
        total = Signal(signed(self._acc_width))
        if has_ecp5_cells(platform):
            self._add_carry_cells(m, register, total)
        else:
            m.d.comb += total.eq(self.product + Mux(self.first, self.bias, register))
        with m.If(self.en):
            m.d.sync += register.eq(total)
        m.d.comb += [self.acc.eq(register), self.negative.eq(total[-1])]
        return m

    def _add_carry_cells(self, m: Module, register: Signal, total: Signal) -> None:
        carry = Signal(self._acc_width // 2 + 1)
        m.d.comb += carry[0].eq(0)
        for number in range(self._acc_width // 2):
            pins: dict[str, Value] = {}
            for half, index in enumerate((2 * number, 2 * number + 1)):
                pins |= {
                    f"i_A{half}": self.product[min(index, self._product_width - 1)], f"i_B{half}": self.bias[index],
                    f"i_C{half}": self.first, f"i_D{half}": register[index], f"o_S{half}": total[index],
                }
            m.submodules[f"pair_{number}"] = Instance(
                "CCU2C", p_INIT0=Const(PROPAGATE, 16), p_INIT1=Const(PROPAGATE, 16), p_INJECT1_0="NO",
                p_INJECT1_1="NO", i_CIN=carry[number], o_COUT=carry[number + 1], **pins)


def _propagate_table() -> int:
    """A carry cell's table, whose inputs A, B, C, D are a product's bit, the bias', `first` and the sum's.

    It says whether the two addends' bits differ: then the cell passes its carry on. If they are equal, the carry is
    what the four lowest entries (C and D low) say of A and B alone: here A, which is either addend's bit.
    """
    table = 0
    for entry in range(16):
        a, b, c, d = (entry >> bit & 1 for bit in range(4))
        table |= (a ^ (b if c else d)) << entry
    return table


PROPAGATE = _propagate_table()
