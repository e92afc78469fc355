"""The lowest bit of a mask that is set, by nibbles: few levels of four-input LUTs, and no carry chain."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Mux, Signal, Value

NIBBLE = 4


class Lowest:
    """Of a mask of 4, 8, 16, ... bits: which is the lowest, what is left without it, and whether nothing is.

    Attributes
    ----------
    index
        Number of the lowest bit that is set; where none is, anything.
    rest
        The mask without it.
    last
        No other bit is set; where none is, anything.
    """

    def __init__(self, m, mask: Value, name: str) -> None:
        nibbles = [mask.word_select(at, NIBBLE) for at in range(len(mask) // NIBBLE)]
        some = Signal(len(nibbles), name=f"{name}_some")
        chosen, high = Signal(NIBBLE, name=f"{name}_chosen"), Signal(range(len(nibbles)), name=f"{name}_high")
        m.d.comb += [some.eq(Cat(nibble.any() for nibble in nibbles)), high.eq(_first(some)),
                     chosen.eq(Array(nibbles)[high])]
        self.index = Cat(_first(chosen), high)
        self.last = _single(some) & _single(chosen)
        rest = []
        for at, nibble in enumerate(nibbles):
            here = some[at] & ~some[:at].any() if at else some[0]
            rest += [bit & (~here | nibble[:place].any() if place else ~here) for place, bit in enumerate(nibble)]
        self.rest = Cat(rest)


def _first(mask: Value) -> Value:
    """Number of the lowest bit that is set; of none the last one's."""
    found: Value | int = len(mask) - 1
    for bit in reversed(range(len(mask) - 1)):
        found = Mux(mask[bit], bit, found)
    return Value.cast(found)[: (len(mask) - 1).bit_length()]


def _single(mask: Value) -> Value:
    """At most one bit is set."""
    return ~Cat(mask[bit] & mask[:bit].any() for bit in range(1, len(mask))).any()
