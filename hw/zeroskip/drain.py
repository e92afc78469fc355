"""Reads finished blocks out of the groups of one output unit, a row of P sums a cycle."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

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
            "full": In(2).array(groups),
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
        move, step, last = Signal(), Signal(), Signal()
        group, lane = Signal(range(self._groups)), Signal.like(self.read_lane)
        index, parameters = Signal(range(config.lane_filters)), Signal(range(PARAMETER_SETS))
        m.d.comb += [
            move.eq(~self.rows.valid | self.rows.ready),
            # a block that has just been read still counts
            self.read_en.eq(Array(Mux(gone, full[1], full[0])
                                  for full, gone in zip(self.full, self.drained, strict=True))[group] & move),
            step.eq(self.read_en & ~Array(self.read_blocked)[group]),
            self.read_lane.eq(lane),
        ]
        self._walk(m, step, last, group, lane, index, parameters)
        place = joined(parameters, joined(group, lane, config.lanes), self._groups * config.lanes)
        read = Signal(data.StructLayout({
            "valid": 1, "last": 1, "group": len(group), "index": range(self.params_depth(config)),
        }))
        with m.If(move):
            m.d.sync += [read.valid.eq(step), read.last.eq(last), read.group.eq(group),
                         read.index.eq(joined(place, index, 16))]
        self._give_rows(m, read, step, move)
        with m.If(self.start):
            m.d.sync += [read.valid.eq(0), self.rows.valid.eq(0), *(gone.eq(0) for gone in self.drained)]
        return m

    def _walk(self, m, step, last, group, lane, index, parameters):
        """The place of the next row, and whether it is the layer's last; a step goes on to the one after it."""
        following = Signal(range(self._config.lane_filters + 1), init=1)  # the index after this one
        slot = Signal(range(self._config.result_slots))
        filter_end, lane_end, group_end, block_end = (Signal(name=name) for name in (
            "filter_end", "lane_end", "group_end", "block_end"))
        m.d.comb += [
            filter_end.eq(following == self.config.filters[: len(following)]),
            lane_end.eq(filter_end & (lane == self._config.lanes - 1)),
            group_end.eq(lane_end & (group == self._groups - 1)),
            block_end.eq(step & group_end),
            self.read_address.eq(slot_row(slot, index)),
        ]
        ring_end, image_end, layer_end = self._count_blocks(m, block_end)
        m.d.comb += last.eq(group_end & layer_end)
        m.d.sync += [gone.eq(step & lane_end & (group == at)) for at, gone in enumerate(self.drained)]
        with m.If(step):
            m.d.sync += [index.eq(following), following.eq(following + 1)]
            with m.If(filter_end):
                m.d.sync += [index.eq(0), following.eq(1), lane.eq(lane + 1)]
            with m.If(lane_end):
                m.d.sync += [lane.eq(0), group.eq(group + 1)]
        with m.If(block_end):
            m.d.sync += [group.eq(0), slot.eq(slot + 1)]
            with m.If(ring_end):
                m.d.sync += slot.eq(0)
            with m.If(image_end & ((self.config.mode & Mode.TILED.value) != 0)):
                m.d.sync += parameters.eq(parameters + 1)
        with m.If(self.start):
            m.d.sync += [group.eq(0), lane.eq(0), index.eq(0), following.eq(1), slot.eq(0), parameters.eq(0)]

    def _count_blocks(self, m, end):
        """Whether the block is the last one of the ring, of an image, and of the layer; `end` is its end.

        Each is the number of the block, from 1 on, compared with how many there are: nothing is subtracted. Where a
        block has at least two rows, the comparison has a cycle of its own before the last one.
        """
        flags, compare = [], m.d.sync if self._groups * self._config.lanes > 1 else m.d.comb
        for name, total in (("ring", self.config.ring), ("blocks", self.config.blocks),
                            ("drain_blocks", self.config.drain_blocks)):
            number, last = Signal(total.shape(), name=f"of_{name}", init=1), Signal(name=f"last_of_{name}")
            compare += last.eq(number == total)
            with m.If(end):
                m.d.sync += number.eq(number + 1)
            with m.If(self.start | (end & last)):
                m.d.sync += number.eq(1)
            flags.append(last)
        return flags

    def _give_rows(self, m, read, step, move):
        """What was read goes into the row register, or is kept where that is not free: a lane may read for itself."""
        arrives, kept = Signal(), Signal.like(self.rows.payload.acc)
        sums = Mux(arrives, Array(self.read_data)[read.group], kept)
        m.d.sync += [arrives.eq(step), kept.eq(sums)]
        with m.If(move):
            m.d.sync += [
                self.rows.valid.eq(read.valid), self.rows.payload.acc.eq(sums),
                self.rows.payload.param.eq(read.index), self.rows.payload.last.eq(read.last),
            ]


def joined(high, low, size):
    """``high * size + low`` for a `low` below `size`: without an adder where `size` is a power of two."""
    if size & (size - 1):
        return high * size + low
    return Cat((low | Const(0, exact_log2(size)))[: exact_log2(size)], high)


def params_rows(config: ArrayConfig) -> int:
    """Rows of one set of requantisation parameters in a unit."""
    return config.groups // config.output_units * config.lanes * 16
