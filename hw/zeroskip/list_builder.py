"""Builds a lane's tables out of its list entries as they arrive: occupancy masks, list pointers, lists."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.iterator import CHANNEL_BITS
from zeroskip.wire import WORD_CHANNELS

ListEntry = data.StructLayout({"weight": unsigned(8), "filter": unsigned(4), "channel": unsigned(CHANNEL_BITS)})
"""An entry of the stream; without a weight and with filter 0, the end of a word; with another filter, nothing."""


class ListBuilder(wiring.Component):
    """Takes an entry a cycle. Pointers and masks are written as they grow: what stands there at last is right.

    Parameters
    ----------
    words, entries
        As in :class:`~zeroskip.config.ArrayConfig` (`list_entries`).

    Members
    -------
    en, first, word, at, entry
        In: an entry; it is the first of its section, and goes to that word and to that place in the list memory.
    write_occupancy, write_pointer, write_address, write_data
        Out, to the iterator's tables, in the same cycle.
    write_list, list_address, list_data
        Out, to the list memory.
    """

    def __init__(self, *, words: int, entries: int) -> None:
        self._words, self._entries = words, entries
        super().__init__({
            "en": In(1),
            "first": In(1),
            "word": In(ceil_log2(words)),
            "at": In(ceil_log2(entries)),
            "entry": In(ListEntry),
            "write_occupancy": Out(1),
            "write_pointer": Out(1),
            "write_address": Out(ceil_log2(words * WORD_CHANNELS)),
            "write_data": Out(16),
            "write_list": Out(1),
            "list_address": Out(ceil_log2(entries)),
            "list_data": Out(16),
        })

    def elaborate(self, platform):
        """The word, the open list and its length."""
        m = Module()
        word, next_word = Signal.like(self.word), Signal.like(self.word)
        at, next_at, start, begin = (Signal.like(self.at, name=name) for name in ("at", "next_at", "start", "begin"))
        mask, channel, more, count = Signal(WORD_CHANNELS), Signal(CHANNEL_BITS), Signal(4), Signal(4)
        held, own, same = Signal(WORD_CHANNELS), Signal(WORD_CHANNELS), Signal()
        weight, end, opened = Signal(), Signal(), Signal()
        entry = self.entry
        m.d.comb += [
            weight.eq(self.en & (entry.weight != 0)),
            end.eq(self.en & (entry.weight == 0) & (entry.filter == 0)),
            word.eq(Mux(self.first, self.word, next_word)),
            at.eq(Mux(self.first, self.at, next_at)),
            held.eq(Mux(self.first, 0, mask)),
            own.eq(1 << entry.channel),
            same.eq(opened & ~self.first & (entry.channel == channel)),  # entries of a channel lie side by side
            begin.eq(Mux(same, start, at)),
            count.eq(Mux(same, more + 1, 0)),
            self.write_occupancy.eq(end),
            self.write_pointer.eq(weight),
            self.write_address.eq(Mux(end, word, Cat(entry.channel, word))),
            self.write_data.eq(Mux(end, held, begin | (count << 12))),
            self.write_list.eq(weight), self.list_address.eq(at), self.list_data.eq(Cat(entry.weight, entry.filter)),
        ]
        with m.If(self.en):
            m.d.sync += [next_word.eq(word + end), next_at.eq(at + weight),
                         mask.eq(Mux(end, 0, Mux(weight, held | own, held)))]
            m.d.sync += opened.eq(Mux(end, 0, weight | (opened & ~self.first)))
        with m.If(weight):
            m.d.sync += [start.eq(begin), channel.eq(entry.channel), more.eq(count)]
        return m
