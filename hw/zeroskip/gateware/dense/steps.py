"""The dense array's loop: blocks, passes of M filters, rows of the tap table, channels of a row."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.dense.structs import LAST_CHANNEL_BITS, LAYER_LAYOUT, STEP, TABLE_WRITE, TAP_LAYOUT
from zeroskip.gateware.dense.tap_table import TapTable
from zeroskip.gateware.primitives.size import positive


class StepSequencer(wiring.Component):
    """Gives one step a cycle where nothing holds it up: no bubble between taps, passes or blocks.

    A pass's last step waits for `credit`, and every step for a block.

    Parameters
    ----------
    filters
        M, the filters of a pass.
    taps
        Rows of the tap table.

    Members
    -------
    layer : In(LAYER_LAYOUT)
    write : In(TABLE_WRITE)
    start : In(1)
    step : Out(STEP)
        The step, whether it goes or not.
    go : Out(1)
        It goes in this cycle.
    block_valid, credit : In(1)
        There is a block; the sums of its pass can be taken off.
    held : Out(1)
        A step waits only for `credit`.
    pass_filters : Out(range(filters + 1))
        Filters of the step's pass that exist.
    reach : Out(signed(12))
        The greatest `dy` in the table.

    Raises
    ------
    TypeError
        A parameter is not a positive integer.

    """

    def __init__(self, *, filters: int, taps: int) -> None:
        self._filters = positive("filters", filters)
        self._table = TapTable(taps=positive("taps", taps))
        super().__init__({
            "layer": In(LAYER_LAYOUT),
            "write": In(TABLE_WRITE),
            "start": In(1),
            "step": Out(STEP),
            "go": Out(1),
            "block_valid": In(1),
            "credit": In(1),
            "held": Out(1),
            "pass_filters": Out(range(filters + 1)),
            "reach": Out(TAP_LAYOUT["dy"].shape),
        })

    @property
    def latency(self) -> int:
        """Cycles from `start` to the first step, if there is a block."""
        return self._table.latency

    def elaborate(self, platform: object) -> Module:
        """The channel counts within the row that the table gives."""
        m = Module()
        m.submodules.table = table = self._table
        step, go, row = self.step, self.go, table.taps.p
        channel = Signal(LAST_CHANNEL_BITS)
        ready, tap_end, pass_end = Signal(), Signal(), Signal()
        last_pass = self._count_passes(m, go & pass_end)
        m.d.comb += [
            table.write.eq(self.write),
            table.start.eq(self.start),
            table.count.eq(self.layer.taps),
            table.taps.ready.eq(go & tap_end),
            self.reach.eq(table.reach),
            step.tap.eq(row.tap),
            step.channel.eq(channel),
            tap_end.eq(channel == row.tap.last_channel),
            pass_end.eq(tap_end & row.last),
            step.first.eq(channel == 0),
            step.last.eq(pass_end),
            step.block_end.eq(pass_end & last_pass),
            ready.eq(table.taps.valid & self.block_valid),
            go.eq(ready & (~pass_end | self.credit)),
            self.held.eq(ready & pass_end & ~self.credit),
        ]
        with m.If(go):
            m.d.sync += channel.eq(Mux(tap_end, 0, channel + 1))
        with m.If(self.start):
            m.d.sync += channel.eq(0)
        return m

    def _count_passes(self, m: Module, pass_end: Value) -> Signal:
        """Whether the present pass is the last of its block; known from a register."""
        all_filters = self.layer.filters
        left = Signal.like(all_filters, name="filters_left")
        last_pass = Signal()
        m.d.comb += self.pass_filters.eq(Mux(last_pass, left, self._filters))
        with m.If(self.start | (pass_end & last_pass)):
            m.d.sync += [left.eq(all_filters), last_pass.eq(all_filters <= self._filters)]
        with m.Elif(pass_end):
            m.d.sync += [left.eq(left - self._filters), last_pass.eq(left <= 2 * self._filters)]
        return last_pass
