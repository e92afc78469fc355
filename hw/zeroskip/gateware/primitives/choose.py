"""A multiplexer of many values, made for LUTs of four inputs."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Mux, Signal, Value, ValueLike


def choose(m: Module, values: Sequence[ValueLike], index: Value) -> Value:
    """``values[index]``, by two LUTs a bit for every four values, where yosys by itself takes three.

    Beyond the last value there may be anything.

    Parameters
    ----------
    m
        The module in which the multiplexer is.
    values
        At least one; the result is as wide as the widest.
    index
        As many bits as the values need, or more.
    """
    if len(values) <= 2:
        return Value.cast(values[0]) if len(values) == 1 else Mux(index[0], values[1], values[0])
    width = max(len(Value.cast(value)) for value in values)
    fours = [_of_four(m, values[at : at + 4], index, width) for at in range(0, len(values), 4)]
    return choose(m, fours, index[2:])


def _of_four(m: Module, values: Sequence[ValueLike], index: Value, width: int) -> Value:
    """The first LUT chooses from the first two values, or tells the second one which of the last two it is."""
    if len(values) <= 2:
        return choose(m, values, index)
    a, b, c, d = [Value.cast(value) for value in (*values, Const(0, width))[:4]]
    first = Signal(width, name="first", attrs={"keep": 1})  # yosys would find three LUTs again
    high = index[1].replicate(width)
    m.d.comb += first.eq(Mux(index[1], index[0].replicate(width), Mux(index[0], b, a)))
    return (first & (~high | d)) | (~first & high & c)
