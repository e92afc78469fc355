"""From an exact sum to an 8-bit activation, one rounding, bit for bit as the integer reference."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.multiplier import positive

MULTIPLIER_BITS = 16
BIAS_BITS = 32
SHIFT_BITS = 6
RAW_BITS = 32
LOW_BITS = 17
"""Low bits of the sum that one 18x18 multiplier takes as an unsigned number."""
ROUNDED_BITS = 10
"""Bits before the last halving: wide enough for -257..510, which saturate or not exactly as wider ones."""


class Requantiser(wiring.Component):
    """``clamp(((acc + bias) * multiplier + (1 << (shift - 1))) >> shift, low, high)``, exact.

    One value a cycle, `latency` cycles later; never stalls (who feeds it keeps room for what is under way).
    The rounded shift is a shift by ``shift - 1``, plus one, halved. The shift goes by powers of two from the largest
    on, and after each only those bits are kept that later ones can bring into the result, with a flag for overflow.

    Parameters
    ----------
    acc_width
        Bits of the sum, 2..32. ``acc + bias`` must fit it, too.

    Members
    -------
    en : In(1)
    acc : In(signed(acc_width))
    bias : In(signed(32))
    multiplier : In(16)
    shift : In(6)
        1..40.
    low, high : In(signed(9))
        Not pipelined: to be constant while values are under way.
    raw : Out(signed(32))
        ``acc + bias``, `raw_latency` cycles after `en`; stays until the next `en`.
    raw_valid : Out(1)
    result : Out(8)
        The code, as int8 or uint8.
    result_valid : Out(1)

    Raises
    ------
    TypeError
        `acc_width` is not a positive integer.
    ValueError
        `acc_width` out of range.

    """

    def __init__(self, *, acc_width: int) -> None:
        self._acc_width = positive("acc_width", acc_width)
        if not 2 <= acc_width <= RAW_BITS:
            raise ValueError(f"acc_width must be in 2..{RAW_BITS}, not {acc_width}")
        super().__init__({
            "en": In(1),
            "acc": In(signed(acc_width)),
            "bias": In(signed(BIAS_BITS)),
            "multiplier": In(MULTIPLIER_BITS),
            "shift": In(SHIFT_BITS),
            "low": In(signed(9)),
            "high": In(signed(9)),
            "raw": Out(signed(RAW_BITS)),
            "raw_valid": Out(1),
            "result": Out(8),
            "result_valid": Out(1),
        })

    @property
    def acc_width(self) -> int:
        """Bits of the sum."""
        return self._acc_width

    @property
    def raw_latency(self) -> int:
        """Cycles from `en` to `raw_valid`."""
        return 1

    @property
    def latency(self) -> int:
        """Cycles from `en` to `result_valid`."""
        return 8

    def _scale(self, m: Module, total: Value, multiplier: Value) -> Value:
        """``total * multiplier`` in two cycles, by two products of at most 18 x 18 bits."""
        width, split = self._acc_width + MULTIPLIER_BITS, min(LOW_BITS, self._acc_width - 1)
        high_part = Signal(signed(width), name="product_high")
        low_part = Signal(split + MULTIPLIER_BITS, name="product_low")
        product = Signal(signed(width), name="product")
        factor = Cat(multiplier, 0).as_signed()
        m.d.sync += [
            high_part.eq((total >> split) * factor),
            low_part.eq(Cat(total[:split], 0).as_signed() * factor),
            product.eq((high_part << split) + low_part),
        ]
        return product

    def elaborate(self, platform: object) -> Module:
        """Sum, product, three stages of shifts, rounding, clamp."""
        m = Module()
        total = Signal(signed(self._acc_width))
        multiplier = Signal(MULTIPLIER_BITS, name="multiplier_1")
        with m.If(self.en):
            m.d.sync += [total.eq(self.acc + self.bias), multiplier.eq(self.multiplier)]
        m.d.comb += self.raw.eq(total)
        valid = Signal(self.latency)
        m.d.sync += valid.eq(Cat(self.en, valid))
        m.d.comb += [self.raw_valid.eq(valid[self.raw_latency - 1]), self.result_valid.eq(valid[-1])]

        places: Value = self.shift - 1
        for stage in range(1, 4):
            places, last = Signal(SHIFT_BITS, name=f"places_{stage}"), places
            m.d.sync += places.eq(last)
        value: Value = self._scale(m, total, multiplier)
        over: Value = Signal(name="over_0")
        for stage, left in enumerate((4, 2, 0)):
            value, over = shift_stage(m, value, over, places[left : left + 2], left, stage)
            if left:
                places, last = Signal(left, name=f"places_left_{left}"), places
                m.d.sync += places.eq(last)

        rounded = Signal(signed(ROUNDED_BITS))
        lost = Signal()
        negative = Signal()
        m.d.sync += [rounded.eq((value + 1) >> 1), lost.eq(over), negative.eq(value[-1])]
        below = Mux(lost, negative, rounded < self.low)
        above = Mux(lost, ~negative, rounded > self.high)
        m.d.sync += self.result.eq(Mux(below, self.low, Mux(above, self.high, rounded)))
        return m


def shift_stage(m: Module, value: Value, over: Value, places: Value, left: int, stage: int) -> tuple[Value, Value]:
    """A registered shift by ``places << left``, kept to the bits that still matter.

    What leaves is `value`'s sign and the bits that a later shift by less than ``1 << left`` may bring into the
    result, and whether any bit above them differed from the sign.
    """
    for bit in (1, 0):
        width = min(len(value), ROUNDED_BITS + (1 << left + bit) - 1)
        shifted = Signal(signed(len(value)), name=f"shifted_{left + bit}")
        m.d.comb += shifted.eq(Mux(places[bit], value >> (1 << left + bit), value))
        sign = shifted[-1]
        dropped = shifted[width - 1 : -1]
        over = over | (dropped != Mux(sign, (1 << len(dropped)) - 1, 0)) if len(dropped) else over
        value = Cat(shifted[: width - 1], sign).as_signed()
    value_out = Signal(signed(len(value)), name=f"value_{stage + 1}")
    over_out = Signal(name=f"over_{stage + 1}")
    m.d.sync += [value_out.eq(value), over_out.eq(over)]
    return value_out, over_out
