# amaranth: UnusedElaboratable=no
"""The output unit loses no beat and makes none up, whatever stalls it; sums go out as they came."""

from __future__ import annotations

from amaranth.hdl import Mux, Signal
from tests.formal.fifo import follow
from tests.formal.harness import Harness

from zeroskip.output import OutputUnit
from zeroskip.requantiser import RAW_BITS
from zeroskip.spec.dense import code_rows, raw_beats, raw_rows


def output(h: Harness, *, pixels: int, fifo_depth: int, requantise: bool | None = None) -> None:
    """Beats are counted: those that rows have filled, less those that left, are never negative and never stay.

    Without `requantise` the mode changes whenever nothing is under way.
    """
    dut = OutputUnit(pixels=pixels, acc_width=2, params_depth=1, fifo_depth=fifo_depth)
    h.m.submodules.dut = inner = dut.elaborate(None)
    h.drive(dut, **({} if requantise is None else {"requantise": int(requantise)}))
    fifo = inner.submodules.fifo
    taken, sent = dut.rows.valid & dut.rows.ready, dut.beats.valid & dut.beats.ready
    h.assume(h.past(dut.idle & ~taken, init=1) | (dut.requantise == h.past(dut.requantise)))
    place = Signal(range(code_rows(pixels)))
    full = dut.rows.p.last | (place == Mux(dut.requantise, code_rows(pixels), raw_rows(pixels)) - 1)
    owed, quiet = Signal(range(fifo_depth + 1)), Signal(range(dut.latency + 1))
    made = Mux(taken & full, Mux(dut.requantise, 1, raw_beats(pixels)), 0)
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
        h.cover(dut.idle & dut.requantise & h.past(~dut.requantise))


def sums(h: Harness, *, fifo_depth: int) -> None:
    """Rows of 4 sums, each a beat, without bias: the beats are the rows, in order."""
    dut = OutputUnit(pixels=4, acc_width=2, params_depth=1, fifo_depth=fifo_depth)
    h.m.submodules.dut = dut
    h.drive(dut, requantise=0, write_en=0)
    pixel = h.constant("pixel", 2)
    sent = dut.beats.payload.word_select(pixel, RAW_BITS).as_signed()
    follow(h, written=dut.rows.valid & dut.rows.ready, taken=dut.beats.valid & dut.beats.ready,
           wrote=dut.rows.p.acc[pixel], read=sent, limit=fifo_depth)
