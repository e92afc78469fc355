"""A group: E lanes on the same P pixels, with one queue of words between them."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.config import ArrayConfig
from zeroskip.lane import Lane
from zeroskip.lane_account import LaneAccount, lane_counts
from zeroskip.lists import halves
from zeroskip.program import ConfigRegisters, GroupRegisters, TableWrite
from zeroskip.window_bus import window_shape
from zeroskip.wire import WORD_CHANNELS, Mode


class Group(wiring.Component):
    """Keeps the windows it wants in slots until every lane is past them.

    Parameters
    ----------
    config
        The array's parameters.
    index
        Which group this is: its bit in masks.

    Members
    -------
    layer, own, write, start
        In, from the program loader.
    window
        In, the broadcast bus.
    release
        Out, one cycle: a slot is free again.
    full
        Out: every lane's results of a block lie complete in their slot.
    drained
        In: the oldest such slot has been read.
    read_lane, read_address, read_en, read_data
        Results of one lane; latency 1.
    read_blocked
        Out: that lane needs its memory itself; `read_en` is not heard.
    issued, gated
        Out: multiplier slots used, and gated among them.
    idle, absent, quiet
        In: there is no program; this group has no pixel in the block; the array has no work (see ``LaneAccount``).
    lost
        Out, of the cycle of `issued`: the lanes that issue nothing.
    busy
        Out: some lane has work.
    """

    def __init__(self, *, config: ArrayConfig, index: int) -> None:
        self._config, self._index = config, index
        slots = config.lanes * config.pixels
        super().__init__({
            "layer": In(ConfigRegisters),
            "own": In(GroupRegisters),
            "write": In(TableWrite),
            "start": In(1),
            "window": In(window_shape(config.groups, config.pixels, config.columns)),
            "release": Out(1),
            "full": Out(1),
            "drained": In(1),
            "read_lane": In(range(config.lanes)),
            "read_address": In(ceil_log2(config.result_rows)),
            "read_blocked": Out(1),
            "read_en": In(1),
            "read_data": Out(data.ArrayLayout(signed(config.acc_width), config.pixels)),
            "issued": Out(range(slots + 1)),
            "gated": Out(range(slots + 1)),
            "idle": In(1),
            "absent": In(1),
            "quiet": In(1),
            "lost": Out(lane_counts(config.lanes)),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        """Slots, lanes, release, results."""
        m = Module()
        config = self._config
        lanes = [Lane(config=config) for _ in range(config.lanes)]
        word = data.ArrayLayout(data.ArrayLayout(8, WORD_CHANNELS), config.fetched)
        m.submodules.values = values = memory.Memory(shape=word, depth=config.queue_words, init=[])
        write_port = values.write_port()
        push, slot, offset = Signal(), Signal(range(config.queue_words)), Signal.like(self.own.word_offset)
        mask, unused = Signal.like(self.window.mask), Signal(config.lane_filters)
        m.d.comb += [
            offset.eq(Array([self.own.word_offset, self.own.word_offset_cols, self.own.word_offset_rows,
                             self.own.word_offset_both])[self.window.flip]),
            push.eq(self.window.want[self._index]),
            unused.eq(~0 << self.layer.filters[: len(lanes[0].filters_used)]),
            mask.eq(self.window.mask if config.columns == 1 else Cat(
                Mux(part[self._index], self.window.mask.word_select(column, WORD_CHANNELS), 0)
                for column, part in enumerate(self.window.parts))),
            write_port.en.eq(push), write_port.addr.eq(slot), write_port.data.eq(self.window.data),
        ]
        with m.If(push):
            m.d.sync += slot.eq(slot + 1)
        with m.If(self.start):
            m.d.sync += slot.eq(0)
        low = self.write.mask[self._index]
        high = self.write.mask[16 + self._index] if halves(config) == 2 else 0
        for e, lane in enumerate(lanes):
            m.submodules[f"lane_{e}"] = lane
            read_port = values.read_port(domain="comb")
            m.d.comb += [
                lane.start.eq(self.start), lane.filters_used.eq(self.layer.filters), lane.unused.eq(unused),
                lane.ring.eq(self.layer.ring),
                lane.signed_map.eq((self.layer.mode & Mode.SIGNED_MAP.value) != 0),
                lane.write.eq(self.write), lane.write.valid.eq(self.write.valid & (low | high)),
                lane.write_row.eq(Mux(high, self.write.data.word_select(4 + e, 16) if e < 4 else 0,
                                      self.write.data.word_select(e, 16))),
                lane.push.eq(push), lane.marker.eq(self.window.marker), lane.slot.eq(slot),
                lane.word.eq(self.window.word - offset), lane.word_step.eq(self.layer.word_step), lane.mask.eq(mask),
                read_port.addr.eq(lane.read_slot), lane.slot_data.eq(read_port.data),
                lane.drained.eq(self.drained),
                lane.read_en.eq(self.read_en), lane.read_address.eq(self.read_address),
            ]
        self._release_slots(m, lanes, push, slot)
        self._collect(m, lanes)
        self._account(m, lanes)
        return m

    def _release_slots(self, m, lanes, push, slot):
        """A slot is pending in a lane from its arrival until the lane has passed it; slots are freed in order."""
        oldest = Signal.like(slot)
        used = Signal(range(self._config.queue_words + 1))
        pending = []
        for e, lane in enumerate(lanes):
            bits = Signal(self._config.queue_words, name=f"pending_{e}")
            m.d.sync += bits.eq((bits & ~lane.passed) | (push << slot))
            with m.If(self.start):
                m.d.sync += bits.eq(0)
            pending.append(bits)
        held = Cat(bits.bit_select(oldest, 1) for bits in pending).any()
        m.d.comb += self.release.eq((used != 0) & ~held)
        m.d.sync += used.eq(used + push - self.release)
        with m.If(self.release):
            m.d.sync += oldest.eq(oldest + 1)
        with m.If(self.start):
            m.d.sync += [oldest.eq(0), used.eq(0)]

    def _collect(self, m, lanes):
        config = self._config
        chosen = Signal.like(self.read_lane)
        with m.If(self.read_en & ~self.read_blocked):
            m.d.sync += chosen.eq(self.read_lane)
        with m.Switch(chosen):
            for e, lane in enumerate(lanes):
                with m.Case(e):
                    m.d.comb += self.read_data.eq(lane.read_data)
        m.d.comb += self.read_blocked.eq(Array(lane.read_blocked for lane in lanes)[self.read_lane])
        complete = []
        for e, lane in enumerate(lanes):
            count = Signal(range(config.result_rows + 1), name=f"complete_{e}")
            m.d.sync += count.eq(count + lane.full - self.drained)
            with m.If(self.start):
                m.d.sync += count.eq(0)
            complete.append(count != 0)
        m.d.comb += self.full.eq(Cat(complete).all())
        m.d.sync += [
            self.issued.eq(sum(Mux(lane.issued, config.pixels, 0) for lane in lanes)),
            self.gated.eq(sum(lane.gated for lane in lanes)),
            self.busy.eq(Cat(lane.busy for lane in lanes).any() | (self.window.want[self._index])),
        ]

    def _account(self, m, lanes):
        """What the lanes that issue nothing lack."""
        m.submodules.account = account = LaneAccount(lanes=len(lanes))
        m.d.comb += [
            account.idle.eq(self.idle), account.absent.eq(self.absent), account.quiet.eq(self.quiet),
            *(getattr(account, name).eq(Cat(getattr(lane, name) for lane in lanes))
              for name in ("listed", "issued", "held", "pending")),
            self.lost.eq(account.counts),
        ]
