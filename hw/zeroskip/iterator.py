"""The iterator of a lane: visits the channels of a word that are worth visiting, one a cycle."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, fifo, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.wire import WORD_CHANNELS

CHANNEL_BITS = ceil_log2(WORD_CHANNELS)
MARKER_FLAGS = 2
"""Flags of a marker, in the low bits of its mask: the block's sums are results; the next block starts from zero."""


def visit_shape(slot_bits: int, channel_bits: int = CHANNEL_BITS) -> data.StructLayout:
    """One visit: the list of a (word, channel), or a marker. Channels of a second column come after the first's 16.

    Fields: ``marker``; ``last`` (the lane is done with the slot after this); ``slot``, ``channel``; ``start`` (first
    entry of the list; a marker's flags), ``more`` (entries less one).
    """
    return data.StructLayout({
        "marker": 1, "last": 1, "slot": slot_bits, "channel": channel_bits, "start": 12, "more": 4,
    })


class Iterator(wiring.Component):
    """ANDs a word's mask with the lane's occupancy, queues what is left, and looks up one list a cycle.

    A word with nothing for the lane is passed in the cycle it is looked at and never queued.
    From `push` to the first visit on `visits`: 5 cycles.

    Parameters
    ----------
    words
        Words for which there are occupancy masks and list pointers.
    queue_words
        Slots; at most this many words are ever pushed and not yet passed.
    queue_lists
        Visits that wait for the walker.
    columns
        As in :class:`~zeroskip.config.ArrayConfig`: with 2, a word that arrives is a pair of them.

    Members
    -------
    push, marker, slot, word, mask
        In: a word for the group arrives.
    word_step
        In: from the word of the first column to that of the second.
    write_occupancy, write_pointer, write_address, write_data
        In: fill the tables.
    passed, passed_slot
        Out: the word in this slot has nothing for the lane.
    visits
        Out, stream of ``visit_shape``.
    busy
        Out: something is on its way to `visits`.
    """

    def __init__(self, *, words: int, queue_words: int, queue_lists: int, columns: int = 1) -> None:
        self._words, self._queue_words, self._queue_lists = words, queue_words, queue_lists
        self._columns = columns
        self._mask_bits = WORD_CHANNELS * columns
        self._slot_bits, self._channel_bits = ceil_log2(queue_words), ceil_log2(self._mask_bits)
        self._pointer_bits = ceil_log2(words * WORD_CHANNELS)
        super().__init__({
            "push": In(1),
            "marker": In(1),
            "slot": In(self._slot_bits),
            "word": In(ceil_log2(words)),
            "word_step": In(ceil_log2(words)),
            "mask": In(self._mask_bits),
            "write_occupancy": In(1),
            "write_pointer": In(1),
            "write_address": In(self._pointer_bits),
            "write_data": In(16),
            "passed": Out(1),
            "passed_slot": Out(self._slot_bits),
            "visits": Out(stream.Signature(visit_shape(self._slot_bits, self._channel_bits))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        """Queue of wanted words, the current word, look-up."""
        m = Module()
        item = data.StructLayout({
            "marker": 1, "slot": self._slot_bits, "mask": self._mask_bits,
            "words": data.ArrayLayout(ceil_log2(self._words), self._columns),
        })
        queue = self._queue_wanted(m, item)
        current, valid = Signal(item), Signal()
        lowest, rest = Signal(self._mask_bits), Signal(self._mask_bits)
        room, emit, last = Signal(), Signal(), Signal()
        channel = Signal(self._channel_bits)
        m.d.comb += [
            rest.eq(current.mask & (current.mask - 1)),
            lowest.eq(current.mask ^ rest),
            last.eq(current.marker | (rest == 0)),
            emit.eq(valid & room),
            queue.r_en.eq(~valid | (emit & last)),
        ]
        for bit in range(self._channel_bits):
            odd = [lowest[c] for c in range(self._mask_bits) if c >> bit & 1]
            m.d.comb += channel[bit].eq(sum(odd[1:], odd[0]) != 0)
        with m.If(emit):
            m.d.sync += current.mask.eq(rest)
        with m.If(queue.r_en):
            m.d.sync += [current.eq(item(queue.r_data)), valid.eq(queue.r_rdy)]
        looked = self._look_up(m, emit, current, channel, last, room)
        waiting = Signal()
        m.d.comb += waiting.eq(valid | queue.r_rdy | queue.w_en | looked)
        m.d.sync += self.busy.eq(waiting | self.push | self.visits.valid)
        return m

    def _queue_wanted(self, m, item):
        """Occupancy look-up (one cycle), AND, and the queue of words that hold something for the lane."""
        m.submodules.queue = queue = fifo.SyncFIFO(width=item.size, depth=self._queue_words)
        arrived, here, wanted = Signal(), Signal(item), Signal(self._mask_bits)
        words = [self.word, self.word + self.word_step][: self._columns]
        occupied = [self._look_up_occupancy(m, column, word) for column, word in enumerate(words)]
        m.d.sync += [arrived.eq(self.push), here.marker.eq(self.marker), here.slot.eq(self.slot),
                     here.mask.eq(self.mask), *(here.words[column].eq(word) for column, word in enumerate(words))]
        queued = Signal(item)
        m.d.comb += [
            wanted.eq(Cat(occupied) & here.mask),
            queued.eq(here), queued.mask.eq(Mux(here.marker, here.mask, wanted)),
            queue.w_data.eq(queued),
            queue.w_en.eq(arrived & (here.marker | (wanted != 0))),
            self.passed.eq(arrived & ~here.marker & (wanted == 0)),
            self.passed_slot.eq(here.slot),
        ]
        return queue

    def _look_up_occupancy(self, m, column, word):
        """The lane's channels of a word, one cycle after `push`; a memory for each column, all of the same content."""
        masks = memory.Memory(shape=WORD_CHANNELS, depth=self._words, init=[])
        m.submodules["occupancy" if column == 0 else f"occupancy_{column}"] = masks
        write, read = masks.write_port(), masks.read_port()
        m.d.comb += [
            write.en.eq(self.write_occupancy), write.addr.eq(self.write_address), write.data.eq(self.write_data),
            read.en.eq(self.push), read.addr.eq(word),
        ]
        return read.data

    def _look_up(self, m, emit, current, channel, last, room):
        """Pointer look-up (one cycle) and the FIFO of visits; `room` counts what is in flight."""
        layout = visit_shape(self._slot_bits, self._channel_bits)
        m.submodules.pointers = pointers = memory.Memory(shape=16, depth=self._words * WORD_CHANNELS, init=[])
        m.submodules.lists = lists = fifo.SyncFIFO(width=layout.size, depth=self._queue_lists)
        write, read = pointers.write_port(), pointers.read_port()
        looked, visit = Signal(), Signal(layout)
        tag = Signal(data.StructLayout({"marker": 1, "last": 1, "slot": self._slot_bits,
                                        "channel": self._channel_bits, "flags": MARKER_FLAGS}))
        word = current.words[0] if self._columns == 1 else current.words[channel[CHANNEL_BITS:]]
        m.d.sync += [looked.eq(emit), tag.marker.eq(current.marker), tag.last.eq(last), tag.slot.eq(current.slot),
                     tag.channel.eq(channel), tag.flags.eq(current.mask)]
        m.d.comb += [
            write.en.eq(self.write_pointer), write.addr.eq(self.write_address), write.data.eq(self.write_data),
            read.en.eq(emit), read.addr.eq(Mux(emit, Cat(channel[:CHANNEL_BITS], word), 0)),
            visit.marker.eq(tag.marker), visit.last.eq(tag.last), visit.slot.eq(tag.slot),
            visit.channel.eq(tag.channel), visit.start.eq(Mux(tag.marker, tag.flags, read.data[:12])),
            visit.more.eq(read.data[12:]),
            lists.w_data.eq(visit), lists.w_en.eq(looked),
            room.eq(lists.w_level + looked < self._queue_lists),
            self.visits.payload.eq(layout(lists.r_data)), self.visits.valid.eq(lists.r_rdy),
            lists.r_en.eq(self.visits.ready),
        ]
        return looked  # a visit goes into the FIFO
