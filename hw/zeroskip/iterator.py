"""The iterator of a lane: visits the channels of a word that are worth visiting, one a cycle."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.gateware.primitives.queue import Queue
from zeroskip.lowest import Lowest
from zeroskip.value_memory import next_in_ring
from zeroskip.window_bus import ROOM
from zeroskip.wire import WORD_CHANNELS

CHANNEL_BITS = ceil_log2(WORD_CHANNELS)
START_BITS, MORE_BITS = 12, 4
"""Bits of a list's place in the list memory, and of its length less one."""
PLACES = ROOM + 1
"""So many free places in a lane are told apart."""
MARKER_FLAGS = 3
"""Flags of a marker, in the low bits of its mask: the block's sums are results; the next block starts from zero; it is
only a fence, the block goes on."""


def visit_shape(position_bits: int, pixels: int) -> data.StructLayout:
    """One visit: the list of a (word, channel), or a marker.

    Fields: ``marker``; ``last`` (the lane is done with the word after this); ``position``, ``channel``, where its
    values lie, or a marker's flags in ``channel``; ``inside``, mask of the pixels that lie in the map; ``end`` (last
    entry of the list), ``more`` (entries less one).
    """
    return data.StructLayout({
        "marker": 1, "last": 1, "position": position_bits, "channel": CHANNEL_BITS, "inside": pixels,
        "end": START_BITS, "more": MORE_BITS,
    })


class Iterator(wiring.Component):
    """ANDs a word's mask with the lane's occupancy, queues what is left, and looks up one list a cycle.

    A word with nothing for the lane is passed in the cycle it is looked at and never queued. A word takes one of
    `queue_words` places from `issue` until the lane has passed it. From `push` to the first visit: 4 cycles.

    Parameters
    ----------
    words
        Words for which there are occupancy masks and list pointers.
    queue_words
        Words that are under way or waiting at most.
    position_bits, pixels
        Of a visit.
    columns
        As in :class:`~zeroskip.config.ArrayConfig`: with 2, a word that arrives is a pair of them, of neighbouring
        positions.
    masks_in_luts
        Occupancy masks lie in LUT memories instead of a block memory.

    Members
    -------
    start
        In: a new layer.
    issue, places
        In: a word is on its way to the lane. Out, mask: at least one place is free, two, and so on.
    look, word
        In, one cycle before `push`: number of the word.
    push, marker, mask, position, inside
        In: the word itself.
    word_step, ring
        In: from the word of the first column to that of the second; the bits of a position within its ring.
    passed
        In: the walker is done with a word.
    write_occupancy, occupancy_address, occupancy_data, write_pointer, pointer_address, pointer_data
        In: fill the tables.
    visits
        Out, stream of ``visit_shape``.
    busy
        Out: something is on its way to `visits`.
    """

    def __init__(self, *, words: int, queue_words: int, position_bits: int, pixels: int,
                 columns: int = 1, masks_in_luts: bool = False) -> None:
        self._style = "distributed" if masks_in_luts else "block"
        self._words, self._queue_words = words, queue_words
        self._columns, self._mask_bits = columns, WORD_CHANNELS * columns
        self._word_bits, self._position_bits, self._pixels = ceil_log2(words), position_bits, pixels
        super().__init__({
            "start": In(1),
            "issue": In(1),
            "places": Out(PLACES),
            "look": In(1),
            "word": In(self._word_bits),
            "push": In(1),
            "marker": In(1),
            "mask": In(self._mask_bits),
            "position": In(position_bits),
            "inside": In(pixels),
            "word_step": In(self._word_bits),
            "ring": In(position_bits),
            "passed": In(1),
            "write_occupancy": In(1),
            "occupancy_address": In(self._word_bits),
            "occupancy_data": In(WORD_CHANNELS),
            "write_pointer": In(1),
            "pointer_address": In(self._word_bits + CHANNEL_BITS),
            "pointer_data": In(START_BITS + MORE_BITS),
            "visits": Out(stream.Signature(visit_shape(position_bits, pixels))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        """Queue of wanted words, the current word, look-up."""
        m = Module()
        item = data.StructLayout({
            "marker": 1, "mask": self._mask_bits, "word": self._word_bits, "position": self._position_bits,
            "inside": self._pixels,
        })
        queue, pushed = self._queue_wanted(m, item)
        current, valid = Signal(item), Signal()
        room, emit, last = Signal(), Signal(), Signal()
        lowest = Lowest(m, current.mask, "channel")
        m.d.comb += [
            last.eq(current.marker | lowest.last),
            emit.eq(valid & room),
            queue.read.eq(queue.valid & (~valid | (emit & last))),
        ]
        with m.If(emit):
            m.d.sync += [current.mask.eq(lowest.rest), valid.eq(~last)]
        with m.If(queue.read):
            m.d.sync += [current.eq(item(queue.data)), valid.eq(1)]
        with m.If(self.start):
            m.d.sync += valid.eq(0)
        m.d.comb += room.eq(self._look_up(m, emit, current, lowest.index, last))
        m.d.sync += self.busy.eq(valid | queue.valid | pushed | self.push | self.visits.valid)
        return m

    def _queue_wanted(self, m, item):
        """Occupancy look-up, AND, and the queue of words that hold something for the lane; places in it."""
        m.submodules.queue = queue = Queue(width=item.size, depth=self._queue_words)
        word, queued, pushed, some = Signal.like(self.word, name="word_looked"), Signal(item), Signal(), Signal()
        words = [self.word, self.word + self.word_step][: self._columns]
        occupied = [self._look_up_occupancy(m, column, own) for column, own in enumerate(words)]
        free, dropped = Signal(range(self._queue_words + 1), init=self._queue_words), Signal()
        m.d.sync += [
            word.eq(self.word), pushed.eq(self.push & ~self.start),
            # of a marker all flags
            queued.mask.eq(self.mask & (Cat(occupied) | self.marker.replicate(self._mask_bits))),
            queued.marker.eq(self.marker), queued.word.eq(word), queued.position.eq(self.position),
            queued.inside.eq(self.inside),
        ]
        m.d.comb += [
            some.eq(queued.marker | queued.mask.any()),
            queue.start.eq(self.start), queue.write_data.eq(queued),
            queue.write.eq(pushed & some), dropped.eq(pushed & ~some),
            self.places.eq(Cat(free > taken for taken in range(PLACES))),
        ]
        more, both = dropped | self.passed, dropped & self.passed
        # the sum of the three, -1 to 2, in one number: else each would have its chain of carries
        change = Cat(self.issue ^ dropped ^ self.passed, both & ~self.issue | self.issue & ~more, self.issue & ~more)
        m.d.sync += free.eq(free + change.as_signed())
        with m.If(self.start):
            m.d.sync += free.eq(self._queue_words)
        return queue, pushed

    def _look_up_occupancy(self, m, column, word):
        """The lane's channels of a word, one cycle after `look`; a memory for each column, all of the same content."""
        masks = memory.Memory(shape=WORD_CHANNELS, depth=self._words, init=[], attrs={"ram_style": self._style})
        m.submodules["occupancy" if column == 0 else f"occupancy_{column}"] = masks
        write, read = masks.write_port(), masks.read_port()
        m.d.comb += [
            write.en.eq(self.write_occupancy), write.addr.eq(self.occupancy_address),
            write.data.eq(self.occupancy_data),
            read.en.eq(self.look), read.addr.eq(word),
        ]
        return read.data

    def _look_up(self, m, emit, current, index, last):
        """The pointer of the list, one cycle later; it stands until the walker has taken the visit."""
        pointers = memory.Memory(shape=START_BITS + MORE_BITS, depth=self._words * WORD_CHANNELS, init=[])
        m.submodules.pointers = pointers
        write, read = pointers.write_port(), pointers.read_port()
        visit, valid = self.visits.payload, Signal(name="visit_valid")
        channel, column = index[:CHANNEL_BITS], index[CHANNEL_BITS:]
        word, position = current.word, current.position
        if self._columns == 2:
            word = Mux(column, word + self.word_step, word)
            position = Mux(column, next_in_ring(position, self.ring), position)
        m.d.comb += [
            write.en.eq(self.write_pointer), write.addr.eq(self.pointer_address), write.data.eq(self.pointer_data),
            read.en.eq(emit), read.addr.eq(Cat(channel, word)),
            visit.end.eq(read.data[:START_BITS]), visit.more.eq(read.data[START_BITS:]),
            self.visits.valid.eq(valid),
        ]
        with m.If(emit):
            m.d.sync += [visit.marker.eq(current.marker), visit.last.eq(last), visit.position.eq(position),
                         visit.channel.eq(Mux(current.marker, current.mask[:MARKER_FLAGS], channel)),
                         visit.inside.eq(current.inside)]
        with m.If(emit | self.visits.ready):
            m.d.sync += valid.eq(emit)
        with m.If(self.start):
            m.d.sync += valid.eq(0)
        return ~valid | self.visits.ready
