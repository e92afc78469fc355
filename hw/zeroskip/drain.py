"""Reads finished blocks out of the groups of one output unit, a row of P sums a cycle."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.config import ArrayConfig
from zeroskip.output import row_layout


class Drain(wiring.Component):
    """Walks block, group, lane, filter; waits where a group's block is not complete yet.

    Parameters
    ----------
    config
        The array's parameters.

    Members
    -------
    start, filters
        In: a new layer, filters in each lane.
    full, drained, read_lane, read_address, read_en, read_data
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
            "filters": In(range(config.lane_filters + 1)),
            "full": In(2).array(groups),
            "drained": Out(2).array(groups),
            "read_lane": Out(range(config.lanes)),
            "read_address": Out(ceil_log2(config.lane_filters) + 1),
            "read_en": Out(1),
            "read_data": In(sums).array(groups),
            "rows": Out(stream.Signature(row_layout(config.pixels, config.acc_width, self.params_depth(config)))),
        })

    @staticmethod
    def params_depth(config: ArrayConfig) -> int:
        """Rows of a unit's table of requantisation parameters, at ``(group * lanes + lane) * 16 + filter``."""
        return config.groups // config.output_units * config.lanes * 16

    def elaborate(self, platform):
        """Counters, one read stage, the row register."""
        m = Module()
        config = self._config
        group, lane, index, bank = (Signal(range(self._groups)), Signal(range(config.lanes)),
                                    Signal(range(config.lane_filters)), Signal())
        full, move, step = Signal(), Signal(), Signal()
        filter_end, lane_end, group_end = Signal(), Signal(), Signal()
        read = Signal(data.StructLayout({
            "valid": 1, "last": 1, "group": len(group), "index": range(self.params_depth(config)),
        }))
        m.d.comb += [
            full.eq(Array(self.full)[group].bit_select(bank, 1)),
            move.eq(~self.rows.valid | self.rows.ready),
            step.eq(full & move),
            filter_end.eq(index == self.filters - 1),
            lane_end.eq(filter_end & (lane == config.lanes - 1)),
            group_end.eq(lane_end & (group == self._groups - 1)),
            self.read_lane.eq(lane),
            self.read_address.eq((bank << ceil_log2(config.lane_filters)) | index),
            self.read_en.eq(step),
        ]
        with m.If(step):
            m.d.sync += index.eq(index + 1)
            with m.If(filter_end):
                m.d.sync += [index.eq(0), lane.eq(lane + 1)]
            with m.If(lane_end):
                m.d.sync += [lane.eq(0), group.eq(group + 1)]
                m.d.comb += Array(self.drained)[group].eq(1 << bank)
            with m.If(group_end):
                m.d.sync += [group.eq(0), bank.eq(~bank)]
        with m.If(move):
            m.d.sync += [
                read.valid.eq(step), read.last.eq(lane_end), read.group.eq(group),
                read.index.eq((group * config.lanes + lane) * 16 + index),
                self.rows.valid.eq(read.valid), self.rows.payload.acc.eq(Array(self.read_data)[read.group]),
                self.rows.payload.param.eq(read.index), self.rows.payload.last.eq(read.last),
            ]
        with m.If(self.start):
            m.d.sync += [group.eq(0), lane.eq(0), index.eq(0), bank.eq(0), read.valid.eq(0), self.rows.valid.eq(0)]
        return m
