"""One cell of the dense array: a multiplier, its accumulator, and the register that hands the sum out."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.multiplier import ZeroSkipMultiplier, positive

ACTIVATION_BITS = 9
WEIGHT_BITS = 8


class DensePE(wiring.Component):
    """Multiplies and accumulates every cycle; the last product of a sum starts the next one without a bubble.

    The sum stands on `total` from `latency` cycles after its last operands until the next sum is complete.

    Parameters
    ----------
    acc_width
        Bits of the sum.
    gate
        Whether zero operands hold the multiplier.

    Members
    -------
    activation, weight : In(signed(9)), In(signed(8))
    en : In(1)
        Operands are there.
    gating : In(1)
        See :class:`~zeroskip.multiplier.ZeroSkipMultiplier`.
    last : In(1)
        In step with the product (`last_latency` cycles after its operands, which were enabled): it ends the sum.
    total : Out(signed(acc_width))
    gated : Out(1)
        In step with the product: it was gated.

    Raises
    ------
    TypeError
        `acc_width` is not a positive integer.

    """

    def __init__(self, *, acc_width: int, gate: bool) -> None:
        self._gate = gate
        self._acc_width = positive("acc_width", acc_width)
        self._multiplier = ZeroSkipMultiplier(a_width=ACTIVATION_BITS, b_width=WEIGHT_BITS, gate=gate)
        super().__init__({
            "activation": In(signed(ACTIVATION_BITS)),
            "weight": In(signed(WEIGHT_BITS)),
            "en": In(1),
            "gating": In(1),
            "last": In(1),
            "total": Out(signed(acc_width)),
            "gated": Out(1),
        })

    @property
    def last_latency(self) -> int:
        """Cycles from operands to `last`."""
        return self._multiplier.latency

    @property
    def latency(self) -> int:
        """Cycles from the last operands to `total`."""
        return self._multiplier.latency + 1

    def elaborate(self, platform: object) -> Module:
        """The accumulator is cleared when its sum moves on, so that no operand of the adder needs a gate for that."""
        m = Module()
        m.submodules.multiplier = multiplier = self._multiplier
        acc = Signal(signed(self._acc_width))
        plus = Signal(signed(self._acc_width))
        m.d.comb += [
            multiplier.a.eq(self.activation),
            multiplier.b.eq(self.weight),
            multiplier.en.eq(self.en),
            multiplier.gating.eq(self.gating),
            self.gated.eq(multiplier.gated),
            plus.eq(acc + multiplier.product),
        ]
        with m.If(self.last):
            m.d.sync += [self.total.eq(plus), acc.eq(0)]
        with m.Elif(~multiplier.zero):
            m.d.sync += acc.eq(plus)
        return m
