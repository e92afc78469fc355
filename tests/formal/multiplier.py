"""The zero-skip multiplier is ``a * b``, and holds its operands where one is zero."""

from __future__ import annotations

from amaranth.hdl import Mux
from tests.formal.harness import Harness

from cosim.energy.zero_skip_multiplier import ZeroSkipMultiplier


def multiplier(h: Harness, *, a_width: int, b_width: int, gate: bool = True, told: bool = False) -> None:
    """Product, flags and held registers, against the operands of `latency` cycles before.

    With `told` an operand counts as zero where that is told, whatever it is; then the product is zero.
    """
    h.m.submodules.dut = dut = ZeroSkipMultiplier(a_width=a_width, b_width=b_width, gate=gate, told=told)
    h.drive(dut)
    a, b, en = (h.past(value) for value in (dut.a, dut.b, dut.en))
    is_zero = h.past(dut.a_zero | dut.b_zero) if told else ((a == 0) | (b == 0)) & h.past(dut.gating)
    zero = en & is_zero & gate
    a_held, b_held = dut.held
    loads = (a_held == a) & (b_held == b)
    h.prove(Mux(en & ~zero if gate else 1, loads, (a_held == h.past(a_held)) & (b_held == h.past(b_held))))
    h.prove(dut.product == Mux(h.past(en & ~zero), h.past(a * b), 0))
    h.prove(dut.gated == h.past(zero))
    h.prove(dut.zero == ~h.past(en & ~zero))
    if not told:
        h.prove(dut.product == Mux(h.past(en), h.past(a * b), 0))
    if gate:
        h.cover(dut.gated & h.past(dut.product == -6))
    h.cover(dut.product == -6)
