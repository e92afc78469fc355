"""From an exact sum to an 8-bit activation, one rounding, bit for bit as the integer reference."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.lut_multiplier import LutMultiplier
from zeroskip.gateware.primitives.multiplier import RegisteredMultiplier
from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.structs import register
from zeroskip.spec.config import MULTIPLIER_BITS, SHIFT_BITS

LOW_BITS = 17
"""Low bits of the sum that one 18x18 multiplier takes as an unsigned number."""
HIGH_BITS = 18
"""High bits of the sum that one takes as a signed number."""
FACTOR_BITS = MULTIPLIER_BITS + 1
"""Bits of the multiplier, or of twice the multiplier: what an 18x18 multiplier takes as a positive number."""
KEPT_BITS = 9
"""Bits of the product, from the one that rounds up on, that are kept beside the sign: with them, -512..511."""
LATENCY = 8
"""Cycles from a sum to its code."""
COARSE, FINE = 4, 5
"""The shift, in steps of two bits: one of 4 coarse steps, then one of 5 fine ones."""
WINDOW_BITS = KEPT_BITS + 2 * (FINE - 1)
"""Bits that the fine steps choose from."""


class Requantiser(wiring.Component):
    """``clamp((acc * multiplier + (1 << (shift - 1))) >> shift, low, high)``, exact; or rounded half to even.

    One value a cycle, `latency` cycles later; it never stalls.
    An odd shift is made even by doubling the multiplier, so that the product is shifted in steps of two bits. Of its
    bits only those are kept that can come into the result, with a flag for an overflow into those above.

    Parameters
    ----------
    acc_width
        Bits of the sum, 18..34.
    even
        Whether it can round half to even.
    lean
        One 18x18 multiplier instead of two, and the product of the sum's low bits of LUTs.

    Members
    -------
    acc : In(signed(acc_width))
    multiplier : In(16)
    shift : In(6)
        1..40.
    low, high : In(signed(9))
        Both in -128..127 or both in 0..255. Not pipelined: to be constant while values are under way.
    rounding_even : In(1)
        Half to even instead of half up, where it can. Not pipelined either.
    result : Out(8)
        The code, as int8 or uint8.

    Raises
    ------
    TypeError
        `acc_width` is not a positive integer.
    ValueError
        `acc_width` out of range.

    """

    def __init__(self, *, acc_width: int, even: bool = True, lean: bool = False) -> None:
        self._acc_width, self._even, self._lean = positive("acc_width", acc_width), even, lean
        if not 18 <= acc_width <= LOW_BITS + 17:
            raise ValueError(f"acc_width must be in 18..{LOW_BITS + 17}, not {acc_width}")
        super().__init__({
            "acc": In(signed(acc_width)),
            "multiplier": In(MULTIPLIER_BITS),
            "shift": In(SHIFT_BITS),
            "low": In(signed(9)),
            "high": In(signed(9)),
            "rounding_even": In(1),
            "result": Out(8),
        })

    @property
    def acc_width(self) -> int:
        """Bits of the sum."""
        return self._acc_width

    @property
    def latency(self) -> int:
        """Cycles from `acc` to `result`."""
        return LATENCY

    def _scale(self, m: Module, total: Value, factor: Value) -> Value:
        """``total * factor``, one cycle later, by two products of at most 18 x 18 bits."""
        product = Signal(signed(self._acc_width + FACTOR_BITS), name="product")
        low_bits = max(1, self._acc_width - HIGH_BITS) if self._lean else LOW_BITS
        high = RegisteredMultiplier(a_width=self._acc_width - low_bits, b_width=FACTOR_BITS + 1, clearable=False)
        low: LutMultiplier | RegisteredMultiplier
        if self._lean:
            low = LutMultiplier(a_width=low_bits, b_width=FACTOR_BITS)
        else:
            low = RegisteredMultiplier(a_width=low_bits + 1, b_width=FACTOR_BITS + 1, clearable=False)
        m.submodules.product_high, m.submodules.product_low = high, low
        m.d.comb += [
            high.a.eq(total >> low_bits), low.a.eq(total[:low_bits]), high.b.eq(factor), low.b.eq(factor),
            product.eq((high.product << low_bits) + low.product),
        ]
        return product

    def elaborate(self, platform: object) -> Module:
        """Operands, products, two stages of shifts, three of rounding and clamping."""
        m = Module()
        total = register(signed(self._acc_width))
        factor = register(FACTOR_BITS)
        m.d.sync += [total.eq(self.acc), factor.eq(self.multiplier << self.shift[0])]
        places = register(range(COARSE * FINE))
        m.d.sync += places.eq((self.shift - 1) >> 1)
        value, over, rest = shift(m, self._scale(m, total, factor), places)
        if self._even:
            half = value[0] & ~(self.rounding_even & ~rest & ~value[1])  # a tie goes up to an even result alone
            value = Cat(half, value[1:]).as_signed()
        self._clamp(m, value, over)
        return m

    def _clamp(self, m: Module, value: Value, over: Value) -> None:
        """Rounding and clamping, three cycles.

        Limits are where a difference changes its sign, so that what replaces a number is all ones or all zeros: a
        register's own set or reset, which costs no logic in front of it.
        """
        distance = Signal(signed(KEPT_BITS + 2))
        beyond, beneath = Signal(), register()
        above, span = register(8, init=0xFF), register(8)
        remainder, room = Signal(9), register(8)
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


def shift(m: Module, product: Value, places: Value) -> tuple[Value, Value, Value]:
    """The bits of `product` from ``1 + 2 * places`` on, three cycles after `places` and two after `product`.

    What comes out is a signed number of 10 bits, whether any bit above these differed from the product's sign, and
    whether any bit below was not zero.
    """
    coarse, fine = register(COARSE), register(FINE)
    m.d.sync += [
        coarse.eq(Cat(places.matches(*range(FINE * step, FINE * (step + 1))) for step in range(COARSE))),
        fine.eq(Cat(places.matches(*range(step, FINE * COARSE, FINE)) for step in range(FINE))),
    ]
    window, sign, over = coarse_steps(m, product, coarse)
    fine_1 = register(FINE)
    m.d.sync += fine_1.eq(fine)
    value, lost = fine_steps(m, window, sign, fine_1)
    return value, over | lost, rest_below(m, product, coarse, window, fine_1)


def rest_below(m: Module, product: Value, coarse: Value, window: Value, fine: Value) -> Value:
    """Whether any bit is not zero that is shifted out below, beside what `fine_steps` gives."""
    below, rest, rest_1 = register(), register(), register()
    m.d.sync += [
        below.eq(Cat(coarse[step] & product[: 1 + 2 * FINE * step].any() for step in range(COARSE)).any()),
        rest.eq(below | Cat(fine[step] & window[: 2 * step].any() for step in range(1, FINE)).any()),
        rest_1.eq(rest),
    ]
    return rest_1


def coarse_steps(m: Module, product: Value, coarse: Value) -> tuple[Value, Value, Value]:
    """The window that one of the flags `coarse` chooses, and its sign, after one cycle; the overflow after three.

    The parts that are not wanted are zeros by their registers' own reset, which costs no logic, and the same holds for
    flags of bits that a part keeps.
    """
    parts = [register(WINDOW_BITS, name=f"part_{step}") for step in range(COARSE)]
    m.d.sync += [part.eq(Mux(coarse[step], product >> 1 + 2 * FINE * step, 0)) for step, part in enumerate(parts)]
    upper = register(signed(max(1, len(product) - WINDOW_BITS - 1)))
    m.d.sync += upper.eq(product >> WINDOW_BITS + 1)
    differ, over = [], register()
    for step in range(COARSE - 1):
        wanted = register(name=f"wanted_{step}")
        m.d.sync += wanted.eq(coarse[: step + 1].any())
        run = upper[2 * FINE * step : 2 * FINE * (step + 1) + 1]
        for at in range(0, len(run) - 1, 3):  # four bits, one of them also of the next flag: a LUT
            flag, bits = register(name=f"differ_{step}_{at}"), run[at : at + 4]
            m.d.sync += flag.eq(Mux(wanted, bits.any() & ~bits.all(), 0))
            differ.append(flag)
    m.d.sync += over.eq(Cat(differ).any())
    return parts[0] | parts[1] | parts[2] | parts[3], upper[-1], over


def fine_steps(m: Module, window: Value, sign: Value, fine: Value) -> tuple[Value, Value]:
    """The value that one of the flags `fine` chooses from the window, and whether more would not fit; two cycles.

    The last step has a register of its own, and the others are zeros then: three values are chosen from by one LUT.
    """
    near, far, sign_1 = register(WINDOW_BITS), register(KEPT_BITS), register()
    by_two, by_four, at_most = register(), register(), register(FINE - 1)
    m.d.sync += [
        near.eq(Mux(fine[-1], 0, window)), far.eq(Mux(fine[-1], window >> 2 * (FINE - 1), 0)), sign_1.eq(sign),
        by_two.eq(fine[1] | fine[3]), by_four.eq(fine[2] | fine[3]),
        at_most.eq(Cat(fine[: step + 1].any() for step in range(FINE - 1))),
    ]
    once = Mux(by_four, near >> 4, near)[: KEPT_BITS + 2] | far
    twice = Mux(by_two, once >> 2, once)[:KEPT_BITS]
    above = Cat(near[KEPT_BITS:], sign_1)
    value, lost = register(signed(KEPT_BITS + 1)), register()
    m.d.sync += [
        value.eq(Cat(twice, sign_1)),
        lost.eq(Cat(at_most[step] & above[2 * step : 2 * step + 3].any() & ~above[2 * step : 2 * step + 3].all()
                    for step in range(FINE - 1)).any()),
    ]
    return value, lost
