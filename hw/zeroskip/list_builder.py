"""Builds the tables of lanes out of their list entries as they arrive: occupancy masks, list pointers, lists."""

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


def tables_shape(words: int, entries: int) -> data.StructLayout:
    """What is written into a lane's tables in a cycle: occupancy masks, list pointers, lists."""
    return data.StructLayout({
        "write_occupancy": 1, "occupancy_address": range(words), "occupancy_data": WORD_CHANNELS,
        "write_pointer": 1, "pointer_address": ceil_log2(words) + CHANNEL_BITS, "pointer_data": START_BITS + MORE_BITS,
        "write_list": 1, "list_address": range(entries), "list_data": LIST_BITS,
    })


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
    tables
        Out, ``tables_shape``, in the same cycle: to every lane that has these lists.
    """

    def __init__(self, *, words: int, entries: int) -> None:
        self._words, self._entries = words, entries
        super().__init__({
            "en": In(1),
            "first": In(1),
            "word": In(ceil_log2(words)),
            "at": In(ceil_log2(entries)),
            "entry": In(ListEntry),
            "tables": Out(tables_shape(words, entries)),
        })

    def elaborate(self, platform):
        """The word, the open list and its length."""
        m = Module()
        word, next_word = Signal.like(self.word), Signal.like(self.word)
        at, next_at = Signal.like(self.at), Signal.like(self.at)
        mask, channel, more, count = Signal(WORD_CHANNELS), Signal(CHANNEL_BITS), Signal(MORE_BITS), Signal(MORE_BITS)
        fresh, weight, end = Signal(init=1), Signal(), Signal()
        entry, tables = self.entry, self.tables
        opens = fresh | self.first  # the entry is the first of its word
        m.d.comb += [
            weight.eq(self.en & (entry.weight != 0)),
            end.eq(self.en & (entry.weight == 0) & (entry.filter == 0)),
            word.eq(Mux(self.first, self.word, next_word)),
            at.eq(Mux(self.first, self.at, next_at)),
            # entries of a channel lie side by side
            count.eq(Mux(~opens & (entry.channel == channel), more + 1, 0)),
            tables.write_occupancy.eq(weight | end), tables.occupancy_address.eq(word),
            tables.occupancy_data.eq(Mux(opens, 0, mask) | (1 << entry.channel) & weight.replicate(WORD_CHANNELS)),
            tables.write_pointer.eq(weight), tables.pointer_address.eq(Cat(entry.channel, word)),
            tables.pointer_data.eq(at | (count << START_BITS)),
            tables.write_list.eq(weight), tables.list_address.eq(at),
            tables.list_data.eq(Cat(entry.weight, entry.filter)),
        ]
        with m.If(self.en):
            m.d.sync += [next_word.eq(word + end), next_at.eq(at + weight), mask.eq(tables.occupancy_data),
                         fresh.eq(end | (opens & ~weight))]
        with m.If(weight):
            m.d.sync += [channel.eq(entry.channel), more.eq(count)]
        return m
