"""A group: E lanes on the same P pixels."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.choose import choose
from zeroskip.config import ArrayConfig
from zeroskip.iterator import PLACES
from zeroskip.lane import Lane, lane_word
from zeroskip.lane_account import LaneAccount, lane_counts
from zeroskip.list_builder import tables_shape
from zeroskip.program import ConfigRegisters, GroupRegisters
from zeroskip.up_down import up_down
from zeroskip.value_memory import fill_shape
from zeroskip.window_bus import window_shape
from zeroskip.wire import WORD_CHANNELS, Mode


class Group(wiring.Component):
    """Hands the windows it wants to its lanes, and collects what they say.

    Parameters
    ----------
    config
        The array's parameters.
    index
        Which group this is: its bit in masks.

    Members
    -------
    layer, own, start
        In, from the program loader.
    write, tables
        In: into the lanes' tables, array of lanes: ``tables_shape``; only with `write`.
    fill
        In, array of banks: into the lanes' value memories.
    issue, room
        In: a word is sent to the group; only with `room`, out.
    window, mask
        In, the broadcast bus; the mask comes one cycle after its window.
    block_done, block_taken
        Out: all lanes are past a marker more; in: noted.
    full
        Out, mask: every lane's results of a block lie complete in their slot; of two blocks.
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
            "write": In(1),
            "tables": In(tables_shape(config.words, config.list_entries)).array(config.lanes),
            "start": In(1),
            "fill": In(fill_shape(config.value_lines)).array(config.banks),
            "issue": In(1),
            "room": Out(1),
            "window": In(window_shape(config)),
            "mask": In(WORD_CHANNELS * config.columns),
            "block_done": Out(1),
            "block_taken": In(1),
            "full": Out(2),
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
        """The word for the lanes; the lanes; what comes of them."""
        m = Module()
        lanes = [Lane(config=self._config) for _ in range(self._config.lanes)]
        issued, (look, word, arrival) = Signal(), self._receive(m)
        for e, lane in enumerate(lanes):
            m.submodules[f"lane_{e}"] = lane
            m.d.comb += [
                lane.start.eq(self.start), lane.filters_used.eq(self.layer.filters), lane.ring.eq(self.layer.ring),
                lane.signed_map.eq((self.layer.mode & Mode.SIGNED_MAP.value) != 0),
                lane.value_ring.eq(self.layer.plane_ring - 1),
                lane.write.eq(self.write), lane.tables.eq(self.tables[e]),
                *(bank.eq(fill) for bank, fill in zip(lane.fill, self.fill, strict=True)),
                lane.issue.eq(issued), lane.look.eq(look), lane.word.eq(word),
                lane.word_step.eq(self.layer.word_step), lane.arrival.eq(arrival),
                lane.drained.eq(self.drained),
                lane.read_en.eq(self.read_en), lane.read_address.eq(self.read_address),
            ]
        # From registers to registers: the lanes hear of a word a cycle late, and it is taken off what they say.
        free = [Cat(lane.places[taken] for lane in lanes).all() for taken in range(PLACES)]
        m.d.sync += [issued.eq(self.issue),
                     self.room.eq(Mux(self.issue, Mux(issued, free[2], free[1]), Mux(issued, free[1], free[0])))]
        self._follow_markers(m, lanes)
        self._collect(m, lanes, look | arrival.push)
        self._account(m, lanes)
        return m

    def _receive(self, m):
        """The number of the word as this group knows it, and in the next cycle the word."""
        own, window = self.own, self.window
        look, offset, arrival = Signal(), Signal.like(own.word_offset), Signal(lane_word(self._config))
        parts = Signal(window.parts.shape())
        m.d.comb += [
            look.eq(window.want[self._index]),
            offset.eq(Array([own.word_offset, own.word_offset_cols, own.word_offset_rows,
                             own.word_offset_both])[window.flip]),
        ]
        held = Signal.like(arrival)
        m.d.sync += [held.push.eq(look), held.marker.eq(window.marker), held.position.eq(window.position),
                     held.inside.eq(window.inside), parts.eq(window.parts)]
        m.d.comb += [arrival.eq(held), arrival.mask.eq(self.mask if self._config.columns == 1 else Cat(
            Mux(part[self._index], self.mask.word_select(column, WORD_CHANNELS), 0)
            for column, part in enumerate(parts)))]
        return look, window.word - offset, arrival

    def _follow_markers(self, m, lanes):
        """How many markers each lane is ahead of what has been noted."""
        ahead = []
        for e, lane in enumerate(lanes):
            count = Signal(range(2 * self._config.queue_words), name=f"ahead_{e}")
            ended = Signal(name=f"ended_{e}")
            m.d.sync += [ended.eq(lane.ended), count.eq(up_down(count, ended, self.block_taken))]
            with m.If(self.start):
                m.d.sync += count.eq(0)
            ahead.append(count != 0)
        m.d.comb += self.block_done.eq(Cat(ahead).all())

    def _collect(self, m, lanes, coming):
        config = self._config
        chosen = Signal.like(self.read_lane)
        with m.If(self.read_en & ~self.read_blocked):
            m.d.sync += chosen.eq(self.read_lane)
        m.d.comb += self.read_data.eq(choose(m, [lane.read_data.as_value() for lane in lanes], chosen))
        m.d.comb += self.read_blocked.eq(Array(lane.read_blocked for lane in lanes)[self.read_lane])
        complete, two = [], []
        for e, lane in enumerate(lanes):
            count = Signal(range(config.result_slots + 1), name=f"complete_{e}")
            m.d.sync += count.eq(up_down(count, lane.full, self.drained))
            with m.If(self.start):
                m.d.sync += count.eq(0)
            complete.append(count != 0)
            two.append(count[1:] != 0)
        m.d.comb += self.full.eq(Cat(Cat(complete).all(), Cat(two).all()))
        m.d.sync += [
            self.issued.eq(sum(Mux(lane.issued, config.pixels, 0) for lane in lanes)),
            self.gated.eq(sum(lane.gated for lane in lanes)),
            self.busy.eq(Cat(lane.busy for lane in lanes).any() | coming),
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
