"""Structures of Amaranth from the fields of a program's words, and small pieces that all parts use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Const, Module, ShapeLike, Signal, Value, signed
from amaranth.lib import data

from zeroskip.spec.fields import Fields


def struct_of(fields: Fields) -> data.StructLayout:
    """The layout of a word with these fields, the first in its lowest bits."""
    return data.StructLayout({name: signed(width) if name in fields.signed else width
                              for name, width in fields.widths.items() if width})


def view(fields: Fields, word: Value) -> data.View:
    """A word's fields; `word` may have more bits."""
    return data.View(struct_of(fields), word[:fields.bits])


def register(shape: ShapeLike = 1, **more: Any) -> Signal:
    """A signal for what is under way, which no reset reaches: a net to all of these would be the largest of the chip.

    A reset lasts until all that is under way has gone (`zeroskip.spec.timing.FLUSH`).
    """
    return Signal(shape, reset_less=True, src_loc_at=1, **more)


def delay(m: Module, value: Value, cycles: int, name: str) -> Value:
    """The value `cycles` cycles later, in registers with that name, which no reset reaches."""
    for cycle in range(cycles):
        later = Signal.like(value, name=f"{name}_{cycle + 1}", reset_less=True)
        m.d.sync += later.eq(value)
        value = later
    return value


def any_of(values: Sequence[Value]) -> Value:
    """The bitwise OR of all."""
    total: Value = Const(0, 1)
    for value in values:
        total = total | value
    return total
