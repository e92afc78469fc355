"""Builds a lane's tables out of its list entries as they arrive: occupancy masks, list pointers, lists."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.iterator import CHANNEL_BITS, MORE_BITS, START_BITS
from zeroskip.walker import LIST_BITS
from zeroskip.wire import WORD_CHANNELS

ListEntry = data.StructLayout({"weight": unsigned(8), "filter": unsigned(4), "channel": unsigned(CHANNEL_BITS)})
"""An entry of the stream; without a weight and with filter 0, the end of a word; with another filter, nothing."""


class ListBuilder(wiring.Component):
    """Takes an entry a cycle. Pointers and masks are written as they grow: what stands there at last is right.

    A pointer says where the list's last entry lies, and how many are below it.

    Parameters
    ----------
    words, entries
        As in :class:`~zeroskip.config.ArrayConfig` (`list_entries`).

    Members
    -------
    en, first, word, at, entry
        In: an entry; it is the first of its section, and goes to that word and to that place in the list memory.
    write_occupancy, occupancy_address, occupancy_data, write_pointer, pointer_address, pointer_data
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
            "occupancy_address": Out(ceil_log2(words)),
            "occupancy_data": Out(WORD_CHANNELS),
            "write_pointer": Out(1),
            "pointer_address": Out(ceil_log2(words) + CHANNEL_BITS),
            "pointer_data": Out(START_BITS + MORE_BITS),
            "write_list": Out(1),
            "list_address": Out(ceil_log2(entries)),
            "list_data": Out(LIST_BITS),
        })

    def elaborate(self, platform):
        """The word, the open list and its length."""
        m = Module()
        word, next_word = Signal.like(self.word), Signal.like(self.word)
        at, next_at = Signal.like(self.at), Signal.like(self.at)
        mask, channel, more, count = Signal(WORD_CHANNELS), Signal(CHANNEL_BITS), Signal(MORE_BITS), Signal(MORE_BITS)
        fresh, weight, end = Signal(init=1), Signal(), Signal()
        entry = self.entry
        opens = fresh | self.first  # the entry is the first of its word
        m.d.comb += [
            weight.eq(self.en & (entry.weight != 0)),
            end.eq(self.en & (entry.weight == 0) & (entry.filter == 0)),
            word.eq(Mux(self.first, self.word, next_word)),
            at.eq(Mux(self.first, self.at, next_at)),
            # entries of a channel lie side by side
            count.eq(Mux(~opens & (entry.channel == channel), more + 1, 0)),
            self.write_occupancy.eq(weight | end), self.occupancy_address.eq(word),
            self.occupancy_data.eq(Mux(opens, 0, mask) | (1 << entry.channel) & weight.replicate(WORD_CHANNELS)),
            self.write_pointer.eq(weight), self.pointer_address.eq(Cat(entry.channel, word)),
            self.pointer_data.eq(at | (count << START_BITS)),
            self.write_list.eq(weight), self.list_address.eq(at), self.list_data.eq(Cat(entry.weight, entry.filter)),
        ]
        with m.If(self.en):
            m.d.sync += [next_word.eq(word + end), next_at.eq(at + weight), mask.eq(self.occupancy_data),
                         fresh.eq(end | (opens & ~weight))]
        with m.If(weight):
            m.d.sync += [channel.eq(entry.channel), more.eq(count)]
        return m
