"""Maps that come in: word after word into their place in the map memory."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.lane.output import result_layout
from zeroskip.gateware.structs import struct_of
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import setup


class MapInput(wiring.Component):
    """Writes each beat of a map as a word, in order, and says when a map is complete.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    i : In(stream(8 * M))
        Words of maps, their padding among them.
    setup : In
        Where maps lie, and how many words they have; constant from two cycles before there is room for the first one.
    begin : In(1)
        A program begins.
    room : In(1)
        There is a place for a map; looked at before its first word.
    word : Out(result_layout), sent : In(1)
        To the write bus.
    ready : Out(1)
        A map is complete.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            "i": In(stream.Signature(8 * config.banks)), "setup": In(struct_of(setup(config))), "begin": In(1),
            "room": In(1), "word": Out(result_layout(config)), "sent": In(1), "ready": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """A word in a register, and its address."""
        m = Module()
        word, left = self.word, Signal.like(self.setup.map_words)
        address, under_way = Signal(self._config.word_bits), Signal()
        takes = Signal()
        some, single, one_left = Signal(), Signal(), Signal()
        m.d.sync += [some.eq(self.setup.map_words != 0), single.eq(self.setup.map_words == 1)]
        m.d.comb += [takes.eq((~word.valid | self.sent) & (under_way | self.room & some)), self.i.ready.eq(takes)]
        following = (Mux(under_way, left, self.setup.map_words) - 1)[: len(left)]
        last = Mux(under_way, one_left, single)
        m.d.comb += [word.mask.eq(-1), word.stream.eq(0)]
        with m.If(self.sent):
            m.d.sync += word.valid.eq(0)
        with m.If(takes & self.i.valid):
            place = Mux(under_way, address, self.setup.map_base)
            m.d.sync += [word.valid.eq(1), word.data.eq(self.i.payload), word.word.eq(place), address.eq(place + 1),
                         left.eq(following), one_left.eq(following == 1), under_way.eq(~last)]
            with m.If(last):
                m.d.comb += self.ready.eq(1)
        with m.If(self.begin):
            m.d.sync += [word.valid.eq(0), under_way.eq(0)]
        return m
