"""A group: E lanes on the same P pixels."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, ResetInserter, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.block_barrier import BlockBarrier
from zeroskip.config import ArrayConfig
from zeroskip.gateware.primitives.choose import choose
from zeroskip.lane import Lane, lane_word
from zeroskip.lane_account import LaneAccount, lane_counts
from zeroskip.list_builder import tables_shape
from zeroskip.program import ConfigRegisters, GroupRegisters
from zeroskip.up_down import up_down
from zeroskip.value_memory import fill_shape
from zeroskip.window_bus import ROOM, window_shape
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
    reset
        In: heard of one cycle late, for the way is long.
    layer, own, start
        In, from the program loader; heard of one cycle late, for the way is long.
    write, tables
        In: into the lanes' tables, array of lanes: ``tables_shape``; only with `write`.
    fill
        In, array of banks: into the lanes' value memories.
    window, mask
        In, the broadcast bus; the mask comes one cycle after its window.
    room
        Out, mask: room for one word, two, three, four; of a word on the bus known `ROOM_LATENCY` cycles later.
    block_done
        Out, one cycle: all lanes are past a marker more.
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
            "reset": In(1),
            "layer": In(ConfigRegisters),
            "own": In(GroupRegisters),
            "write": In(1),
            "tables": In(tables_shape(config.words, config.list_entries)).array(config.lanes),
            "start": In(1),
            "fill": In(fill_shape(config.value_lines)).array(config.banks),
            "room": Out(ROOM),
            "window": In(window_shape(config)),
            "mask": In(WORD_CHANNELS * config.columns),
            "block_done": Out(1),
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
        reset = Signal(reset_less=True)
        m.d.sync += reset.eq(self.reset)
        lanes = [Lane(config=self._config) for _ in range(self._config.lanes)]
        coming, look, word, arrival = self._receive(m)
        layer, start, idle = Signal.like(self.layer), Signal(), Signal()
        fills = [Signal.like(fill, name=f"fill_{bank}") for bank, fill in enumerate(self.fill)]
        m.d.sync += [layer.eq(self.layer), start.eq(self.start), idle.eq(self.idle),
                     *(own.eq(fill) for own, fill in zip(fills, self.fill, strict=True))]
        for e, lane in enumerate(lanes):
            m.submodules[f"lane_{e}"] = lane
            m.d.comb += [
                lane.start.eq(start), lane.filters_used.eq(layer.filters), lane.ring.eq(layer.ring),
                lane.signed_map.eq((layer.mode & Mode.SIGNED_MAP.value) != 0),
                lane.value_ring.eq(layer.plane_ring - 1),
                lane.write.eq(self.write), lane.tables.eq(self.tables[e]),
                *(bank.eq(fill) for bank, fill in zip(lane.fill, fills, strict=True)),
                lane.issue.eq(coming), lane.look.eq(look), lane.word.eq(word),
                lane.word_step.eq(layer.word_step), lane.arrival.eq(arrival),
                lane.drained.eq(self.drained),
                lane.read_en.eq(self.read_en), lane.read_address.eq(self.read_address),
            ]
        free = [Cat(lane.places[taken] for lane in lanes).all() for taken in range(ROOM + 1)]
        m.d.sync += self.room.eq(Mux(coming, Cat(free[1:]), Cat(free[:-1])))
        m.submodules.barrier = barrier = BlockBarrier(parties=len(lanes), ahead=2 * self._config.queue_words)
        m.d.sync += barrier.passed.eq(Cat(lane.ended for lane in lanes))
        m.d.comb += [barrier.start.eq(start), self.block_done.eq(barrier.done)]
        self._collect(m, lanes, start, self.window.want[self._index] | coming | look | arrival.push)
        self._account(m, lanes, idle)
        return ResetInserter(reset)(m)

    def _receive(self, m):
        """A word's number as this group knows it, and in the next cycle the word; behind a register, for the bus is
        long.
        """
        own, window, mask = self.own, Signal.like(self.window, name="window_1"), Signal.like(self.mask, name="mask_1")
        early = Signal.like(mask)
        m.d.sync += [window.eq(self.window), early.eq(self.mask), mask.eq(early)]
        offset, arrival, looked = Signal.like(own.word_offset), Signal(lane_word(self._config)), Signal.like(window)
        word, parts = Signal(ceil_log2(self._config.words)), Signal(window.parts.shape())
        m.d.comb += offset.eq(Array([own.word_offset, own.word_offset_cols, own.word_offset_rows,
                                     own.word_offset_both])[window.flip])
        m.d.sync += [looked.eq(window), word.eq(window.word - offset)]
        look = looked.want[self._index]
        held = Signal.like(arrival)
        m.d.sync += [held.push.eq(look), held.marker.eq(looked.marker), held.position.eq(looked.position),
                     held.inside.eq(looked.inside), parts.eq(looked.parts)]
        m.d.comb += [arrival.eq(held), arrival.mask.eq(mask if self._config.columns == 1 else Cat(
            Mux(part[self._index], mask.word_select(column, WORD_CHANNELS), 0)
            for column, part in enumerate(parts)))]
        return window.want[self._index], look, word, arrival

    def _collect(self, m, lanes, start, coming):
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
            with m.If(start):
                m.d.sync += count.eq(0)
            complete.append(count != 0)
            two.append(count[1:] != 0)
        m.d.comb += self.full.eq(Cat(Cat(complete).all(), Cat(two).all()))
        m.d.sync += [
            self.issued.eq(sum(Mux(lane.issued, config.pixels, 0) for lane in lanes)),
            self.gated.eq(sum(lane.gated for lane in lanes)),
            self.busy.eq(Cat(lane.busy for lane in lanes).any() | coming),
        ]

    def _account(self, m, lanes, idle):
        """What the lanes that issue nothing lack."""
        m.submodules.account = account = LaneAccount(lanes=len(lanes))
        m.d.comb += [
            account.idle.eq(idle), account.absent.eq(self.absent), account.quiet.eq(self.quiet),
            *(getattr(account, name).eq(Cat(getattr(lane, name) for lane in lanes))
              for name in ("listed", "issued", "held", "pending")),
            self.lost.eq(account.counts),
        ]
