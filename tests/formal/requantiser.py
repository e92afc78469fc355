# amaranth: UnusedElaboratable=no
"""The requantiser is the formula of the contract, in both roundings: whole for narrow sums, wide ones in two parts."""

from __future__ import annotations

from unittest.mock import patch

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from tests.formal.harness import Harness

import zeroskip.gateware.lane.requantiser
from zeroskip.gateware.lane.requantiser import FACTOR_BITS, HIGH_BITS, LOW_BITS, Requantiser

SCALE_LATENCY = 1
"""Cycles of the product."""
BEFORE_SCALING = 1
"""Cycles from the inputs to sum and factor."""
MOST_SHIFT = 40
LEAST_WIDTH = 18
"""The narrowest sum that a requantiser takes."""


def formula(product: Value, shift: Value, low: Value, high: Value, even: Value) -> Value:
    """``clamp((product + (1 << (shift - 1))) >> shift, low, high)``, in Python's exact integers; a tie to even."""
    half = 1 << (shift - 1)[:6]
    scaled = (product + half) >> shift
    tie = (product & ((1 << shift) - 1)) == half
    scaled = scaled - (even & tie & scaled[0])
    return Mux(scaled < low, low, Mux(scaled > high, high, scaled))[:8]


def drive(h: Harness, dut: Requantiser, **given: Value) -> None:
    """Inputs as the members say they must be."""
    low, high, even = h.constant("low", signed(9)), h.constant("high", signed(9)), h.constant("even")
    h.drive(dut, low=low, high=high, rounding_even=even, **given)
    h.assume((low >= -128) & (low <= high) & ((low >= 0) | (high < 128)))
    h.assume((dut.shift >= 1) & (dut.shift <= MOST_SHIFT))


def whole(h: Harness, *, acc_bits: int, multiplier_bits: int, low_bits: int) -> None:
    """From inputs to result, for sums and multipliers of few bits, and as many low ones in the second product."""
    dut = Requantiser(acc_width=LEAST_WIDTH)
    dut._acc_width = acc_bits  # narrower than a requantiser takes
    with patch.object(zeroskip.gateware.lane.requantiser, "LOW_BITS", low_bits):
        h.m.submodules.dut = dut.elaborate(None)
    acc, multiplier = h.free("acc", signed(acc_bits)), h.free("multiplier", multiplier_bits)
    drive(h, dut, acc=acc, multiplier=multiplier)
    result = formula(acc * multiplier, dut.shift, dut.low, dut.high, dut.rounding_even)
    began = h.past(1, dut.latency)
    h.prove(~began | (dut.result == h.past(result, dut.latency)))
    h.cover(began & (dut.result == 3) & (dut.low < 3) & (dut.high > 3))
    h.cover(began & (dut.result == dut.low[:8]) & (dut.low == -2))


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
    before = BEFORE_SCALING + SCALE_LATENCY
    places = h.past(dut.shift, before, init=1)
    result = formula(dut.product, places + places[0], dut.low, dut.high, dut.rounding_even)
    began = h.past(1, dut.latency)
    h.prove(~began | (dut.result == h.past(result, dut.latency - before)))
    h.cover(began & (dut.result == 3) & (dut.low < 3) & (dut.high > 3))
    h.cover(began & (dut.result == dut.low[:8]) & (dut.low == -2))
    h.cover(began & (dut.result == 2) & dut.rounding_even & (h.past(places, dut.latency - before) == 4)
            & (h.past(dut.product, dut.latency - before) == 40))


def scaling(h: Harness, *, acc_width: int, lean: bool = False) -> None:
    """From sum and factor to the product, at full width.

    What is compared with are the exact products of the sum's two halves: that they make the whole product is
    the law of distribution, which solvers find hard in bits and nobody doubts.
    """
    total, factor = h.free("total", signed(acc_width)), h.free("factor", FACTOR_BITS)
    product = Requantiser(acc_width=acc_width, lean=lean)._scale(h.m, total, factor)
    split = acc_width - HIGH_BITS if lean else min(LOW_BITS, acc_width - 1)
    positive = Cat(factor, 0).as_signed()
    # Cut to the bits that the factors' widths allow, since solvers take long to see that there are no more.
    high_part = (total[split:].as_signed() * positive)[: acc_width - split + FACTOR_BITS].as_signed()
    low_part = (Cat(total[:split], 0).as_signed() * positive)[: split + FACTOR_BITS]
    h.prove(product == h.past((high_part << split) + low_part, SCALE_LATENCY)[: acc_width + FACTOR_BITS].as_signed())
    h.cover(product == -6)
