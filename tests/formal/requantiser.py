# amaranth: UnusedElaboratable=no
"""The requantiser is the formula of the contract: whole for narrow sums, in two parts for those of the arrays."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from tests.formal.harness import Harness

from zeroskip.requantiser import FACTOR_BITS, LOW_BITS, MULTIPLIER_BITS, Requantiser

SCALE_LATENCY = 1
"""Cycles of the product."""


def formula(product: Value, shift: Value, low: Value, high: Value) -> Value:
    """``clamp((product + (1 << (shift - 1))) >> shift, low, high)``, in Python's exact integers."""
    scaled = (product + (1 << (shift - 1)[:6])) >> shift
    return Mux(scaled < low, low, Mux(scaled > high, high, scaled))[:8]


def drive(h: Harness, dut: Requantiser) -> None:
    """Inputs as the members say they must be."""
    low, high = h.constant("low", signed(9)), h.constant("high", signed(9))
    h.drive(dut, low=low, high=high)
    total = dut.acc + dut.bias
    h.assume((low >= -128) & (low <= high) & ((low >= 0) | (high < 128)))
    h.assume((dut.shift >= 1) & (dut.shift <= 40))
    h.assume(total == total[: dut.acc_width].as_signed())


def whole(h: Harness, *, acc_width: int, multiplier_bits: int = MULTIPLIER_BITS) -> None:
    """From inputs to result."""
    h.m.submodules.dut = dut = Requantiser(acc_width=acc_width)
    drive(h, dut)
    h.assume(dut.multiplier < 1 << multiplier_bits)
    total = (dut.acc + dut.bias)[:acc_width].as_signed()
    result = formula(total * dut.multiplier, dut.shift, dut.low, dut.high)
    h.prove(dut.result_valid == h.past(dut.en, dut.latency))
    h.prove(~dut.result_valid | (dut.result == h.past(result, dut.latency)))
    h.prove(dut.raw_valid == h.past(dut.en, dut.raw_latency))
    h.prove(~dut.raw_valid | (dut.raw == h.past(total, dut.raw_latency)))
    h.cover(dut.result_valid & (dut.result == 3) & (dut.low < 3) & (dut.high > 3))
    h.cover(dut.result_valid & (dut.result == dut.low[:8]) & (dut.low == -2))


class AnyProduct(Requantiser):
    """A requantiser whose product may be anything."""

    def __init__(self, *, acc_width: int) -> None:
        self.product = Signal(signed(acc_width + FACTOR_BITS), name="any_product")
        super().__init__(acc_width=acc_width)

    def _scale(self, m: Module, total: Value, factor: Value) -> Value:
        return self.product


def rounding(h: Harness, *, acc_width: int) -> None:
    """From the product, doubled where the shift is odd, to the result, at full width."""
    h.m.submodules.dut = dut = AnyProduct(acc_width=acc_width)
    drive(h, dut)
    h.m.d.comb += dut.product.eq(h.free("product", dut.product.shape()))
    before = dut.raw_latency + SCALE_LATENCY
    places = h.past(dut.shift, before, init=1)
    result = formula(dut.product, places + places[0], dut.low, dut.high)
    started = h.past(dut.en, dut.latency)
    h.prove(~started | (dut.result == h.past(result, dut.latency - before)))
    h.cover(started & (dut.result == 3) & (dut.low < 3) & (dut.high > 3))
    h.cover(started & (dut.result == dut.low[:8]) & (dut.low == -2))


def scaling(h: Harness, *, acc_width: int) -> None:
    """From sum and factor to the product, at full width.

    What is compared with are the exact products of the sum's two halves: that they make the whole product is
    the law of distribution, which solvers find hard in bits and nobody doubts.
    """
    total, factor = h.free("total", signed(acc_width)), h.free("factor", FACTOR_BITS)
    product = Requantiser(acc_width=acc_width)._scale(h.m, total, factor)
    split, positive = min(LOW_BITS, acc_width - 1), Cat(factor, 0).as_signed()
    # Cut to the bits that the factors' widths allow, since solvers take long to see that there are no more.
    high_part = (total[split:].as_signed() * positive)[: acc_width - split + FACTOR_BITS].as_signed()
    low_part = (Cat(total[:split], 0).as_signed() * positive)[: split + FACTOR_BITS]
    h.prove(product == h.past((high_part << split) + low_part, SCALE_LATENCY)[: acc_width + FACTOR_BITS].as_signed())
    h.cover(product == -6)
