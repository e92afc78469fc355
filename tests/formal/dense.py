# amaranth: UnusedElaboratable=no
"""The dense array: its sums, its table of taps, its way out, its result stream."""

from __future__ import annotations

from amaranth.hdl import Cat, Mux, Signal, signed
from tests.formal.fifo import follow
from tests.formal.harness import Harness

from zeroskip.gateware.dense.cell import DenseCell
from zeroskip.gateware.dense.output import OutputUnit
from zeroskip.gateware.dense.results import ResultStream
from zeroskip.gateware.dense.structs import has
from zeroskip.gateware.dense.tap_table import TapTable
from zeroskip.gateware.structs import view
from zeroskip.spec.dense import RAW_BITS, code_rows, raw_beats, raw_rows
from zeroskip.spec.dense_program import TAP, Mode, Section

SUM_BITS = 18
"""The narrowest that a requantiser takes."""


def cell(h: Harness, *, bits: int) -> None:
    """Sums of operands of few bits, with any pauses and any gating, are those of products that are all added."""
    h.m.submodules.dut = dut = DenseCell(acc_width=SUM_BITS, gate=True)
    activation, weight = h.free("activation", signed(bits)), h.free("weight", signed(bits))
    en, last = h.free("en"), h.free("last")
    fresh, acc, total = Signal(init=1), Signal(signed(SUM_BITS)), Signal(signed(SUM_BITS))
    added = (Mux(fresh, 0, acc) + activation * weight)[:SUM_BITS].as_signed()
    with h.m.If(en):
        h.m.d.sync += [acc.eq(added), fresh.eq(last)]
    ends = en & last
    with h.m.If(ends):
        h.m.d.sync += total.eq(added)
    beside = dut.product_latency
    h.drive(dut, activation=activation, weight=weight, en=en, first=h.past(en & fresh, beside),
            last=h.past(ends, beside))
    h.prove(dut.total == h.past(total, dut.latency - 1))
    h.cover(h.past(ends, dut.latency) & (dut.total == 4) & h.past(dut.gated, 2) &
            h.past(dut.gated & dut.first, 4))
    h.cover(h.past(ends, dut.latency) & (dut.total == 0) & (h.past(dut.total) != 0))


def tap_table(h: Harness, *, taps: int) -> None:
    """Any one row that has been written before the start comes whenever it is its turn, and `last` with the last."""
    h.m.submodules.dut = dut = TapTable(taps=taps)
    count, address, row = (h.constant(name, shape) for name, shape in (
        ("count", range(taps + 1)), ("address", range(taps)), ("row", TAP.bits)))
    h.assume((count != 0) & (address < count))
    h.drive(dut, count=count)
    write = dut.write.valid & (dut.write.kind == Section.TAPS) & (dut.write.address[: len(address)] == address)
    h.assume(~write | ((dut.write.data[: TAP.bits] == row) & (dut.write.address == address)))
    written, running, number = Signal(), Signal(), Signal(range(taps))
    taken = dut.taps.valid & dut.taps.ready
    h.m.d.sync += [written.eq(written | write), running.eq(running | dut.start)]
    h.assume(~dut.start | written)
    with h.m.If(taken):
        h.m.d.sync += number.eq(Mux(number + 1 == count, 0, number + 1))
    with h.m.If(dut.start):
        h.m.d.sync += number.eq(0)
    h.assume(running | ~dut.taps.ready)
    found, wanted = dut.taps.p.tap, view(TAP, row)
    same = Cat(found.offset == wanted.offset[: len(found.offset)], found.dx == wanted.dx[: len(found.dx)].as_signed(),
               found.last_channel == (wanted.channels - 1)[: len(found.last_channel)]).all()
    h.prove(~dut.taps.valid | (dut.taps.p.last == (number + 1 == count)))
    h.prove(~(dut.taps.valid & (number == address)) | same)
    h.prove(h.keeps(dut.taps) | h.past(dut.start))
    h.cover(taken & h.past(taken) & (number == address) & (count == taps) & (address == 1) & (found.offset == 5))


def output(h: Harness, *, pixels: int, fifo_depth: int, requantise: bool | None = None) -> None:
    """Beats are counted: those that rows have filled, less those that left, are never negative and never stay.

    Without `requantise` the mode changes whenever nothing is under way.
    """
    dut = OutputUnit(pixels=pixels, acc_width=SUM_BITS, parameters=1, fifo_depth=fifo_depth)
    h.m.submodules.dut = inner = dut.elaborate(None)
    h.drive(dut)
    codes = has(dut.layer, Mode.REQUANTISE)
    fifo = inner.submodules.fifo
    taken, sent = dut.rows.valid & dut.rows.ready, dut.beats.valid & dut.beats.ready
    h.assume(h.past(dut.idle & ~taken, init=1) | (codes == h.past(codes)) if requantise is None else
             codes == int(requantise))
    place = Signal(range(code_rows(pixels)))
    full = dut.rows.p.last | (place == Mux(codes, code_rows(pixels), raw_rows(pixels)) - 1)
    owed, quiet = Signal(range(fifo_depth + 1)), Signal(range(dut.latency + 1))
    made = Mux(taken & full, Mux(codes, 1, raw_beats(pixels)), 0)
    h.m.d.sync += [owed.eq(owed + made - sent), quiet.eq(Mux(taken, 0, Mux(quiet == dut.latency, quiet, quiet + 1)))]
    with h.m.If(taken):
        h.m.d.sync += place.eq(Mux(full, 0, place + 1))
    h.prove(~fifo.w_en | fifo.w_rdy)
    h.prove(~sent | (owed != 0))
    h.prove(owed + made - sent <= fifo_depth)
    h.prove((quiet != dut.latency) | (owed == 0) | dut.beats.valid)
    h.prove(~dut.idle | ((owed == 0) & (place == 0)))
    h.prove(h.keeps(dut.beats))
    h.cover(owed == fifo_depth)
    if requantise is None:
        h.cover(dut.idle & codes & h.past(~codes))


def sums(h: Harness, *, fifo_depth: int) -> None:
    """Rows of 4 sums, each a beat, without bias: the beats are the rows, in order."""
    dut = OutputUnit(pixels=4, acc_width=SUM_BITS, parameters=1, fifo_depth=fifo_depth)
    h.m.submodules.dut = dut
    h.drive(dut, write=0)
    h.assume(~has(dut.layer, Mode.REQUANTISE))
    pixel = h.constant("pixel", 2)
    for number in range(4):  # of few bits: nothing looks at them
        h.assume(dut.rows.p.acc[number] == dut.rows.p.acc[number][:2].as_signed())
    sent = dut.beats.payload.word_select(pixel, RAW_BITS).as_signed()
    follow(h, written=dut.rows.valid & dut.rows.ready, taken=dut.beats.valid & dut.beats.ready,
           wrote=dut.rows.p.acc[pixel], read=sent, limit=fifo_depth)


def results(h: Harness) -> None:
    """One beat after the other, none lost, none twice, and `last` on the last; up to 7 beats, also anew."""
    h.m.submodules.dut = dut = ResultStream()
    count = h.constant("count", 3)
    h.assume(count != 0)
    h.drive(dut, count=count, start=0, beats_payload=h.free("data", 2))
    taken, sent = dut.beats.valid & dut.beats.ready, dut.result.valid & dut.result.ready
    number, held, payload, last = Signal.like(count), Signal(), Signal(2), Signal()
    h.m.d.sync += held.eq(Mux(taken, 1, held & ~sent))
    with h.m.If(taken):
        h.m.d.sync += [payload.eq(dut.beats.payload), last.eq(number + 1 == count),
                       number.eq(Mux(number + 1 == count, 0, number + 1))]
    h.prove(~taken | ~held | sent)
    h.prove(dut.result.valid == held)
    h.prove(~held | ((dut.result.p.data == payload) & (dut.result.p.last == last)))
    h.prove(h.keeps(dut.result))
    h.cover(sent & last & (number == 0) & (count == 3) & (dut.result.p.data != 0))


def results_keep(h: Harness) -> None:
    """The rule of streams alone, at full width, with new layers at any time and any number of beats."""
    h.m.submodules.dut = dut = ResultStream()
    h.drive(dut)
    h.prove(h.keeps(dut.result))
    h.cover(h.past(dut.result.valid & ~dut.result.ready) & dut.result.ready & dut.result.p.last)
