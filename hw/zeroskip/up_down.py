"""Counting up and down at once, by one adder."""

from __future__ import annotations

from amaranth.hdl import Cat, Value


def up_down(count: Value, up: Value, down: Value) -> Value:
    """``count + up - down`` for two bits, as wide as `count`; written so, yosys would take two chains of carries."""
    return (count + Cat(up ^ down, (down & ~up).replicate(len(count) - 1)))[: len(count)]
