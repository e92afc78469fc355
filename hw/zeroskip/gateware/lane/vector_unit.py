"""P multipliers and their sums: one weight meets P neighbouring activations."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.lane.issue import slot_layout
from zeroskip.gateware.primitives.accumulator import Accumulator
from zeroskip.gateware.primitives.multiplier import RegisteredMultiplier
from zeroskip.gateware.structs import any_of, delay, register
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Kind

ACTIVATION_BITS = 9
"""A code, and above it whether it is not zero."""
FACTOR_BITS = 16
"""A weight, or 256 times a weight."""


class VectorUnit(wiring.Component):
    """Turns the activations of a slot, multiplies them by its weight, and sums.

    An activation that is zero switches nothing: its operand register holds, and so does the register of its sum.
    Nothing here waits.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    slot : In(slot_layout)
        Beside its activations.
    activations : In(9).array(M)
        Of the slot's position, as the banks gave them: bank b has the position whose low bits are b.
    bias : In(signed(acc_width))
        Of the job of the slot that came `bias_latency` cycles ago.
    sums : Out(signed(acc_width)).array(P)
        Complete `latency` cycles after the slot that ends them.
    gated : Out(range(P + 1))
        How many products of the slot of `gated_latency` cycles ago meet a zero.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            "slot": In(slot_layout(config)),
            "activations": In(data.ArrayLayout(ACTIVATION_BITS, config.banks)),
            "bias": In(signed(config.acc_width)),
            "sums": Out(data.ArrayLayout(signed(config.acc_width), config.vector)),
            "gated": Out(range(config.vector + 1)),
        })

    @property
    def bias_latency(self) -> int:
        """Cycles from a slot to its bias."""
        return 4

    @property
    def gated_latency(self) -> int:
        """Cycles from a slot to how many of its products meet a zero."""
        return 2

    @property
    def latency(self) -> int:
        """Cycles from a slot to its sums."""
        return 5

    def elaborate(self, platform: object) -> Module:
        """Rotation in two stages, operands, products, sums."""
        m = Module()
        config = self._config
        fine = config.bank_bits // 2
        banks = [self.activations[bank] for bank in range(config.banks)]
        turned = self._rotate(m, banks, self.slot.position[fine : config.bank_bits], 1 << fine, "coarse")
        slots = [self.slot]
        for name in ("turned", "operand", "held", "product"):
            slots.append(data.View(self.slot.shape(), delay(m, slots[-1].as_value(), 1, f"slot_{name}")))
        _, slot_0, slot_1, _, slot_3 = slots
        vector = self._rotate(m, turned, slot_0.position[:fine], 1, "fine")[: config.vector]
        weight = register(signed(FACTOR_BITS))
        high = slot_1.kind == Kind.ADD_HIGH
        m.d.sync += weight.eq(Mux(high, slot_1.weight.as_signed() << 8, slot_1.weight.as_signed()))
        for i in range(config.vector):
            self._sum(m, i, *self._multiply(m, i, vector[i], slot_1, weight), slot_3)
        zeros = Cat(slot_1.valid & ~vector[i][-1] for i in range(config.vector))
        m.d.comb += self.gated.eq(delay(m, sum(zeros), 1, "gated"))
        return m

    def _rotate(self, m: Module, values: list[Value], steps: Value, size: int, name: str) -> list[Value]:
        """By so many steps of `size` places, one cycle later.

        A value has a register for each number of steps, of which all but one are zeros by their reset, and an OR
        brings together what comes to the same place. That takes half the logic of multiplexers.
        """
        registers = []
        for number in range(1 << len(steps)):
            registers.append(register(data.ArrayLayout(ACTIVATION_BITS, len(values)), name=f"{name}_by_{number}"))
            m.d.sync += registers[-1].eq(Mux(steps == number, Cat(values), 0))
        return [any_of([own[(i + number * size) % len(values)] for number, own in enumerate(registers)])
                for i in range(len(values))]

    def _multiply(self, m: Module, i: int, activation: Value, slot: data.View, weight: Value) -> tuple[Value, Value]:
        """The product, and whether it counts; the operand register holds if it does not."""
        used, counts = Signal(name=f"used_{i}"), register(name=f"counts_{i}")
        operand = register(9, name=f"operand_{i}")
        picks = slot.kind >= Kind.COMPARE
        m.d.comb += used.eq(slot.valid & activation[-1])
        m.d.sync += counts.eq(used & ~picks)
        with m.If(used | slot.valid & (slot.first | picks)):  # these need a product of zero, too
            m.d.sync += operand.eq(Cat(activation[:8], activation[7] & slot.signed))
        with m.If(~slot.valid & slot.first):  # a sum that begins with nothing but its bias
            m.d.sync += operand.eq(0)
        multiplier = RegisteredMultiplier(a_width=9, b_width=FACTOR_BITS, clearable=False)
        m.submodules[f"multiplier_{i}"] = multiplier
        m.d.comb += [multiplier.a.eq(operand.as_signed()), multiplier.b.eq(weight)]
        return multiplier.product, delay(m, counts, 1, f"counts_{i}")

    def _sum(self, m: Module, i: int, product: Value, counts: Value, slot: data.View) -> None:
        """A product that does not count is not summed: the register of the sum holds, too."""
        config = self._config
        accumulator = Accumulator(acc_width=config.acc_width, product_width=min(len(product), config.acc_width))
        m.submodules[f"accumulator_{i}"] = accumulator
        below = register(name=f"below_{i}")
        compare, replace = slot.valid & (slot.kind == Kind.COMPARE), slot.valid & (slot.kind == Kind.REPLACE)
        with m.If(compare):
            m.d.sync += below.eq(accumulator.negative)
        m.d.comb += [
            accumulator.product.eq(product), accumulator.bias.eq(self.bias),
            accumulator.first.eq(slot.first | replace), accumulator.en.eq(counts | slot.first | replace & below),
            self.sums[i].eq(accumulator.acc),
        ]
