"""The dense array's loop: blocks, passes of M filters, words of the window table, channels of a word."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.dense_raster import ROW_BITS
from zeroskip.multiplier import positive
from zeroskip.program import ConfigRegisters, TableWrite
from zeroskip.wire import WORD_CHANNELS, Section

OFFSET_BITS = 14
LAST_CHANNEL_BITS = ceil_log2(WORD_CHANNELS)

WORD = data.StructLayout({
    "offset": OFFSET_BITS,
    "dy": signed(ROW_BITS),
    "dx": signed(ROW_BITS),
    "last_channel": LAST_CHANNEL_BITS,
})
"""What is kept of a row of the window table: everything modulo the size of the memory; channels less one."""

STEP = data.StructLayout({
    "word": WORD,
    "channel": LAST_CHANNEL_BITS,
    "first": 1,
    "last": 1,
    "block_end": 1,
})
"""One step: its word and channel; the word's first step; the last step of its pass; of its block."""


class StepSequencer(wiring.Component):
    """Gives one step a cycle where nothing holds it up: no bubble between words, passes or blocks.

    A pass's last step waits for `room`, and every step for a block.

    Parameters
    ----------
    filters
        M, the filters of a pass.
    windows
        Rows of the window table.

    Members
    -------
    config : In(ConfigRegisters)
    write : In(TableWrite)
    start : In(1)
    step : Out(STEP)
        The step, whether it goes or not.
    go : Out(1)
        It goes in this cycle.
    block_valid, room : In(1)
        There is a block; the sums of its pass can be taken off.
    held : Out(1)
        A step waits only for `room`.
    own_filters : Out(range(filters + 1))
        Filters of the step's pass that exist.
    reach : Out(signed(12))
        The greatest `dy` in the table.

    Raises
    ------
    TypeError
        A parameter is not a positive integer.

    """

    def __init__(self, *, filters: int, windows: int) -> None:
        self._filters, self._windows = positive("filters", filters), positive("windows", windows)
        super().__init__({
            "config": In(ConfigRegisters),
            "write": In(TableWrite),
            "start": In(1),
            "step": Out(STEP),
            "go": Out(1),
            "block_valid": In(1),
            "room": In(1),
            "held": Out(1),
            "own_filters": Out(range(filters + 1)),
            "reach": Out(signed(ROW_BITS)),
        })

    def elaborate(self, platform: object) -> Module:
        """The channel counts within the word that the table's reader gives."""
        m = Module()
        step, go = self.step, self.go
        valid, word_end, pass_end = Signal(), Signal(), Signal()
        word, last_word = self._read_words(m, valid, go & word_end)
        channel = Signal(LAST_CHANNEL_BITS)
        last_pass = self._count_passes(m, go & pass_end)
        m.d.comb += [
            step.word.eq(word),
            step.channel.eq(channel),
            word_end.eq(channel == word.last_channel),
            pass_end.eq(word_end & last_word),
            step.first.eq(channel == 0),
            step.last.eq(pass_end),
            step.block_end.eq(pass_end & last_pass),
            go.eq(valid & self.block_valid & (~pass_end | self.room)),
            self.held.eq(valid & self.block_valid & pass_end & ~self.room),
        ]
        with m.If(go):
            m.d.sync += channel.eq(Mux(word_end, 0, channel + 1))
        with m.If(self.start):
            m.d.sync += channel.eq(0)
        return m

    def _count_passes(self, m: Module, pass_end: Value) -> Signal:
        """Whether the present pass is the last of its block; known from a register."""
        all_filters = self.config.filters
        left = Signal.like(all_filters, name="filters_left")
        last_pass = Signal()
        m.d.comb += self.own_filters.eq(Mux(last_pass, left, self._filters))
        with m.If(self.start | (pass_end & last_pass)):
            m.d.sync += [left.eq(all_filters), last_pass.eq(all_filters <= self._filters)]
        with m.Elif(pass_end):
            m.d.sync += [left.eq(left - self._filters), last_pass.eq(left <= 2 * self._filters)]
        return last_pass

    def _read_words(self, m: Module, valid: Signal, taken: Value) -> tuple[data.View, Signal]:
        """Walks the table round and round; the word is the register after the memory."""
        m.submodules.table = table = Memory(shape=WORD, depth=self._windows, init=[])
        write, read = table.write_port(), table.read_port()
        row = self.write.data
        index = Signal(range(self._windows))
        word = Signal(WORD)
        index_end, fetched, fetched_end, last_word, moves = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            write.en.eq(self.write.valid & (self.write.kind == Section.WINDOWS)),
            write.addr.eq(self.write.address),
            write.data.offset.eq(row[0:32]),
            write.data.dy.eq(row[32:48].as_signed()),
            write.data.dx.eq(row[48:64].as_signed()),
            write.data.last_channel.eq(row[64:96] - 1),
            index_end.eq(index + 1 == self.config.windows),
            moves.eq(taken | ~valid),
            read.addr.eq(index),
            read.en.eq((moves | ~fetched) & ~write.en),
        ]
        with m.If(write.en & ((write.addr == 0) | (write.data.dy > self.reach))):
            m.d.sync += self.reach.eq(write.data.dy)
        with m.If(moves | ~fetched):
            m.d.sync += [index.eq(Mux(index_end, 0, index + 1)), fetched.eq(1), fetched_end.eq(index_end)]
        with m.If(moves):
            m.d.sync += [valid.eq(fetched), word.eq(read.data), last_word.eq(fetched_end)]
        with m.If(self.start):
            m.d.sync += [index.eq(0), fetched.eq(0), valid.eq(0)]
        return word, last_word
