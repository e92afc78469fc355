"""The sequencer: walks blocks and windows, fetches each window once and broadcasts it to the groups that want it."""

from __future__ import annotations

import functools
import operator

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.block_counter import BlockCounter
from zeroskip.program import ConfigRegisters, GroupRegisters, PassLayout, TableWrite
from zeroskip.window_bus import WindowRow, window_shape
from zeroskip.window_place import BlockStep, WindowPlace
from zeroskip.window_reader import WindowReader
from zeroskip.wire import Section


class Sequencer(wiring.Component):
    """Runs passes, a window a cycle at most; a block of W windows takes W + 1 cycles where nothing holds it up.

    A window waits until the row it reads has been loaded and every group that wants it has a free slot. Windows outside
    the map are dropped. After a block's windows comes a marker for all groups, and after the last pass one more, which
    flushes the accumulators. The marker that retires an image waits until the whole image has been loaded, also where
    no window reads its last rows. From issue to the bus: `latency` cycles.

    Parameters
    ----------
    groups, pixels, columns, windows, queue_words
        As in :class:`~zeroskip.config.ArrayConfig`.
    line_bits
        Width of a line address of the feature-map memory.

    Members
    -------
    config, group, write, start, done
        In, from the program loader; `done` when the last result has gone.
    passes, pass_done, ended
        From and to the program loader.
    rows_loaded, base, retire, address, en, data
        To and from the feature-map memory.
    release
        In, mask: the group has freed a slot.
    window
        Out, the broadcast bus.
    waiting
        Out: held up because a row has not been loaded.
    held, empty, absent
        Out: a group that takes the window has no free slot, or the pass before is not over; no pass to walk; groups
        of which it is known that none of their pixels in this block is there.
    finished
        Out: the last marker has been issued, the last result has not gone.
    """

    def __init__(self, *, groups: int, pixels: int, windows: int, queue_words: int, line_bits: int, columns: int = 1
                 ) -> None:
        self._groups, self._pixels, self._windows, self._queue_words = groups, pixels, windows, queue_words
        self._columns, self._line_bits = columns, line_bits
        fetched = pixels * columns
        super().__init__({
            "config": In(ConfigRegisters),
            "group": In(GroupRegisters).array(groups),
            "write": In(TableWrite),
            "start": In(1),
            "done": In(1),
            "passes": In(stream.Signature(PassLayout)),
            "pass_done": Out(1),
            "ended": In(1),
            "rows_loaded": In(10),
            "base": In(line_bits),
            "retire": Out(1),
            "address": Out(line_bits).array(fetched),
            "en": Out(1).array(fetched),
            "data": In(128).array(fetched),
            "release": In(groups),
            "window": Out(window_shape(groups, pixels, columns)),
            "waiting": Out(1),
            "held": Out(1),
            "empty": Out(1),
            "absent": Out(groups),
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
        m.submodules.place = place = WindowPlace(groups=self._groups, pixels=self._pixels, columns=self._columns)
        m.submodules.reader = reader = WindowReader(groups=self._groups, pixels=self._pixels, columns=self._columns)
        here, go = place.placed, Signal()
        self._walk(m, blocks, place)
        credits, closing = self._count_credits(m, reader.issue, go & here.pass_end)
        look = self._look if self._columns == 1 else self._look_at_columns
        inside, last_row, parts = look(m, here)
        wanted = Signal(self._groups)
        incomplete, ready = Signal(), Signal()
        m.d.comb += [
            wanted.eq(functools.reduce(operator.or_, parts)),
            incomplete.eq(Mux(here.marker, here.retire & (self.rows_loaded != self.config.map_rows),
                              (wanted != 0) & (last_row >= self.rows_loaded))),
            self.waiting.eq(here.valid & incomplete),
            self.empty.eq(~here.valid),
            self.held.eq(here.valid & ~incomplete & ~go),
            ready.eq((wanted & ~credits) == 0),
            go.eq(here.valid & ready & ~incomplete & ~(here.pass_end & closing)),
            reader.issue.eq(Mux(go, wanted, 0)),
            reader.parts.eq(Cat(parts)),
            place.en.eq(~here.valid | go),
            self.retire.eq(go & here.marker & here.retire),
            reader.mode.eq(self.config.mode),
            reader.marker.eq(here.marker),
            reader.flip.eq(here.flip),
            reader.flags.eq(here.flags),
            reader.word.eq(here.word),
            reader.rotation.eq(here.position),
            reader.inside.eq(inside),
            reader.data.eq(Cat(self.data)),
            self.window.eq(reader.window),
        ]
        self._note_absent(m, here, go)
        self._address(m, here, go & ~here.marker)
        return m

    def _note_absent(self, m, here, go):
        """Groups whose windows of this block were dropped for want of pixels; kept until the next block has windows."""
        begins = Signal(init=1)
        with m.If(go):
            m.d.sync += begins.eq(here.marker)
        with m.If(go & ~here.marker):
            m.d.sync += self.absent.eq(Mux(begins, 0, self.absent) | self._exchange(
                m, here, here.absent, "exchanged_absent"))

    def _look(self, m, here):
        """Pixels of the window that lie in the map, the last row they lie in, and the groups that take it (a list)."""
        config = self.config
        own, next_row = Signal(self._pixels), Signal(self._pixels)
        inside, wanted, taken = Signal(self._pixels), Signal(self._groups), Signal(self._groups)
        in_row, in_next, last_row = Signal(), Signal(), Signal(signed(12))
        m.d.comb += [
            in_row.eq((here.row >= 0) & (here.row < config.map_rows)),
            in_next.eq((here.row + 1 >= 0) & (here.row + 1 < config.map_rows)),
        ]
        for p in range(self._pixels):
            col = here.col + p
            back = col - config.out_cols
            m.d.comb += [
                own[p].eq(~here.wrapped[p] & in_row & (col >= 0) & (col < config.map_cols)),
                next_row[p].eq(here.wrapped[p] & in_next & (back >= 0) & (back < config.map_cols)),
            ]
        m.d.comb += [
            wanted.eq(Mux(own.any(), here.wanted, 0) | Mux(next_row.any(), here.wanted_next, 0)),
            inside.eq(Mux(here.wanted.any(), own, 0) | Mux(here.wanted_next.any(), next_row, 0)),
            last_row.eq(here.row + (inside & next_row).any()),
            taken.eq(Mux(here.marker, ~0, self._exchange(m, here, wanted))),
        ]
        return inside, last_row, [taken]

    def _look_at_columns(self, m, here):
        """The same where a window has columns instead of pixels: the groups that take each of them."""
        config = self.config
        inside, in_row = Signal(self._columns), Signal()
        m.d.comb += in_row.eq((here.row >= 0) & (here.row < config.map_rows))
        parts = []
        for column, wanted in enumerate((here.wanted, here.second)):
            col, taken = here.col + column, Signal(self._groups, name=f"taken_{column}")
            m.d.comb += [
                inside[column].eq(in_row & (col >= 0) & (col < config.map_cols)),
                taken.eq(Mux(here.marker, ~0, self._exchange(m, here, Mux(inside[column], wanted, 0),
                                                                    f"exchanged_{column}"))),
            ]
            parts.append(taken)
        return inside, here.row, parts

    def _exchange(self, m, here, wanted, name="exchanged"):
        """The mask of groups after they have changed places: group g stands where g ^ flips did."""
        flips = Mux(here.flip[0], self.config.flip_cols, 0) ^ Mux(here.flip[1], self.config.flip_rows, 0)
        for bit in range(ceil_log2(self._groups)):
            turned = Cat(wanted[g ^ 1 << bit] if g ^ 1 << bit < self._groups else wanted[g]
                         for g in range(self._groups))
            exchanged = Signal(self._groups, name=f"{name}_{bit}")
            m.d.comb += exchanged.eq(Mux(flips[bit], turned, wanted))
            wanted = exchanged
        return wanted

    def _address(self, m, here, en):
        """Each bank reads the position that falls into it; wrapped pixels lie `map_wrap` positions further."""
        fetched = self._pixels * self._columns
        bank_bits = ceil_log2(fetched)
        first, line = here.position[:bank_bits], Signal(self._line_bits)
        m.d.comb += line.eq(self.base + here.position[bank_bits:])
        for bank in range(fetched):
            pixel = Signal(bank_bits, name=f"pixel_{bank}")
            m.d.comb += [
                pixel.eq(bank - first),
                self.en[bank].eq(en),
                self.address[bank].eq(line + (first > bank) + Mux(
                    here.wrapped.bit_select(pixel, 1), self.config.map_wrap >> bank_bits, 0)),
            ]

    def _walk(self, m, blocks, place):
        """The table's address runs one step ahead; `step` goes with the row that stands at the table's output."""
        m.submodules.table = table = memory.Memory(shape=WindowRow, depth=self._windows, init=[])
        write_port, read_port = table.write_port(), table.read_port()
        ahead, coming = place.en, self.passes.payload
        own, active, flush = Signal(PassLayout), Signal(), Signal()
        index, left = Signal(ceil_log2(self._windows)), Signal(ceil_log2(self._windows) + 1)
        block_end, pass_end = Signal(), Signal()
        flushed, finishing = Signal(init=1), Signal(2)
        step = Signal(BlockStep)
        m.d.comb += [
            write_port.en.eq(self.write.valid & (self.write.kind == Section.WINDOWS)),
            write_port.addr.eq(self.write.address),
            write_port.data.eq(self.write.data),
            read_port.en.eq(ahead),
            read_port.addr.eq(index),
            block_end.eq(left == own.join),
            pass_end.eq(active & block_end & blocks.last),
            flush.eq(~active & ~self.passes.valid & self.ended & ~flushed),
            self.passes.ready.eq(~active | (ahead & pass_end)),
            blocks.config.eq(self.config), blocks.images.eq(own.images),
            blocks.start.eq(self.passes.valid & self.passes.ready),
            blocks.step.eq(active & ahead & block_end),
            place.config.eq(self.config), place.step.eq(step), place.window.eq(read_port.data),
        ]
        m.d.comb += [mine.eq(group) for mine, group in zip(place.group, self.group, strict=True)]
        with m.If(ahead):
            m.d.sync += [
                step.valid.eq(active | flush), step.marker.eq(flush | (left == 0)), step.pass_end.eq(pass_end),
                step.flags.eq(Cat(own.final, Mux(blocks.last, own.final, own.fresh))),
                step.retire.eq(active & blocks.last_of_image & own.retire),
                step.flip.eq(blocks.flip), step.rows.eq(own.rows), step.row.eq(blocks.row), step.col.eq(blocks.col),
                step.position.eq(blocks.position), finishing.eq(Cat(flush, finishing)),
                index.eq(Mux(block_end, own.first_window, index + 1)), left.eq(Mux(block_end, own.windows, left - 1)),
                active.eq(active & ~pass_end), flushed.eq(flushed | flush),
                self.finished.eq(self.finished | finishing[1]),
            ]
        with m.If(self.passes.valid & self.passes.ready):
            m.d.sync += [own.eq(coming), active.eq(1), index.eq(coming.first_window), left.eq(coming.windows)]
        with m.If(self.start):
            m.d.sync += [flushed.eq(0), finishing.eq(0)]
        with m.If(self.done):
            m.d.sync += self.finished.eq(0)

    def _count_credits(self, m, issue, pass_end):
        """Free slots of each group: which groups have any. And whether the pass before the last one is still held.

        Slots are freed in order: a pass is over when as many are free again as were in use at its last step.
        """
        some, held = Signal(self._groups), Signal(self._groups)
        closing = Signal()
        for g in range(self._groups):
            used, before = (Signal(range(self._queue_words + 1), name=f"{name}_{g}") for name in ("used", "before"))
            after = used + issue[g] - self.release[g]
            m.d.sync += used.eq(after)
            with m.If(pass_end):
                m.d.sync += before.eq(after)
            with m.Elif(self.release[g] & held[g]):
                m.d.sync += before.eq(before - 1)
            with m.If(self.start):
                m.d.sync += used.eq(0)
            m.d.comb += [some[g].eq(used != self._queue_words), held[g].eq(before != 0)]
        m.d.comb += self.pass_done.eq(closing & ~held.any())
        m.d.sync += closing.eq(pass_end | (closing & held.any()))
        return some, closing
