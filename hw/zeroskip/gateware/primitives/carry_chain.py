"""Sums of two addends that carry cells of an ECP5 choose themselves, from four bits a place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth.hdl import Const, Instance, Module, Signal, Value, ValueLike

Pins = tuple[ValueLike, ValueLike, ValueLike, ValueLike, Value]
"""Of a place of the sum: the inputs A, B, C, D, and the sum's bit."""


def propagate_table(addends: Callable[[int, int, int, int], tuple[int, int]]) -> int:
    """What a carry cell's table must be for the sum of the two bits that `addends` makes of A, B, C, D.

    The table says whether the bits differ: then the cell passes its carry on. If they are equal, the carry is what the
    four lowest entries (C and D low) say of A and B alone.

    Raises
    ------
    ValueError
        Those entries do not say either addend's bit wherever both are equal: such a sum does not fit the cell.
    """
    table = 0
    for entry in range(16):
        one, other = addends(*(entry >> bit & 1 for bit in range(4)))
        table |= (one ^ other) << entry
    for entry in range(16):
        one, other = addends(*(entry >> bit & 1 for bit in range(4)))
        if one == other and table >> (entry & 3) & 1 != one:
            raise ValueError("the carry of these addends does not follow from A and B")
    return table


def add_carry_cells(m: Module, table: int, places: Sequence[Pins], name: str, carry: Signal) -> None:
    """Add the cells of a sum, two places to each, named `name` and a number.

    Parameters
    ----------
    m
        Where they are added.
    table
        See `propagate_table`.
    places
        Of the sum, from the lowest bit on; an even number.
    name
        Of the cells.
    carry
        A bit more than there are cells; this drives it.
    """
    m.d.comb += carry[0].eq(0)
    for number in range(len(places) // 2):
        pins: dict[str, ValueLike] = {}
        for half, (a, b, c, d, total) in enumerate(places[2 * number : 2 * number + 2]):
            pins |= {f"i_A{half}": a, f"i_B{half}": b, f"i_C{half}": c, f"i_D{half}": d, f"o_S{half}": total}
        m.submodules[f"{name}_{number}"] = Instance(
            "CCU2C", p_INIT0=Const(table, 16), p_INIT1=Const(table, 16), p_INJECT1_0="NO", p_INJECT1_1="NO",
            i_CIN=carry[number], o_COUT=carry[number + 1], **pins)
