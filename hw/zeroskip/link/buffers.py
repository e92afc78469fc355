"""What the host link keeps: one request, one answer, and beats that wait for the engine."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.ports import beat_layout
from zeroskip.link.frame import ADDRESS_BYTES, BUFFER_BYTES, CRC_BYTES, REQUEST_HEAD, ROOM_LIMIT
from zeroskip.spec.axi import REGISTER_BYTES

ARGUMENT_BYTES = ADDRESS_BYTES + REGISTER_BYTES
"""First bytes of a request's arguments that are at hand at any time."""


class RequestBuffer(wiring.Component):
    """Holds the content of one good frame until it is done with; what comes meanwhile is lost.

    Members
    -------
    data, strobe, good, bad : In
        Of a :class:`zeroskip.link.framing.Deframer`.
    held : Out(1)
        There is a request.
    done : In(1)
        Let it go.
    sequence, command : Out(8)
        Its head.
    arguments : Out(8 * ARGUMENT_BYTES)
        The first bytes after it, the first lowest.
    length : Out(range(BUFFER_BYTES))
        Bytes after the head, the CRC left out.
    address : In(range(BUFFER_BYTES))
        A byte after the head, from 0; `byte` shows it in the next cycle.
    byte : Out(8)
    errors : Out(8)
        Bad frames seen, modulo 256; too long a one is bad.
    """

    def __init__(self) -> None:
        place = range(BUFFER_BYTES)
        super().__init__({
            "data": In(8), "strobe": In(1), "good": In(1), "bad": In(1), "held": Out(1), "done": In(1),
            "sequence": Out(8), "command": Out(8), "arguments": Out(8 * ARGUMENT_BYTES), "length": Out(place),
            "address": In(place), "byte": Out(8), "errors": Out(8),
        })

    def elaborate(self, platform: object) -> Module:
        """A memory and how far it is filled. A frame of which a byte was lost, for a request was held, is lost."""
        m = Module()
        m.submodules.memory = memory = Memory(shape=8, depth=BUFFER_BYTES, init=[])
        write, read = memory.write_port(), memory.read_port()
        fill, lost = Signal(range(BUFFER_BYTES + 1)), Signal(name="lost")
        full, ends = Signal(name="full"), Signal(name="ends")
        m.d.comb += [
            full.eq(fill == BUFFER_BYTES), ends.eq(self.good | self.bad),
            write.addr.eq(fill), write.data.eq(self.data), write.en.eq(self.strobe & ~self.held & ~full),
            read.addr.eq(self.address + REQUEST_HEAD), self.byte.eq(read.data),
        ]
        head = Cat(self.sequence, self.command, self.arguments)
        with m.If(write.en):
            m.d.sync += fill.eq(fill + 1)
            with m.Switch(fill):
                for at in range(len(head) // 8):
                    with m.Case(at):
                        m.d.sync += head.word_select(at, 8).eq(self.data)
        with m.If(self.strobe & (self.held | full)):
            m.d.sync += lost.eq(1)
        with m.If(self.done):
            m.d.sync += self.held.eq(0)
        with m.If(ends):
            m.d.sync += [fill.eq(0), lost.eq(0)]
            with m.If(self.good & ~lost & (fill >= REQUEST_HEAD + CRC_BYTES)):
                m.d.sync += [self.held.eq(1), self.length.eq(fill - (REQUEST_HEAD + CRC_BYTES))]
            with m.Elif(~self.held):
                m.d.sync += self.errors.eq(self.errors + 1)
        return m


class BeatQueue(wiring.Component):
    """Bytes in, beats out, each with whether it is the last of its packet.

    Parameters
    ----------
    depth
        Bytes; a power of two.
    beat_bytes
        Bytes of a beat; a power of two.

    Members
    -------
    bytes : In(stream.Signature(9))
        A byte, and in bit 8 of a beat's last byte: it is the last beat.
    beats : Out(stream.Signature(beat_layout(beat_bytes)))
    room : Out(8)
        Beats that can be taken now, at most ``ROOM_LIMIT``.
    waits : Out(1)
        A byte that was taken has not left yet.
    """

    def __init__(self, *, depth: int, beat_bytes: int) -> None:
        self._depth, self._beat_bytes = depth, beat_bytes
        super().__init__({"bytes": In(stream.Signature(9)), "beats": Out(stream.Signature(beat_layout(beat_bytes))),
                          "room": Out(8), "waits": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """A queue, and a shift register behind it."""
        m = Module()
        m.submodules.queue = queue = SyncFIFOBuffered(width=9, depth=self._depth)
        place, whole = Signal(range(self._beat_bytes)), Signal(name="whole")
        beat = self.beats.payload
        free = Signal(range(self._depth + 1))
        beats = free[place.shape().width:]
        m.d.comb += [
            queue.w_data.eq(self.bytes.payload), queue.w_en.eq(self.bytes.valid), self.bytes.ready.eq(queue.w_rdy),
            queue.r_en.eq(~whole), self.beats.valid.eq(whole),
            free.eq(self._depth - queue.level), self.room.eq(Mux(beats > ROOM_LIMIT, ROOM_LIMIT, beats)),
            self.waits.eq((queue.level != 0) | (place != 0) | whole),
        ]
        with m.If(self.beats.ready):
            m.d.sync += whole.eq(0)
        with m.If(queue.r_rdy & queue.r_en):
            m.d.sync += [beat.data.eq(Cat(beat.data[8:], queue.r_data[:8])), beat.last.eq(queue.r_data[8]),
                         place.eq(place + 1), whole.eq(place == self._beat_bytes - 1)]
        return m
