"""Bytes from a line to the contents of frames, and back."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from zeroskip.link.frame import CHANGE, CRC_BYTES, ESCAPE, FLAG

FrameByte = data.StructLayout({"data": 8, "last": 1})
"""A byte of a frame's content, and whether it is the last."""


class Deframer(wiring.Component):
    """Takes the stuffing out, and tells at the end of a frame whether its CRC was right.

    Members
    -------
    bytes : In(stream.Signature(8))
        Always taken.
    data, strobe : Out(8), Out(1)
        A byte of a frame, the CRC's included.
    good, bad : Out(1)
        For one cycle, after the last byte: the frame ended, and it was right, or not. An empty frame is neither.
    """

    def __init__(self) -> None:
        super().__init__({"bytes": In(stream.Signature(8)), "data": Out(8), "strobe": Out(1), "good": Out(1),
                          "bad": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """A byte at a time; the CRC with its four bytes run through leaves its residue."""
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC().create()
        some, escaped = Signal(name="some"), Signal(name="escaped")
        given, valid = self.bytes.payload, self.bytes.valid
        m.d.comb += [
            self.bytes.ready.eq(1), self.data.eq(Mux(escaped, given ^ CHANGE, given)),
            crc.data.eq(self.data), crc.valid.eq(self.strobe),
        ]
        with m.If(valid):
            with m.If(given == FLAG):
                m.d.comb += [self.good.eq(some & crc.match_detected & ~escaped),
                             self.bad.eq((some | escaped) & ~self.good), crc.start.eq(1)]
                m.d.sync += [some.eq(0), escaped.eq(0)]
            with m.Elif(given == ESCAPE):
                m.d.sync += escaped.eq(1)
            with m.Else():
                m.d.comb += self.strobe.eq(1)
                m.d.sync += [some.eq(1), escaped.eq(0)]
        return m


class Framer(wiring.Component):
    """Makes frames: flag, content and its CRC with stuffing, flag.

    Members
    -------
    content : In(stream.Signature(FrameByte))
    bytes : Out(stream.Signature(8))
    """

    def __init__(self) -> None:
        super().__init__({"content": In(stream.Signature(FrameByte)), "bytes": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        """One machine; a byte that needs an escape is offered twice."""
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC().create()
        byte, valid, taken = Signal(8, name="byte"), Signal(name="byte_valid"), Signal(name="byte_taken")
        marked, special = Signal(name="marked"), Signal(name="special")
        m.d.comb += special.eq((byte == FLAG) | (byte == ESCAPE))
        number = Signal(range(CRC_BYTES))

        def stuffed() -> None:
            """Offer `byte` where it is valid, with an escape before it where it needs one; `taken` when it has gone."""
            with m.If(special & ~marked):
                m.d.comb += self.bytes.payload.eq(ESCAPE)
            with m.Else():
                m.d.comb += self.bytes.payload.eq(Mux(marked, byte ^ CHANGE, byte))
            m.d.comb += [self.bytes.valid.eq(valid), taken.eq(valid & self.bytes.ready & (marked | ~special))]
            with m.If(valid & self.bytes.ready):
                m.d.sync += marked.eq(special & ~marked)

        with m.FSM():
            with m.State("open"):
                m.d.comb += [self.bytes.payload.eq(FLAG), self.bytes.valid.eq(self.content.valid), crc.start.eq(1)]
                with m.If(self.bytes.valid & self.bytes.ready):
                    m.next = "content"
            with m.State("content"):
                m.d.comb += [byte.eq(self.content.payload.data), valid.eq(self.content.valid),
                             self.content.ready.eq(taken), crc.data.eq(byte), crc.valid.eq(taken)]
                stuffed()
                with m.If(taken & self.content.payload.last):
                    m.next = "check"
            with m.State("check"):
                m.d.comb += [byte.eq(crc.crc.word_select(number, 8)), valid.eq(1)]
                stuffed()
                with m.If(taken):
                    m.d.sync += number.eq(number + 1)
                    with m.If(number == CRC_BYTES - 1):
                        m.next = "close"
            with m.State("close"):
                m.d.comb += [self.bytes.payload.eq(FLAG), self.bytes.valid.eq(1)]
                with m.If(self.bytes.ready):
                    m.next = "open"
        return m
