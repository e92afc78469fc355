"""The sequencer: walks blocks and windows, fetches each window once and broadcasts it to the groups that want it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.block_counter import BlockCounter
from zeroskip.program import ConfigRegisters, GroupRegisters, TableWrite
from zeroskip.window_bus import WindowRow, window_shape
from zeroskip.window_reader import WindowReader
from zeroskip.wire import Section


class Sequencer(wiring.Component):
    """Issues one window a cycle at most; a block of W windows takes W + 1 cycles where nothing holds it up.

    A window waits until the row it reads has been loaded and every group that wants it has a free slot. Windows outside
    the map are dropped. After a block's windows comes a marker for all groups, and after the last block one more, which
    flushes the accumulators. The marker that retires an image waits until the whole image has been loaded, also where
    no window reads its last rows. From issue to the bus: `latency` cycles.

    Parameters
    ----------
    groups, pixels, windows, queue_words
        As in :class:`~zeroskip.config.ArrayConfig`.
    line_bits
        Width of a line address of the feature-map memory.

    Members
    -------
    config, group, write, start
        In, from the program loader.
    rows_loaded, base, retire, address, en, data
        To and from the feature-map memory.
    release
        In, mask: the group has freed a slot.
    window
        Out, the broadcast bus.
    waiting
        Out: held up because a row has not been loaded.
    finished
        Out: the last marker has been issued.
    """

    def __init__(self, *, groups: int, pixels: int, windows: int, queue_words: int, line_bits: int) -> None:
        self._groups, self._pixels, self._windows, self._queue_words = groups, pixels, windows, queue_words
        self._line_bits = line_bits
        super().__init__({
            "config": In(ConfigRegisters),
            "group": In(GroupRegisters).array(groups),
            "write": In(TableWrite),
            "start": In(1),
            "rows_loaded": In(10),
            "base": In(line_bits),
            "retire": Out(1),
            "address": Out(line_bits).array(pixels),
            "en": Out(1).array(pixels),
            "data": In(128).array(pixels),
            "release": In(groups),
            "window": Out(window_shape(groups, pixels)),
            "waiting": Out(1),
            "finished": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from the issue of a window to its appearance on the bus."""
        return 1 + WindowReader.latency

    def elaborate(self, platform):
        """Issue: bounds, rows loaded, credits; then the reader."""
        m = Module()
        m.submodules.blocks = blocks = BlockCounter()
        m.submodules.reader = reader = WindowReader(groups=self._groups, pixels=self._pixels)
        ahead, row, here = self._walk(m, blocks)
        credits = self._count_credits(m, reader.issue)
        needs_row, incomplete, ready, inside, wanted = Signal(), Signal(), Signal(), Signal(), Signal(self._groups)
        map_row, col = Signal(signed(12)), Signal(signed(12))
        position = Signal(self._line_bits + ceil_log2(self._pixels))
        active, kept = self._find_active(m, here, wanted)
        m.d.comb += [
            map_row.eq(here.row + row.dy.as_signed()),
            col.eq(here.col + row.dx.as_signed()),
            position.eq(here.position + row.offset),
            inside.eq((map_row >= 0) & (map_row < self.config.map_rows)
                      & (col + self._pixels > 0) & (col < self.config.map_cols)),
            needs_row.eq(~here.marker & inside & (wanted != 0)),
            incomplete.eq(here.marker & here.retire & (self.rows_loaded != self.config.map_rows)),
            wanted.eq(Mux(here.marker, ~0, Mux(inside, row.want[: self._groups] & active, 0))),
            self.waiting.eq(here.valid & (incomplete | (needs_row & (map_row >= self.rows_loaded)))),
            ready.eq((wanted & ~credits) == 0),
            reader.issue.eq(Mux(here.valid & ready & ~self.waiting, wanted, 0)),
            ahead.eq(~here.valid | (ready & ~self.waiting)),
            self.retire.eq(here.valid & here.marker & here.retire & ready & ~self.waiting),
            reader.mode.eq(self.config.mode),
            reader.marker.eq(here.marker),
            reader.word.eq(row.word),
            reader.rotation.eq(position),
            reader.inside.eq(kept & Cat((col + p >= 0) & (col + p < self.config.map_cols)
                                        for p in range(self._pixels))),
            reader.data.eq(Cat(self.data)),
            self.window.eq(reader.window),
        ]
        bank_bits = ceil_log2(self._pixels)
        for bank in range(self._pixels):
            m.d.comb += [
                self.en[bank].eq((reader.issue != 0) & ~here.marker),
                self.address[bank].eq(self.base + position[bank_bits:] + (position[:bank_bits] > bank)),
            ]
        return m

    def _find_active(self, m, here, wanted):
        """Groups that have an output in this block; pixels of the window that are one for a group that wants it.

        Pixels beyond the last output column become zeros, so that nothing is multiplied for them. Groups at
        different columns share a window only where P = 1, so what one of them keeps is right for all.
        """
        active, kept = Signal(self._groups), []
        for g, group in enumerate(self.group):
            valid = Signal(self._pixels, name=f"valid_pixels_{g}")
            m.d.comb += [
                valid.eq(Cat(here.col + group.col_offset + p < self.config.out_cols for p in range(self._pixels))),
                active[g].eq(valid[0] & (here.row + group.row_offset < self.config.out_rows)),
            ]
            kept.append(Mux(wanted[g], valid, 0))
        return active, Cat(Cat(mask[p] for mask in kept).any() for p in range(self._pixels))

    def _walk(self, m, blocks):
        """The table's address runs one step ahead; `here` goes with the row that stands at the table's output."""
        m.submodules.table = table = memory.Memory(shape=WindowRow, depth=self._windows, init=[])
        write_port, read_port = table.write_port(), table.read_port()
        ahead = Signal()
        index = Signal(ceil_log2(self._windows) + 1)
        running, flush = Signal(), Signal()
        marker, last_step = Signal(), Signal()
        here = Signal(data.StructLayout({
            "valid": 1, "marker": 1, "retire": 1, "row": 10, "col": 10, "position": unsigned(14),
        }))
        m.d.comb += [
            write_port.en.eq(self.write.valid & (self.write.kind == Section.WINDOWS)),
            write_port.addr.eq(self.write.address),
            write_port.data.eq(self.write.data),
            read_port.en.eq(ahead),
            read_port.addr.eq(index),
            marker.eq(flush | (index == self.config.windows)),
            blocks.config.eq(self.config),
            blocks.start.eq(self.start),
            blocks.step.eq(running & ahead & marker & ~flush),
            last_step.eq(running & ahead & flush),
        ]
        with m.If(ahead):
            m.d.sync += [
                here.valid.eq(running), here.marker.eq(marker), here.retire.eq(blocks.last_of_image & ~flush),
                here.row.eq(blocks.row), here.col.eq(blocks.col), here.position.eq(blocks.position),
                index.eq(Mux(marker, 0, index + 1)),
            ]
            with m.If(running & marker & blocks.last):
                m.d.sync += flush.eq(1)
        with m.If(last_step):
            m.d.sync += [running.eq(0), flush.eq(0)]
        finishing = Signal()
        m.d.sync += finishing.eq(last_step | (finishing & ~ahead))
        with m.If(finishing & ahead):
            m.d.sync += self.finished.eq(1)
        with m.If(self.start):
            m.d.sync += [running.eq(1), flush.eq(0), index.eq(0), here.valid.eq(0), self.finished.eq(0)]
        return ahead, read_port.data, here

    def _count_credits(self, m, issue):
        """Free slots of each group; the result says which groups have any."""
        some = Signal(self._groups)
        for g in range(self._groups):
            used = Signal(range(self._queue_words + 1), name=f"used_{g}")
            m.d.sync += used.eq(used + issue[g] - self.release[g])
            with m.If(self.start):
                m.d.sync += used.eq(0)
            m.d.comb += some[g].eq(used != self._queue_words)
        return some
