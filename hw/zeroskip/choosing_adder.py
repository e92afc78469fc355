"""A sum with one of two values, which on an ECP5 takes no more than the carry cells of the sum."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class ChoosingAdder(wiring.Component):
    """``addend + values[second]``, wrapping.

    A carry cell begins with a LUT of four inputs, into which the choice fits. yosys would give it a LUT of its own, so
    that in synthesis ``choosing_adder.v`` takes the place of this component: members and their names are the same.

    Parameters
    ----------
    addend_width, width
        Bits of the addend, at most those of the values and the sum; all are signed.

    Members
    -------
    addend, values, second
        In: `values` is an array of two.
    sum
        Out.
    """

    def __init__(self, *, addend_width: int, width: int) -> None:
        super().__init__({
            "addend": In(signed(addend_width)),
            "values": In(signed(width)).array(2),
            "second": In(1),
            "sum": Out(signed(width)),
        })

    def elaborate(self, platform):
        """As it reads."""
        m = Module()
        m.d.comb += self.sum.eq(self.addend + Mux(self.second, self.values[1], self.values[0]))
        return m
