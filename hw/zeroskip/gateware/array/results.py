"""Results that leave: a queue, so that lanes never wait in the middle of a word."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.lane.output import result_layout
from zeroskip.gateware.structs import struct_of
from zeroskip.spec import timing
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import setup


def beat_layout(config: EngineConfig) -> data.StructLayout:
    """M bytes, of which `keep` are results, for the word `word` of the result; `last` of an image."""
    return data.StructLayout({"data": 8 * config.banks, "keep": config.banks, "word": config.word_bits, "last": 1})


class ResultOutput(wiring.Component):
    """Queues words of results for the stream, and halts the lanes before the queue is full.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    word : In(result_layout)
        From the write bus; taken in any cycle in which it is valid.
    setup : In
        How many words the result of an image has.
    begin : In(1)
        A program begins.
    o : Out(stream(beat_layout))
        Words, in the order in which they became complete.
    halt : Out(1)
        No more words than are under way.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            "word": In(result_layout(config)), "setup": In(struct_of(setup(config))), "begin": In(1),
            "o": Out(stream.Signature(beat_layout(config))), "halt": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """A memory of LUTs, and a register before the stream."""
        m = Module()
        config = self._config
        layout = beat_layout(config)
        reserve, depth = timing.under_way(config) * config.lanes, timing.result_words(config)
        attrs = {"ram_style": "distributed"} if depth <= timing.SHALLOW else {}
        m.submodules.queue = store = memory.Memory(shape=layout, depth=depth, init=[], attrs=attrs)
        write, read = store.write_port(), store.read_port(domain="comb")
        level, count = Signal(range(depth + 1)), Signal.like(self.setup.result_words)
        entering, leaving = self.word.valid, Signal()
        last = count + 1 == self.setup.result_words
        m.d.comb += [write.en.eq(entering),
                     write.data.eq(Cat(self.word.data, self.word.mask, self.word.word, last)),
                     leaving.eq((level != 0) & (~self.o.valid | self.o.ready))]
        with m.If(entering):
            m.d.sync += [write.addr.eq(write.addr + 1), count.eq(count + 1)]
            with m.If(last):
                m.d.sync += count.eq(0)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(leaving):
            m.d.sync += [read.addr.eq(read.addr + 1), self.o.payload.eq(read.data), self.o.valid.eq(1)]
        m.d.sync += [level.eq(level + entering - leaving), self.halt.eq(level >= depth - reserve)]
        with m.If(self.begin):
            m.d.sync += [level.eq(0), count.eq(0), write.addr.eq(0), read.addr.eq(0), self.o.valid.eq(0)]
        return m
