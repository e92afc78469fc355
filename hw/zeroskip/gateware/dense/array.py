"""The dense array's cells, and the way their sums leave row by row."""

from __future__ import annotations

from functools import reduce
from operator import add, or_

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.dense.cell import DenseCell
from zeroskip.gateware.dense.structs import ACTIVATION_BITS, WEIGHT_BITS, row_layout
from zeroskip.gateware.structs import delay
from zeroskip.spec.dense import DenseConfig


class DenseArray(wiring.Component):
    """M filters by N pixels of :class:`~zeroskip.gateware.dense.cell.DenseCell`: each a product a cycle.

    After the last step of a pass, `row_latency` cycles later, M rows of N sums leave, one for each filter, while
    the next pass is computed. Nothing stalls: who feeds it leaves as many cycles between two last steps as the
    rows take to leave.

    Parameters
    ----------
    config
        The shape: M, N, bits of a sum, filters of a layer at most.
    gate
        Whether products with a zero operand can be gated.

    Members
    -------
    activations : In(ArrayLayout(signed(9), pixels))
    weights : In(ArrayLayout(signed(8), filters))
    en, last : In(1)
        A step; it ends its pass.
    gating : In(1)
    filter_count : In(range(parameters + 1))
        Filters of the layer, at least 1: a block is as many passes as they need.
    start : In(1)
        A new layer.
    rows : Out(stream.Signature(row_layout(pixels, acc_width, parameters)))
    slots : In(range(filters * pixels + 1))
        Slots of the step that have a filter and a pixel; the operands of the others are zero.
    issued, gated : Out(range(filters * pixels + 1))
        Multiplier slots used in a cycle, of those; those with a zero operand where it was gated.
    active : Out(1)
        A step is in the array, or rows of a pass have not left.
    """

    def __init__(self, *, config: DenseConfig, gate: bool) -> None:
        self._config, self._gate = config, gate
        self._cells = [[DenseCell(acc_width=config.acc_width, gate=gate) for _ in range(config.pixels)]
                       for _ in range(config.filters)]
        slots = range(config.multipliers + 1)
        super().__init__({
            "activations": In(data.ArrayLayout(signed(ACTIVATION_BITS), config.pixels)),
            "weights": In(data.ArrayLayout(signed(WEIGHT_BITS), config.filters)),
            "en": In(1),
            "last": In(1),
            "gating": In(1),
            "filter_count": In(range(config.parameters + 1)),
            "slots": In(slots),
            "start": In(1),
            "rows": Out(stream.Signature(row_layout(config.pixels, config.acc_width, config.parameters))),
            "issued": Out(slots),
            "gated": Out(slots),
            "active": Out(1),
        })

    @property
    def cells(self) -> list[list[DenseCell]]:
        """The cells, by filter and pixel."""
        return self._cells

    @property
    def row_latency(self) -> int:
        """Cycles from the last step of a pass to its first row."""
        return self._cells[0][0].latency

    def elaborate(self, platform: object) -> Module:
        """The cells; `first` and `last` travel beside the products; the rows of a complete pass."""
        m = Module()
        cell = self._cells[0][0]
        product_en = delay(m, self.en, cell.product_latency, "en")
        product_last = delay(m, self.en & self.last, cell.product_latency, "last")
        steps, fresh = Signal(cell.latency - 1), Signal(init=1)
        m.d.sync += steps.eq(Cat(self.en, steps))
        with m.If(product_en):
            m.d.sync += fresh.eq(product_last)
        for filter_index, cells in enumerate(self._cells):
            for pixel, cell in enumerate(cells):
                m.submodules[f"cell_{filter_index}_{pixel}"] = cell
                m.d.comb += [
                    cell.activation.eq(self.activations[pixel]),
                    cell.weight.eq(self.weights[filter_index]),
                    cell.en.eq(self.en),
                    cell.gating.eq(self.gating),
                    cell.first.eq(product_en & fresh),
                    cell.last.eq(product_last),
                ]
        rest = self.row_latency - cell.product_latency - 1
        self._hand_out(m, delay(m, product_last, rest, "complete"))
        self._count(m)
        m.d.comb += self.active.eq(self.en | steps.any() | self.rows.valid)
        return m

    def _hand_out(self, m: Module, complete: Value) -> None:
        """One row a cycle, from filter 0 on; `parameter` counts on over the passes of a block."""
        filters = self._config.filters
        row = Signal(filters)
        parameter = Signal(len(self.rows.p.param) + 1)
        taken = self.rows.valid & self.rows.ready
        with m.If(taken):
            m.d.sync += [row.eq(row << 1), parameter.eq(parameter + 1)]
            with m.If(row[-1] & (parameter + 1 >= self.filter_count)):
                m.d.sync += parameter.eq(0)
        with m.If(complete):
            m.d.sync += row.eq(1)
        with m.If(self.start):
            m.d.sync += [row.eq(0), parameter.eq(0)]
        m.d.comb += [
            self.rows.valid.eq(row.any()),
            self.rows.p.param.eq(parameter),
            self.rows.p.last.eq(row[-1]),
        ]
        for pixel in range(self._config.pixels):
            chosen = (Mux(row[f], self._cells[f][pixel].total, 0) for f in range(filters))
            m.d.comb += self.rows.p.acc[pixel].eq(reduce(or_, chosen))

    def _count(self, m: Module) -> None:
        """All slots that have a filter and a pixel multiply in a step; one is gated where either operand is zero."""
        en, gating, slots = Signal(name="counted"), Signal(name="counted_gating"), Signal.like(self.slots)
        m.d.sync += [en.eq(self.en), gating.eq(self.gating), slots.eq(self.slots)]
        m.d.sync += self.issued.eq(Mux(en, slots, 0))
        if self._gate:
            pixels, filters = self._config.pixels, self._config.filters
            activations = Signal(range(pixels + 1), name="activations_not_zero")
            weights = Signal(range(filters + 1), name="weights_not_zero")
            m.d.sync += [
                activations.eq(reduce(add, (self.activations[n] != 0 for n in range(pixels)))),
                weights.eq(reduce(add, (self.weights[f] != 0 for f in range(filters)))),
            ]
            products = [Mux(weights[bit], activations << bit, 0) for bit in range(len(weights))]
            m.d.sync += self.gated.eq(Mux(en & gating, slots - reduce(add, products), 0))
