"""A component under free inputs, with what is assumed of them and what is to be proved."""

from __future__ import annotations

from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Cat, ClockDomain, Cover, Instance, Module, Shape, Signal, Value, ValueLike
from amaranth.lib import stream, wiring

CONSTANT = "any_constant"
"""Stands for yosys' `$anyconst` until its RTLIL is read: Amaranth escapes the dollar."""


class Harness:
    """Collects a component, its free inputs and its properties.

    There is no reset: registers begin as configured. The streams and pulses of the component are driven by
    :meth:`free` values, which may change in every cycle, and :meth:`constant` ones, which have any value and keep it.

    Parameters
    ----------
    reach
        Ask the opposite: that no run reaches all covers; a counterexample is such a run.
    """

    def __init__(self, *, reach: bool = False) -> None:
        self.m = Module()
        self._reach = reach
        self._seen: list[Value] = []
        self.m.domains.sync = domain = ClockDomain(reset_less=True)
        self._inputs: list[Signal] = [domain.clk]

    def free(self, name: str, shape: Any = 1) -> Signal:
        """A value that may be another in every cycle."""
        signal = Signal(shape, name=name)
        self._inputs.append(Value.cast(signal))
        return signal

    def constant(self, name: str, shape: Any = 1) -> Signal:
        """Any value, always the same."""
        signal = Signal(shape, name=name)
        width = Shape.cast(signal.shape()).width
        self.m.submodules[f"any_{name}"] = Instance(CONSTANT, p_WIDTH=width, o_Y=Value.cast(signal))
        return signal

    def past(self, value: Any, cycles: int = 1, *, init: int = 0) -> Any:
        """`value` as it was some cycles ago; `init` before there was one."""
        value = Value.cast(value)
        for _ in range(cycles):
            register = Signal.like(value, name="past", init=init)
            self.m.d.sync += register.eq(value)
            value = register
        return value

    def drive(self, component: Any, **given: ValueLike) -> None:
        """Drive every input of a component: with what is `given` by its name, else with free values."""
        for path, member, value in component.signature.flatten(component):
            name, port = "_".join(map(str, path)), Value.cast(value)
            if member.flow == wiring.In and len(port):
                self.m.d.comb += port.eq(given[name] if name in given else self.free(name, port.shape()))

    def assume(self, condition: ValueLike) -> None:
        """Hold in every cycle, as far as the proof is concerned."""
        self.m.d.comb += Assume(condition, src_loc_at=1)

    def prove(self, condition: ValueLike) -> None:
        """Hold in every cycle that can be reached."""
        if not self._reach:
            self.m.d.comb += Assert(condition, src_loc_at=1)

    def cover(self, condition: ValueLike) -> None:
        """Hold in some cycle: what is proved is not proved of nothing."""
        if not self._reach:
            self.m.d.comb += Cover(condition, src_loc_at=1)
            return
        before, seen = Signal(name="seen_before"), Signal(name="seen")
        self.m.d.comb += seen.eq(before | Value.cast(condition).any())
        self.m.d.sync += before.eq(seen)
        self._seen.append(seen)

    def keeps(self, port: stream.Interface) -> Value:
        """The rule of streams: what was offered and not taken is still offered, unchanged."""
        waited = self.past(port.valid & ~port.ready)
        payload = Value.cast(port.payload)
        return ~waited | (port.valid & (payload == self.past(payload)))

    def rtlil(self) -> str:
        """The whole as yosys reads it, module `top`."""
        if self._reach:
            self.m.d.comb += Assert(~Cat(self._seen).all())
        return rtlil.convert(self.m, name="top", ports=self._inputs, emit_src=True)
