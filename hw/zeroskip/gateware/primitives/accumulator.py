"""A register that sums products, beginning with a bias."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.carry_chain import add_carry_cells, propagate_table
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
        places = [(self.product[min(index, self._product_width - 1)], self.bias[index], self.first, register[index],
                   total[index]) for index in range(self._acc_width)]
        add_carry_cells(m, PROPAGATE, places, "pair", Signal(self._acc_width // 2 + 1, name="carry"))


PROPAGATE = propagate_table(lambda product, bias, first, own: (product, bias if first else own))
"""Of a carry cell whose inputs are a product's bit, the bias', `first` and the sum's."""
