# amaranth: UnusedElaboratable=no
"""The write bus: every word of a lane leaves in time and once; maps take the turns that are left."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Mux, Signal, Value
from amaranth.lib import data
from tests.formal.harness import Harness
from tests.formal.small import small

from zeroskip.gateware.array.bus import WriteBus
from zeroskip.gateware.lane.output import result_layout
from zeroskip.gateware.structs import any_of
from zeroskip.spec.config import EngineConfig

WRITE_LATENCY = 2
"""Cycles from a notice to the write."""


def bus(h: Harness, *, lanes: int, vector: int = 1, banks: int = 4) -> None:
    """Lanes that let a word go at any time, but not two in E cycles; maps that come in at any time.

    No lane has a word when its next one comes; what is seen on the bus is, in each cycle, the one word that was sent.
    """
    config = small(lanes=lanes, vector=vector, banks=banks)
    h.m.submodules.dut = dut = WriteBus(config=config)
    layout = result_layout(config)
    words = [_lane(h, dut, number, lanes, layout) for number in range(lanes)]
    coming = data.View(layout, h.free("map_word", layout.size))
    h.drive(dut, results=Cat(words), map_word=coming.as_value())
    sent = dut.sent
    h.prove(~(sent & (sent - 1)).any())
    h.prove(~dut.map_sent | coming.valid)
    turns = any_of([Mux(sent[number], Cat(word, Const(1 - number % 2, 1)), 0) for number, word in enumerate(words)])
    other = Mux(dut.map_sent, Cat(coming.as_value(), Const(1, 1)), 0)
    came, came_map = h.past(turns, dut.latency), h.past(other)
    h.prove((came == 0) | (came_map == 0))
    wanted = Signal(layout.size + 1, name="wanted")
    h.m.d.comb += wanted.eq(came | came_map)
    watched = data.View(layout, wanted[:-1])
    h.prove(dut.watched.as_value() == wanted[:-1])
    h.prove(dut.out.valid == (watched.valid & watched.stream))
    h.prove(~dut.out.valid | (dut.out.as_value() == wanted[:-1]))
    stored = watched.valid & ~watched.stream
    h.prove(dut.notice.valid == stored)
    h.prove(~stored | ((dut.notice.port == wanted[-1]) & (dut.notice.half == watched.word[-1])))
    _written(h, dut, config, h.past(stored, WRITE_LATENCY), data.View(layout, h.past(wanted[:-1], WRITE_LATENCY)),
             h.past(wanted[-1], WRITE_LATENCY))
    h.cover(dut.map_sent & h.past(coming.valid & ~dut.map_sent) & h.past(coming.valid, 2))
    h.cover(sent.any() & h.past(sent).any() & h.past(sent, 2).any())
    h.cover(dut.flags.valid & ~dut.flags.flags.all() & (dut.write.data[0] != 0))


def _lane(h: Harness, dut: WriteBus, number: int, lanes: int, layout: data.StructLayout) -> Value:
    """The word in a lane's output register."""
    word, pace = Signal(layout, name=f"word_{number}"), Signal(range(lanes), name=f"pace_{number}")
    emits = h.free(f"emits_{number}") & (pace == 0)
    h.m.d.sync += pace.eq(Mux(emits, lanes - 1, pace - (pace != 0)))
    with h.m.If(dut.sent[number]):
        h.m.d.sync += word.valid.eq(0)
    with h.m.If(emits):
        h.m.d.sync += [word.eq(h.free(f"next_{number}", layout.size)), word.valid.eq(1)]
    h.prove(~dut.sent[number] | word.valid)
    h.prove(~(emits & word.valid) | dut.sent[number])
    return word.as_value()


def _written(h: Harness, dut: WriteBus, config: EngineConfig, valid: Value, word: data.View, port: Value) -> None:
    """What the map and its flags are told, of the word that was on the bus."""
    write, flags = dut.write, dut.flags
    h.prove((write.valid == valid) & (flags.valid == valid))
    h.prove(~valid | ((write.port == port) & (write.word == word.word) & (write.mask == word.mask)))
    h.prove(~valid | (flags.word == word.word))
    some = [word.data[bank].any() for bank in range(config.banks)]
    h.prove(~valid | Cat(write.data[bank] == Cat(word.data[bank], some[bank]) for bank in range(config.banks)).all())
    for number in range(config.flags):
        granule = some[number * config.granule:(number + 1) * config.granule]
        h.prove(~valid | (flags.flags[number] == (Cat(granule).any() | ~word.mask.all())))
