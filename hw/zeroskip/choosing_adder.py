"""A sum with one of two values, which on an ECP5 takes no more than the carry cells of the sum."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

ADDEND_WIDTH, WIDEST = 17, 32
"""The cells' bits. yosys cuts or extends ports that do not fit, and only warns."""


class ChoosingAdder(wiring.Component):
    """``addend + values[second]``, wrapping.

    A carry cell begins with a LUT of four inputs, into which the choice fits. yosys would give it a LUT of its own, so
    that in synthesis ``choosing_adder.v`` takes the place of this component: members and their names are the same.

    Parameters
    ----------
    width
        Bits of the values and of the sum, at most ``WIDEST``; those of the addend are ``ADDEND_WIDTH``, all are signed.

    Members
    -------
    addend, values, second
        In: `values` is an array of two.
    sum
        Out.

    Raises
    ------
    ValueError
        `width` is too large.
    """

    def __init__(self, *, width: int) -> None:
        if width > WIDEST:
            raise ValueError(f"width must be at most {WIDEST}, not {width}")
        super().__init__({
            "addend": In(signed(ADDEND_WIDTH)),
            "values": In(signed(width)).array(2),
            "second": In(1),
            "sum": Out(signed(width)),
        })

    def elaborate(self, platform):
        """As it reads."""
        m = Module()
        m.d.comb += self.sum.eq(self.addend + Mux(self.second, self.values[1], self.values[0]))
        return m
