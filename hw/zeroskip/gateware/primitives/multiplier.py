"""A signed multiplier with an output register."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.primitives.target import has_ecp5_cells

OPERAND_WIDTH = 18
"""Bits of the widest operand: those of an ECP5's multiplier."""
RESET_PIN = "RST3"
"""Of an ECP5's multiplier, for the output register."""


class RegisteredMultiplier(wiring.Component):
    """``product = a * b``, one product a cycle, `latency` cycles after its operands.

    The operands have no registers here. The output register has no clock enable, and the domain's reset does not reach
    it: it begins with 0.

    On an ECP5 it is one ``MULT18X18D``. The four multipliers of a DSP block should share `clear`: nextpnr can write
    which of the block's four reset nets clears the output register for the first and the third alone (for the others
    Trellis' database has no such setting). `RESET_PIN` is the net for which no bit is set, and the one that nextpnr
    takes if there is but one.

    Parameters
    ----------
    a_width, b_width
        Bits of the operands, at most ``OPERAND_WIDTH``.
    clearable
        Whether there is `clear`.

    Members
    -------
    a, b : In(signed(a_width)), In(signed(b_width))
        The operands.
    clear : In(1)
        If high, `product` becomes 0 instead of ``a * b``. Not there unless `clearable`.
    product : Out(signed(a_width + b_width))
        The product of the operands of `latency` cycles before.

    Raises
    ------
    TypeError
        A width is not a positive integer.
    ValueError
        A width is more than ``OPERAND_WIDTH``.
    """

    def __init__(self, *, a_width: int, b_width: int, clearable: bool = True) -> None:
        for name, width in (("a_width", a_width), ("b_width", b_width)):
            if positive(name, width) > OPERAND_WIDTH:
                raise ValueError(f"{name} must be at most {OPERAND_WIDTH}, not {width}")
        self._a_width, self._b_width, self._clearable = a_width, b_width, bool(clearable)
        super().__init__({
            "a": In(signed(a_width)),
            "b": In(signed(b_width)),
            **({"clear": In(1)} if clearable else {}),
            "product": Out(signed(a_width + b_width)),
        })

    @property
    def a_width(self) -> int:
        """Bits of `a`."""
        return self._a_width

    @property
    def b_width(self) -> int:
        """Bits of `b`."""
        return self._b_width

    @property
    def clearable(self) -> bool:
        """Whether there is `clear`."""
        return self._clearable

    @property
    def latency(self) -> int:
        """Cycles from operands, or `clear`, to `product`."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """The cell, or a register behind a product."""
        m = Module()
        clear = self.clear if self._clearable else None
        if has_ecp5_cells(platform):
            cell, product = mult18x18d(clock=ClockSignal(), a=self.a, b=self.b, clear=clear)
            m.submodules.cell = cell
            m.d.comb += self.product.eq(product)
            return m
        register = Signal(self.product.shape(), reset_less=True)
        m.d.sync += register.eq(self.a * self.b)
        if clear is not None:
            with m.If(clear):
                m.d.sync += register.eq(0)
        m.d.comb += self.product.eq(register)
        return m


def mult18x18d(*, clock: Value, a: Value, b: Value, clear: Value | None) -> tuple[Instance, Value]:
    """An ECP5's multiplier of signed operands with its output register alone, and its 36 bits.

    Clock enables are left unconnected, which enables: a control input that nothing drives is high, and nextpnr's placer
    counts constants among the few nets that a block takes. For the same reason the reset is always connected: nextpnr
    does not invert one that is left open, and the register would stay 0.
    """
    product = Signal(2 * OPERAND_WIDTH)
    pins: dict[str, object] = {}
    for index in range(OPERAND_WIDTH):  # shorter operands are extended by their signs
        pins[f"i_A{index}"], pins[f"i_B{index}"] = (operand[min(index, len(operand) - 1)] for operand in (a, b))
    for index in range(len(product)):
        pins[f"o_P{index}"] = product[index]
    pins[f"i_{RESET_PIN}"] = Const(0, 1) if clear is None else clear
    return Instance(
        "MULT18X18D",
        p_REG_INPUTA_CLK="NONE", p_REG_INPUTB_CLK="NONE", p_REG_INPUTC_CLK="NONE", p_REG_PIPELINE_CLK="NONE",
        p_REG_OUTPUT_CLK="CLK0", p_REG_OUTPUT_RST=RESET_PIN, p_RESETMODE="SYNC", p_GSR="DISABLED",
        p_MULT_BYPASS="DISABLED",
        i_CLK0=clock, i_SIGNEDA=Const(1, 1), i_SIGNEDB=Const(1, 1), i_SOURCEA=Const(0, 1), i_SOURCEB=Const(0, 1),
        **pins,
    ), product
