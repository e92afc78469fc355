"""Reads finished blocks out of the groups of one output unit, a row of P sums a cycle."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.config import ArrayConfig
from zeroskip.output import row_layout
from zeroskip.program import ConfigRegisters
from zeroskip.result_slots import slot_row
from zeroskip.wire import Mode

PARAMETER_SETS = 4
"""Sets of requantisation parameters: of the filters that leave, that compute, that are loaded, and one to spare."""


class Drain(wiring.Component):
    """Walks block, group, lane, filter; waits where a group's block is not complete yet.

    The rows of all blocks follow each other; `last` stands on the last row of the layer. With ``Mode.TILED`` the
    parameters of the filters change with each image's worth of blocks: four sets of them take turns.

    Parameters
    ----------
    config
        The array's parameters.

    Members
    -------
    start, config
        In: a new layer, and its configuration.
    full, drained, read_lane, read_address, read_en, read_data, read_blocked
        Arrays, one for each group of the unit (see ``Group``).
    rows
        Out, stream of ``row_layout``.
    """

    def __init__(self, *, config: ArrayConfig) -> None:
        self._config = config
        self._groups = groups = config.groups // config.output_units
        sums = data.ArrayLayout(signed(config.acc_width), config.pixels)
        super().__init__({
            "start": In(1),
            "config": In(ConfigRegisters),
            "full": In(1).array(groups),
            "drained": Out(1).array(groups),
            "read_lane": Out(range(config.lanes)),
            "read_address": Out(ceil_log2(config.result_rows)),
            "read_blocked": In(1).array(groups),
            "read_en": Out(1),
            "read_data": In(sums).array(groups),
            "rows": Out(stream.Signature(row_layout(config.pixels, config.acc_width, self.params_depth(config)))),
        })

    @staticmethod
    def params_depth(config: ArrayConfig) -> int:
        """Rows of a unit's table: four sets of parameters, at ``(group * lanes + lane) * 16 + filter``."""
        return PARAMETER_SETS * params_rows(config)

    def elaborate(self, platform):
        """Counters, one read stage, the row register."""
        m = Module()
        config = self._config
        filters, ring = self.config.filters, self.config.ring
        group, lane = Signal(range(self._groups)), Signal(range(config.lanes))
        index = Signal(range(config.lane_filters))
        slot, parameters = Signal.like(ring), Signal(range(PARAMETER_SETS))
        left, tile = Signal.like(self.config.drain_blocks), Signal.like(self.config.blocks)
        move, step, filter_end, lane_end, group_end = (Signal(name=name) for name in (
            "move", "step", "filter_end", "lane_end", "group_end"))
        read = Signal(data.StructLayout({
            "valid": 1, "last": 1, "group": len(group), "index": range(self.params_depth(config)),
        }))
        m.d.comb += [
            move.eq(~self.rows.valid | self.rows.ready),
            self.read_en.eq(Array(self.full)[group] & move),
            step.eq(self.read_en & ~Array(self.read_blocked)[group]),
            filter_end.eq(index == filters - 1),
            lane_end.eq(filter_end & (lane == config.lanes - 1)),
            group_end.eq(lane_end & (group == self._groups - 1)),
            self.read_lane.eq(lane),
            self.read_address.eq(slot_row(slot, index, filters, config.result_rows)),
        ]
        with m.If(step):
            m.d.sync += index.eq(index + 1)
            with m.If(filter_end):
                m.d.sync += [index.eq(0), lane.eq(lane + 1)]
            with m.If(lane_end):
                m.d.sync += [lane.eq(0), group.eq(group + 1)]
                m.d.comb += Array(self.drained)[group].eq(1)
            with m.If(group_end):
                m.d.sync += [group.eq(0), slot.eq(slot + 1), left.eq(left - 1)]
                with m.If(slot == ring - 1):
                    m.d.sync += slot.eq(0)
                m.d.sync += tile.eq(tile + 1)
                with m.If(tile == self.config.blocks - 1):
                    m.d.sync += [tile.eq(0), parameters.eq(parameters + ((self.config.mode & Mode.TILED.value) != 0))]
        arrives, kept = Signal(), Signal.like(self.rows.payload.acc)
        sums = Mux(arrives, Array(self.read_data)[read.group], kept)
        m.d.sync += [arrives.eq(step), kept.eq(sums)]  # a lane may read for itself while a row waits
        with m.If(move):
            m.d.sync += [
                read.valid.eq(step), read.last.eq(group_end & (left == 1)), read.group.eq(group),
                read.index.eq(parameters * params_rows(config) + (group * config.lanes + lane) * 16 + index),
                self.rows.valid.eq(read.valid), self.rows.payload.acc.eq(sums),
                self.rows.payload.param.eq(read.index), self.rows.payload.last.eq(read.last),
            ]
        with m.If(self.start):
            m.d.sync += [group.eq(0), lane.eq(0), index.eq(0), slot.eq(0), parameters.eq(0), tile.eq(0),
                         left.eq(self.config.drain_blocks), read.valid.eq(0), self.rows.valid.eq(0)]
        return m


def params_rows(config: ArrayConfig) -> int:
    """Rows of one set of requantisation parameters in a unit."""
    return config.groups // config.output_units * config.lanes * 16
