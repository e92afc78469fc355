# amaranth: UnusedElaboratable=no
"""Results that leave: the queue never overflows and loses nothing, as long as lanes heed it."""

from __future__ import annotations

from unittest.mock import patch

from amaranth.hdl import Cat, Mux, Signal
from tests.formal.fifo import follow
from tests.formal.harness import Harness
from tests.formal.small import below_limits, small

from zeroskip.gateware.array.results import ResultOutput
from zeroskip.spec import timing


def results(h: Harness, *, out_words: int, under_way: int, lanes: int = 1) -> None:
    """Words at any time, but once the queue says halt one less than are said to be under way; any stalls.

    One word may come in the cycle in which the queue sees that it has to halt.
    A word's data, its place and which of its bytes count are followed; `last` is counted.
    """
    config = below_limits(small(lanes=lanes), out_words=out_words)
    with patch.object(timing, "under_way", lambda config: under_way), patch.object(timing, "ROOM", 1):
        dut = ResultOutput(config=config)
        h.m.submodules.dut = dut.elaborate(None)
    begin, valid, count = h.free("begin"), h.free("valid"), h.constant("count", config.word_bits + 1)
    word = dut.word
    h.m.d.comb += [word.valid.eq(valid), word.stream.eq(1), word.data.eq(h.free("data", 2)),
                   word.mask.eq(h.free("mask", 2)), word.word.eq(h.free("place", 2)),
                   dut.setup.result_words.eq(count), dut.begin.eq(begin), dut.o.ready.eq(h.free("ready"))]
    h.assume(count != 0)
    since = Signal(range(under_way * lanes))
    h.assume(~valid | ~dut.halt | (since != under_way * lanes - 1))
    h.m.d.sync += since.eq(Mux(dut.halt & ~begin, since + valid, 0))
    number, o = Signal.like(count), dut.o
    last = number + 1 == count
    with h.m.If(valid):
        h.m.d.sync += number.eq(Mux(last, 0, number + 1))
    with h.m.If(begin):
        h.m.d.sync += number.eq(0)
    inside = follow(
        h, written=valid & ~begin, taken=o.valid & o.ready & ~begin, limit=out_words + 1, forget=begin,
        wrote=Cat(word.data.as_value()[:2], word.mask[:2], word.word[:2], last),
        read=Cat(o.p.data[:2], o.p.keep[:2], o.p.word[:2], o.p.last))
    h.prove(inside - o.valid <= out_words)
    h.prove(h.keeps(o) | h.past(begin))
    h.cover(inside == out_words + 1)
    h.cover(o.valid & o.ready & o.p.last & (count == 3) & dut.halt)
