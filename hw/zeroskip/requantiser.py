"""From an exact sum to an 8-bit activation, one rounding, bit for bit as the integer reference."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.size import positive

MULTIPLIER_BITS = 16
BIAS_BITS = 32
SHIFT_BITS = 6
RAW_BITS = 32
LOW_BITS = 17
"""Low bits of the sum that one 18x18 multiplier takes as an unsigned number."""
FACTOR_BITS = MULTIPLIER_BITS + 1
"""Bits of the multiplier, or of twice the multiplier: what an 18x18 multiplier takes as a positive number."""
KEPT_BITS = 9
"""Bits of the product, from the one that rounds up on, that are kept beside the sign: with them, -512..511."""
COARSE, FINE = 4, 5
"""The shift, in steps of two bits: one of 4 coarse steps, then one of 5 fine ones."""
WINDOW_BITS = KEPT_BITS + 2 * (FINE - 1)
"""Bits that the fine steps choose from."""


class Requantiser(wiring.Component):
    """``clamp(((acc + bias) * multiplier + (1 << (shift - 1))) >> shift, low, high)``, exact.

    One value a cycle, `latency` cycles later; never stalls (who feeds it keeps room for what is under way).
    An odd shift is made even by doubling the multiplier, so that the product is shifted in steps of two bits. Of its
    bits only those are kept that can come into the result, with a flag for an overflow into those above.

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
        Both in -128..127 or both in 0..255. Not pipelined: to be constant while values are under way.
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

    def _scale(self, m: Module, total: Value, factor: Value) -> Value:
        """``total * factor``, one cycle later, by two products of at most 18 x 18 bits."""
        width, split = self._acc_width + FACTOR_BITS, min(LOW_BITS, self._acc_width - 1)
        high_part = Signal(signed(width), name="product_high")
        low_part = Signal(split + FACTOR_BITS, name="product_low")
        product = Signal(signed(width), name="product")
        factor = Cat(factor, 0).as_signed()
        m.d.sync += [
            high_part.eq((total >> split) * factor),
            low_part.eq(Cat(total[:split], 0).as_signed() * factor),
        ]
        m.d.comb += product.eq((high_part << split) + low_part)
        return product

    def elaborate(self, platform: object) -> Module:
        """Sum, products, two stages of shifts, three of rounding and clamping."""
        m = Module()
        total = Signal(signed(self._acc_width))
        factor = Signal(FACTOR_BITS)
        with m.If(self.en):
            m.d.sync += [total.eq(self.acc + self.bias), factor.eq(self.multiplier << self.shift[0])]
        m.d.comb += self.raw.eq(total)
        valid = Signal(self.latency)
        m.d.sync += valid.eq(Cat(self.en, valid))
        m.d.comb += [self.raw_valid.eq(valid[self.raw_latency - 1]), self.result_valid.eq(valid[-1])]
        places = Signal(range(COARSE * FINE))
        m.d.sync += places.eq((self.shift - 1) >> 1)
        self._clamp(m, *shift(m, self._scale(m, total, factor), places))
        return m

    def _clamp(self, m: Module, value: Value, over: Value) -> None:
        """Rounding and clamping, three cycles.

        Limits are where a difference changes its sign, so that what replaces a number is all ones or all zeros: a
        register's own set or reset, which costs no logic in front of it.
        """
        distance = Signal(signed(KEPT_BITS + 2))
        beyond, beneath = Signal(), Signal()
        above, span = Signal(8, init=0xFF), Signal(8)
        remainder, room = Signal(9), Signal(8)
        m.d.comb += [
            distance.eq((value - Cat(1, self.high).as_signed()) >> 1),  # (value + 1) >> 1, less high + 1
            beyond.eq(Mux(over, ~value[-1], ~distance[-1])),
            remainder.eq(Cat(1, above) + Cat(1, span) >> 1),
        ]
        m.d.sync += [
            span.eq(self.high - self.low),
            above.eq(Mux(beyond, 0xFF, distance)),
            beneath.eq(Mux(beyond, 0, over | ~distance[8])),
            room.eq(Mux(beneath | ~remainder[8], 0, remainder)),
            self.result.eq(room + self.low),
        ]


def shift(m: Module, product: Value, places: Value) -> tuple[Value, Value]:
    """The bits of `product` from ``1 + 2 * places`` on, three cycles after `places` and two after `product`.

    What comes out is a signed number of 10 bits, and whether any bit above these differed from the product's sign.
    """
    coarse, fine = Signal(COARSE), Signal(FINE)
    m.d.sync += [
        coarse.eq(Cat(places.matches(*range(FINE * step, FINE * (step + 1))) for step in range(COARSE))),
        fine.eq(Cat(places.matches(*range(step, FINE * COARSE, FINE)) for step in range(FINE))),
    ]
    window, sign, over = coarse_steps(m, product, coarse)
    fine_1 = Signal(FINE)
    m.d.sync += fine_1.eq(fine)
    value, lost = fine_steps(m, window, sign, fine_1)
    return value, over | lost


def coarse_steps(m: Module, product: Value, coarse: Value) -> tuple[Value, Value, Value]:
    """The window that one of the flags `coarse` chooses, and its sign, after one cycle; the overflow after three.

    The parts that are not wanted are zeros by their registers' own reset, which costs no logic, and the same holds for
    flags of bits that a part keeps.
    """
    parts = [Signal(WINDOW_BITS, name=f"part_{step}") for step in range(COARSE)]
    m.d.sync += [part.eq(Mux(coarse[step], product >> 1 + 2 * FINE * step, 0)) for step, part in enumerate(parts)]
    upper = Signal(signed(max(1, len(product) - WINDOW_BITS - 1)))
    m.d.sync += upper.eq(product >> WINDOW_BITS + 1)
    differ, over = [], Signal()
    for step in range(COARSE - 1):
        wanted = Signal(name=f"wanted_{step}")
        m.d.sync += wanted.eq(coarse[: step + 1].any())
        run = upper[2 * FINE * step : 2 * FINE * (step + 1) + 1]
        for at in range(0, len(run) - 1, 3):  # four bits, one of them also of the next flag: a LUT
            flag, bits = Signal(name=f"differ_{step}_{at}"), run[at : at + 4]
            m.d.sync += flag.eq(Mux(wanted, bits.any() & ~bits.all(), 0))
            differ.append(flag)
    m.d.sync += over.eq(Cat(differ).any())
    return parts[0] | parts[1] | parts[2] | parts[3], upper[-1], over


def fine_steps(m: Module, window: Value, sign: Value, fine: Value) -> tuple[Value, Value]:
    """The value that one of the flags `fine` chooses from the window, and whether more would not fit; two cycles.

    The last step has a register of its own, and the others are zeros then: three values are chosen from by one LUT.
    """
    near, far, sign_1 = Signal(WINDOW_BITS), Signal(KEPT_BITS), Signal()
    by_two, by_four, at_most = Signal(), Signal(), Signal(FINE - 1)
    m.d.sync += [
        near.eq(Mux(fine[-1], 0, window)), far.eq(Mux(fine[-1], window >> 2 * (FINE - 1), 0)), sign_1.eq(sign),
        by_two.eq(fine[1] | fine[3]), by_four.eq(fine[2] | fine[3]),
        at_most.eq(Cat(fine[: step + 1].any() for step in range(FINE - 1))),
    ]
    once = Mux(by_four, near >> 4, near)[: KEPT_BITS + 2] | far
    twice = Mux(by_two, once >> 2, once)[:KEPT_BITS]
    above = Cat(near[KEPT_BITS:], sign_1)
    value, lost = Signal(signed(KEPT_BITS + 1)), Signal()
    m.d.sync += [
        value.eq(Cat(twice, sign_1)),
        lost.eq(Cat(at_most[step] & above[2 * step : 2 * step + 3].any() & ~above[2 * step : 2 * step + 3].all()
                    for step in range(FINE - 1)).any()),
    ]
    return value, lost
