"""The zero-skip multiplier by itself, as it is measured: a zero operand switches nothing and gives zero."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.size import positive


class ZeroSkipMultiplier(wiring.Component):
    """Signed multiplier whose operand registers hold where an operand is zero.

    One product a cycle, `latency` cycles after its operands; nothing stalls it. With `gate`, the operand registers keep
    their last values when an operand is zero (or `en` is low), so that the multiplier does not switch; the product
    register is cleared instead of loaded.

    Parameters
    ----------
    a_width, b_width
        Bits of the operands.
    gate
        False: a plain registered multiplier of the same latency, whose operand registers always load.
    told
        Whether an operand is zero is told beside it (`a_zero`, `b_zero`), where somebody knows already.

    Members
    -------
    a, b : In(signed(a_width)), In(signed(b_width))
    a_zero, b_zero : In(1)
        With `told`: the operand counts as zero, whatever its value.
    en : In(1)
        The operands are to be multiplied.
    gating : In(1), init 1
        Low: products with a zero operand are computed as any other. Not used without `gate`, nor with `told`.
    product : Out(signed(a_width + b_width))
        ``a * b``, or zero where `en` was low.
    zero : Out(1)
        `product` is zero since it was not enabled, or gated.
    gated : Out(1)
        It was enabled, and a zero operand was gated.

    Raises
    ------
    TypeError
        A width is not a positive integer.

    """

    def __init__(self, *, a_width: int, b_width: int, gate: bool = True, told: bool = False) -> None:
        self._gate, self._told = bool(gate), bool(told)
        self._held = (Signal(signed(positive("a_width", a_width)), name="a_held"),
                      Signal(signed(positive("b_width", b_width)), name="b_held"))
        super().__init__({
            "a": In(signed(a_width)),
            "b": In(signed(b_width)),
            **({"a_zero": In(1), "b_zero": In(1)} if told else {}),
            "en": In(1),
            "gating": In(1, init=1),
            "product": Out(signed(a_width + b_width)),
            "zero": Out(1, init=1),
            "gated": Out(1),
        })

    @property
    def gate(self) -> bool:
        """Whether zero operands hold the registers."""
        return self._gate

    @property
    def held(self) -> tuple[Signal, Signal]:
        """The operand registers, for tests and measurements of switching; no ports."""
        return self._held

    @property
    def latency(self) -> int:
        """Cycles from operands to product."""
        return 2

    def elaborate(self, platform: object) -> Module:
        """Operand registers, product register, and the flags beside them."""
        m = Module()
        a, b = self.held
        zero_operand = Signal()
        zero_next = Signal(init=1)
        gated_next = Signal()
        if self._gate:
            m.d.comb += zero_operand.eq(self.a_zero | self.b_zero if self._told else
                                        self.gating & ((self.a == 0) | (self.b == 0)))
        used = self.en & ~zero_operand
        m.d.sync += [
            zero_next.eq(~used),
            gated_next.eq(self.en & zero_operand),
            self.zero.eq(zero_next),
            self.gated.eq(gated_next),
        ]
        with m.If(used if self._gate else 1):
            m.d.sync += [a.eq(self.a), b.eq(self.b)]
        with m.If(zero_next):  # the register's own reset: no gate stands behind it
            m.d.sync += self.product.eq(0)
        with m.Else():
            m.d.sync += self.product.eq(a * b)
        return m
