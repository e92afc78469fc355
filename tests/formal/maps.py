# amaranth: UnusedElaboratable=no
"""Maps that come in: each beat becomes the next word of the map, none is lost or repeated."""

from __future__ import annotations

from amaranth.hdl import Mux, Signal
from tests.formal.harness import Harness
from tests.formal.small import small

from zeroskip.gateware.array.maps import MapInput


def maps(h: Harness) -> None:
    """Any stream, any turns on the bus, any room: the word in the register is the beat that was taken last."""
    config = small()
    h.m.submodules.dut = dut = MapInput(config=config)
    base, count = h.constant("base", config.word_bits), h.constant("count", config.word_bits + 1)
    known = h.past(1)  # where maps lie is known a cycle before there is room for the first one
    h.drive(dut, sent=h.free("sent") & dut.word.valid, room=h.free("room") & known)
    h.assume((dut.setup.map_base == base) & (dut.setup.map_words == count) & (count <= config.map_words))
    taken, number, held = dut.i.valid & dut.i.ready, Signal(config.word_bits), Signal()
    last = number + 1 == count
    beat, place = Signal.like(dut.i.payload), Signal(config.word_bits)
    h.m.d.sync += held.eq(taken | held & ~dut.sent)
    with h.m.If(taken):
        h.m.d.sync += [beat.eq(dut.i.payload), place.eq(base + number), number.eq(Mux(last, 0, number + 1))]
    with h.m.If(dut.begin):
        h.m.d.sync += [held.eq(0), number.eq(0)]
    h.prove(dut.word.valid == held)
    h.prove(~taken | ~held | dut.sent)
    h.prove(~held | ((dut.word.data.as_value() == beat) & (dut.word.word == place) & dut.word.mask.all()))
    h.prove(~held | ~dut.word.stream)
    h.prove(dut.ready == (taken & last))
    h.prove(dut.i.ready == ((~held | dut.sent) & (count != 0) & ((number != 0) | dut.room)))
    h.cover(dut.ready & (count == 3) & ~dut.room)
    h.cover(taken & h.past(dut.ready) & (count == config.map_words) & (place == 1))
