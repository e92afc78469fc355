"""What follows from a step's configuration alone, for the way out of all lanes: worked out once, in registers."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.structs import struct_of
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS, Mode, step_parts

RAW_BYTES = 4
COLUMNS_OF_ALL = (1 << COLUMN_BITS) - 1
RELATIVE_BITS = COLUMN_BITS + 2
"""Of a column beside another one; one more than needed, with which adders are of carry cells: faster, no larger."""


def constants_layout(config: EngineConfig) -> data.StructLayout:
    """Numbers of a step.

    `scatter`, `raw`, `pool`: its mode. `pair`: POOL takes two values at once; `wide`: D values of FLAT go to
    neighbouring places. `stride`: values of a vector that leave together, or of SCATTER's phase to the next;
    `column_stride`: columns from a value to the next, less whole rows. `wrap_at`: the first column behind which the
    next value is in the next row; beside it `columns_last`, the last column of results, `written_columns`, the first
    one that SCATTER does not write, and `pitch_last`, the last one of a row. `items_last`, `short_last`: the last value
    of a vector, of the last one of a plane of RAW. `row_last`, `in_column_last`: of a square, or a group of phases.
    `pads`, `pad_last`: there are zeros behind a plane, and so many but one.
    """
    number, column = range(RAW_BYTES * config.vector), signed(RELATIVE_BITS)
    return data.StructLayout({
        "scatter": 1, "raw": 1, "pool": 1, "pair": 1, "wide": 1, "stride": 4, "column_stride": 4,
        "wrap_at": column, "columns_last": column, "written_columns": column, "pitch_last": signed(5),
        "items_last": number, "short_last": number, "row_last": 3, "in_column_last": 3,
        "pads": 1, "pad_last": step_parts(config)[0].widths["pad"],
    })


class StepConstants(wiring.Component):
    """From a step's configuration to its constants, `latency` cycles later.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    step_0, step_1 : In
        The step's configuration.
    constants : Out(constants_layout)
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        first, second, _ = step_parts(config)
        super().__init__({"step_0": In(struct_of(first)), "step_1": In(struct_of(second)),
                          "constants": Out(constants_layout(config))})

    @property
    def latency(self) -> int:
        """Cycles from a configuration to all that follows from it."""
        return 4

    def elaborate(self, platform: object) -> Module:
        """What follows from what follows comes a cycle later."""
        m = Module()
        step_0, step_1, own, vector = self.step_0, self.step_1, self.constants, self._config.vector
        mode, flat = step_1.mode, Signal()
        left = Mux(mode == Mode.SCATTER, vector, vector >> step_1.rate)
        m.d.sync += [
            flat.eq(mode == Mode.FLAT), own.scatter.eq(mode == Mode.SCATTER), own.raw.eq(mode == Mode.RAW),
            own.pool.eq(mode == Mode.POOL), own.pair.eq((mode == Mode.POOL) & (step_1.rate == 1)),
            own.wide.eq((mode == Mode.FLAT) & (1 << step_1.rate == self._config.ways) & ~step_1.table),
            own.stride.eq(1 << Mux(mode == Mode.SCATTER, step_1.order, step_1.rate)),
            own.column_stride.eq(Mux(flat, step_0.advance, own.stride)),
            own.wrap_at.eq(step_0.pitch - own.column_stride), own.pitch_last.eq(own.column_stride - 1),
            own.columns_last.eq(Mux(own.raw, COLUMNS_OF_ALL, step_0.columns - 1 - own.wrap_at)),
            own.written_columns.eq(step_0.written - own.wrap_at),
            own.items_last.eq(Mux(mode == Mode.RAW, RAW_BYTES * vector, left) - 1),
            own.short_last.eq((step_0.tail << RAW_BYTES.bit_length() - 1) - 1),
            own.row_last.eq(Mux(own.pool, step_1.window, step_1.phases) - 1),
            own.in_column_last.eq(step_1.window - 1),
            own.pads.eq(step_0.pad != 0), own.pad_last.eq(step_0.pad - 1),
        ]
        return m
