"""The zero-skip multiplier is ``a * b``, and holds where an operand is zero."""

from __future__ import annotations

from amaranth.hdl import Mux
from tests.formal.harness import Harness

from zeroskip.multiplier import ZeroSkipMultiplier


def multiplier(h: Harness, *, a_width: int, b_width: int, gate: bool = True) -> None:
    """Product, flags and held registers, against the operands of `latency` cycles before."""
    h.m.submodules.dut = dut = ZeroSkipMultiplier(a_width=a_width, b_width=b_width, gate=gate)
    h.drive(dut)
    a, b, en, gating = (h.past(value) for value in (dut.a, dut.b, dut.en, dut.gating))
    zero = en & ((a == 0) | (b == 0)) & (gating if gate else 0)
    a_held, b_held = dut.held
    loads = (a_held == a) & (b_held == b)
    h.prove(Mux(en & ~zero if gate else 1, loads, (a_held == h.past(a_held)) & (b_held == h.past(b_held))))
    h.prove(dut.product == Mux(h.past(en), h.past(a * b), 0))
    h.prove(dut.gated == h.past(zero))
    h.prove(dut.zero | (dut.raw == dut.product))
    if gate:
        h.prove(~dut.zero | (dut.raw == h.past(dut.raw)))
        h.cover(dut.gated & (dut.raw == -6))
    h.cover(dut.product == -6)
