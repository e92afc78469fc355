"""A choice that takes no logic in front of its registers."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Value

from zeroskip.gateware.structs import any_of, register


def pick(m: Module, values: Sequence[Value], flags: Sequence[Value], name: str, *, enable: Value | int = 1
         ) -> Value:
    """Of `values` the one whose flag is high, one cycle later; zeros if none is.

    Each value has a register that is zero unless its flag is high: that is the register's own reset, which costs
    nothing, so that an OR remains, a LUT for three bits. A multiplexer takes one for each bit.

    Parameters
    ----------
    m
        The module in which the registers are.
    values, flags
        As many of the one as of the other; at most one flag is high.
    enable
        Whether one is chosen in this cycle; else the one before stays.
    name
        Of the registers.
    """
    picked: list[Value] = []
    for number, (value, flag) in enumerate(zip(values, flags, strict=True)):
        picked.append(register(len(value), name=f"{name}_{number}"))
        with m.If(enable):
            m.d.sync += picked[-1].eq(Mux(flag, value, 0))
    return any_of(picked)
