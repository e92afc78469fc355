"""The dense array's loop: blocks, passes of M filters, words of the window table, channels of a word."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.multiplier import positive
from zeroskip.program import ConfigRegisters, TableWrite
from zeroskip.wire import WORD_CHANNELS, Section

OFFSET_BITS = 14
ROW_BITS = 12
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

    A word's first step waits for `row_loaded`, a pass's last one for `room`, a block's last one for `block_loaded`, and
    everything for a block.

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
    block_valid, row_loaded, block_loaded, room : In(1)
        There is a block; what `step` reads has been loaded; the block may end; the sums of its pass can be taken off.
    waiting : Out(1)
        Only the map holds it up.

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
            "row_loaded": In(1),
            "block_loaded": In(1),
            "room": In(1),
            "waiting": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """Counters of channel and filter around the word that the table's reader gives."""
        m = Module()
        step, go = self.step, self.go
        valid, word_end, pass_end = Signal(), Signal(), Signal()
        word, last_word = self._read_words(m, valid, go & word_end)
        channel = Signal(LAST_CHANNEL_BITS)
        filters_done = Signal.like(self.config.filters, name="filters_done")
        loaded, able = Signal(), Signal()
        m.d.comb += [
            step.word.eq(word),
            step.channel.eq(channel),
            word_end.eq(channel == word.last_channel),
            pass_end.eq(word_end & last_word),
            step.first.eq(channel == 0),
            step.last.eq(pass_end),
            step.block_end.eq(pass_end & (filters_done + self._filters >= self.config.filters)),
            loaded.eq((~step.first | self.row_loaded) & (~step.block_end | self.block_loaded)),
            able.eq(valid & self.block_valid & (~pass_end | self.room)),
            go.eq(able & loaded),
            self.waiting.eq(able & ~loaded),
        ]
        with m.If(go):
            m.d.sync += channel.eq(Mux(word_end, 0, channel + 1))
            with m.If(pass_end):
                m.d.sync += filters_done.eq(Mux(step.block_end, 0, filters_done + self._filters))
        with m.If(self.start):
            m.d.sync += [channel.eq(0), filters_done.eq(0)]
        return m

    def _read_words(self, m: Module, valid: Signal, taken: object) -> tuple[data.View, Signal]:
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
        with m.If(moves | ~fetched):
            m.d.sync += [index.eq(Mux(index_end, 0, index + 1)), fetched.eq(1), fetched_end.eq(index_end)]
        with m.If(moves):
            m.d.sync += [valid.eq(fetched), word.eq(read.data), last_word.eq(fetched_end)]
        with m.If(self.start):
            m.d.sync += [index.eq(0), fetched.eq(0), valid.eq(0)]
        return word, last_word
