"""The beat merger: one beat of every unit in turn, none lost, none twice, and `last` on the last."""

from __future__ import annotations

from amaranth.hdl import Array, Mux, Signal, Value
from tests.formal.harness import Harness

from zeroskip.output_beats import BeatMerger


def merger(h: Harness, *, units: int, bits: int) -> None:
    """Against the order by count, up to 7 beats; data of `bits` bits, since the merger does not look at them."""
    h.m.submodules.dut = dut = BeatMerger(units=units)
    beats = h.constant("beats", 3)
    h.assume(beats != 0)
    h.m.d.comb += [dut.result_beats.eq(beats), dut.result.ready.eq(h.free("ready"))]
    for number, source in enumerate(dut.sources):
        h.m.d.comb += [source.valid.eq(h.free(f"valid_{number}")), source.payload.eq(h.free(f"data_{number}", bits))]
        h.assume(h.keeps(source))
    turn, number = Signal(range(units)), Signal.like(beats)
    held, payload, last = Signal(), Signal(bits), Signal()
    source_taken = Array(source.valid & source.ready for source in dut.sources)
    sent = dut.result.valid & dut.result.ready
    taken = sum((source.valid & source.ready for source in dut.sources), Value.cast(0))
    h.prove(taken <= 1)
    h.prove((taken != 0) == source_taken[turn])
    with h.m.If(taken):
        h.m.d.sync += [payload.eq(Array(source.payload for source in dut.sources)[turn]), last.eq(number == beats - 1),
                       number.eq(Mux(number == beats - 1, 0, number + 1)),
                       turn.eq(Mux((number == beats - 1) | (turn == units - 1), 0, turn + 1))]
    h.m.d.sync += held.eq(Mux(taken != 0, 1, held & ~sent))
    h.prove((taken == 0) | ~held | sent)
    h.prove(dut.result.valid == held)
    h.prove(~held | ((dut.result.p.data == payload) & (dut.result.p.last == last)))
    h.prove(h.keeps(dut.result))
    h.cover(sent & last & (number == 0) & (beats == units + 1) & (dut.result.p.data != 0))


def merger_keeps(h: Harness, *, units: int) -> None:
    """The rule of streams alone, at full width, with restarts at any time and any number of beats."""
    h.m.submodules.dut = dut = BeatMerger(units=units)
    h.drive(dut)
    for source in dut.sources:
        h.assume(h.keeps(source))
    h.prove(h.keeps(dut.result))
    h.cover(h.past(dut.result.valid & ~dut.result.ready) & dut.result.ready & dut.result.p.last)
