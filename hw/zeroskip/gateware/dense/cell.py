"""One cell of the dense array: a multiplier, its sum, and the register that hands the sum out."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.dense.structs import ACTIVATION_BITS, WEIGHT_BITS
from zeroskip.gateware.primitives.accumulator import Accumulator
from zeroskip.gateware.primitives.multiplier import RegisteredMultiplier
from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.structs import delay


class DenseCell(wiring.Component):
    """Multiplies and sums every cycle; the first product of a sum follows the last of the one before without a bubble.

    The sum stands on `total` from `latency` cycles after its last operands until the next sum is complete. A gated
    product switches nothing: the operand registers hold, the multiplier makes the same product again, and the sum's
    register holds, too.

    Parameters
    ----------
    acc_width
        Bits of the sum, even.
    gate
        Whether products with a zero operand can be gated.

    Members
    -------
    activation, weight : In(signed(9)), In(signed(8))
    en : In(1)
        Operands are there.
    gating : In(1)
        A zero operand gates the product. Not used without `gate`.
    first, last : In(1)
        In step with the product (`product_latency` cycles after its operands, which were enabled): it begins, it ends
        the sum.
    total : Out(signed(acc_width))
    gated : Out(1)
        In step with the product: it was gated.

    Raises
    ------
    TypeError
        `acc_width` is not a positive integer.
    ValueError
        `acc_width` is odd, or less than a product has.
    """

    def __init__(self, *, acc_width: int, gate: bool) -> None:
        self._gate = gate
        self._accumulator = Accumulator(acc_width=positive("acc_width", acc_width),
                                        product_width=ACTIVATION_BITS + WEIGHT_BITS)
        self._multiplier = RegisteredMultiplier(a_width=ACTIVATION_BITS, b_width=WEIGHT_BITS, clearable=False)
        super().__init__({
            "activation": In(signed(ACTIVATION_BITS)),
            "weight": In(signed(WEIGHT_BITS)),
            "en": In(1),
            "gating": In(1),
            "first": In(1),
            "last": In(1),
            "total": Out(signed(acc_width)),
            "gated": Out(1),
        })

    @property
    def multiplier(self) -> RegisteredMultiplier:
        """The multiplier, whose operands tests and measurements of switching look at."""
        return self._multiplier

    @property
    def product_latency(self) -> int:
        """Cycles from operands to their product: the operand registers, and the multiplier."""
        return 1 + self._multiplier.latency

    @property
    def latency(self) -> int:
        """Cycles from the last operands to `total`, a register behind the sum."""
        return self.product_latency + self._accumulator.latency + 1

    def elaborate(self, platform: object) -> Module:
        """Operand registers, product, sum; a sum of nothing but gated products is zero."""
        m = Module()
        m.submodules.multiplier = multiplier = self._multiplier
        m.submodules.accumulator = accumulator = self._accumulator
        activation, weight = Signal(signed(ACTIVATION_BITS)), Signal(signed(WEIGHT_BITS))
        zero = self.gating & ((self.activation == 0) | (self.weight == 0)) if self._gate else Const(0, 1)
        used = self.en & ~zero
        with m.If(used if self._gate else 1):
            m.d.sync += [activation.eq(self.activation), weight.eq(self.weight)]
        counts = delay(m, used, self.product_latency, "counts")
        m.d.comb += [
            multiplier.a.eq(activation),
            multiplier.b.eq(weight),
            self.gated.eq(delay(m, self.en & zero, self.product_latency, "gated")),
            accumulator.product.eq(multiplier.product),
            accumulator.en.eq(counts),
        ]
        self._hand_out(m, counts)
        return m

    def _hand_out(self, m: Module, counts: Value) -> None:
        """`empty`: nothing has been summed of the sum whose product came last."""
        accumulator = self._accumulator
        empty, ended = Signal(), Signal()
        begins = self.first | empty
        m.d.comb += accumulator.first.eq(begins)
        m.d.sync += ended.eq(self.last)
        if self._gate:
            m.d.sync += empty.eq(begins & ~counts)
        with m.If(ended):
            m.d.sync += self.total.eq(Mux(empty, 0, accumulator.acc))
