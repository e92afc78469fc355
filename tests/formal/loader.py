# amaranth: UnusedElaboratable=no
"""The loader starts nothing that was cut off, has a wrong checksum, or is for another engine; parts come in turn."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from tests.formal.harness import Harness
from tests.formal.small import signal_of, small

from zeroskip.gateware.array.loader import Loader, State
from zeroskip.gateware.structs import view
from zeroskip.spec import timing
from zeroskip.spec.program import HEAD, MAGIC, PIECE, VERSION, Target, digest

FLUSH = 2
"""Cycles of a reset, fewer than there are, for solvers."""
BEATS = 4
"""Beats of a piece."""


class Watched(Loader):
    """A loader that shows what it has gathered."""

    def elaborate(self, platform: object) -> Module:
        """And how many beats that are."""
        m = super().elaborate(platform)
        self.got, self.needed, self.short, self.counts, self.counted, self.waited = (
            signal_of(m, name) for name in ("got", "needed", "short", "counts", "counted", "waited"))
        return m

    def _use(self, m: Module, gathered: Value, *others: Any) -> None:
        self.gathered = gathered
        super()._use(m, gathered, *others)


def _after(sums: tuple[Value, Value], beat: Value) -> tuple[Value, Value]:
    """The two sums after one more beat of 32 bits."""
    first = (sums[0] + beat + 1)[:32]
    return first, (sums[1] + first)[:32]


def loader(h: Harness) -> None:
    """Any beats, any ends, any pauses, any room for parts.

    What is started, or made ready, is a packet whose last beat came last, whose sums over all but its last piece are
    what that piece says, and whose head is that of a program for this engine, or of its next part.
    """
    config = small()
    dut = Watched(config=config)
    with patch.object(timing, "FLUSH", FLUSH):
        h.m.submodules.dut = dut.elaborate(None)
    h.drive(dut)
    beat, last, taken = dut.i.p.data, dut.i.p.last, dut.i.valid & dut.i.ready
    assert len(beat) * BEATS == PIECE
    beats = [Signal.like(beat, name=f"beat_{number}") for number in range(BEATS)]
    sums = [(Signal(32, name=f"first_{number}"), Signal(32, name=f"second_{number}")) for number in range(BEATS + 1)]
    fresh = Signal(init=1)
    sums_next = _after(tuple(Mux(fresh, 0, own) for own in sums[0]), beat)  # type: ignore[arg-type]
    checked, head = Signal(range(BEATS + 2)), Signal(PIECE)
    number = Signal(range(BEATS + 1))
    checking = dut._state == State.CHECK
    with h.m.If(taken):
        h.m.d.sync += [fresh.eq(last), beats[0].eq(beat), sums[0][0].eq(sums_next[0]), sums[0][1].eq(sums_next[1]),
                       number.eq(Mux(last, 0, number + (number != BEATS)))]
        for place in range(1, BEATS):
            h.m.d.sync += beats[place].eq(beats[place - 1])
        for place in range(1, BEATS + 1):
            h.m.d.sync += [new.eq(old) for new, old in zip(sums[place], sums[place - 1], strict=True)]
        with h.m.If(number != BEATS):
            h.m.d.sync += head.eq(Cat(head, beat)[len(beat):])
    h.m.d.sync += checked.eq(Mux(checking, checked + (taken & (checked != BEATS + 1)), 0))
    # what the loader has, said in these words: steps of the proof
    state, full, got, own = dut._state, dut._full, dut.got, view(HEAD, head)
    reading = (state == State.BLOCK) | (state == State.WORDS) | checking
    h.prove(dut.gathered[-PIECE:] == Cat(reversed(beats)))
    # a beat is added a cycle after it came, and a cycle later to the second sum; then the sums are compared
    before = dut._first, (dut._second + Mux(dut.counted, dut._first, 0))[:32]
    found = [Mux(dut.counts, new, old) for new, old in zip(_after(before, beats[0]), before, strict=True)]
    h.prove(~(dut.counts & checking) & ~(dut.counted & checking & dut.waited))
    right = (beats[-1] == dut._first) & (beats[-2] == dut._second)
    h.prove(~(checking & full & dut._settled) | (dut._right == right))
    h.prove((~dut._settled | dut.waited) & (~dut.waited | full))
    for place, before in enumerate(sums):
        h.prove(~(checking & (checked == place)) | ((found[0] == before[0]) & (found[1] == before[1])))
    h.prove(~checking | (got == checked) & (checked <= BEATS) & (full == ((got == BEATS) | fresh)))
    same = (found[0] == sums[0][0]) & (found[1] == sums[0][1])
    h.prove(checking | (state == State.SKIP) | fresh | same)
    h.prove(~fresh | full | ((state == State.HEAD) & (found[0] == 0) & (found[1] == 0) & (got == 0)))
    h.prove((number <= BEATS) & (got <= BEATS) & (full | (got < dut.needed)))
    h.prove(~full | (dut.short == (got != dut.needed)) & (got <= dut.needed))
    words = (state == State.WORDS) & (dut._target <= Target.SETUP)
    alone = (dut._number == 0) & (~dut._pair | (dut._target == Target.LIST))  # else the second word of a beat
    h.prove(~words | (dut._last == (dut._left == 1)) & (alone | (dut._target == Target.LIST) & ~dut._pair))
    h.prove(~words | (dut._spends == ((dut._target != Target.LIST) | dut._pair | ~alone)))
    h.prove(state.as_value() <= Value.cast(State.SKIP))
    h.prove((~full | (dut._ended == fresh)) & (~fresh | (number == 0)))
    h.prove((state != State.HEAD) | fresh | (got == number) & (number != 0) & (full == (number == BEATS)))
    h.prove(~((state == State.HEAD) & fresh & full) | (got != BEATS) | (head == dut.gathered[-PIECE:]))
    for count in range(1, BEATS + 1):
        bits = count * len(beat)
        h.prove(~((state == State.HEAD) & ~fresh & (number == count)) | (head[-bits:] == dut.gathered[-bits:]))
    h.prove(~reading | fresh | (number == BEATS))
    h.prove(~reading | (own.magic == MAGIC) & (own.version == VERSION) & (own.digest == digest(config)))
    h.prove(~reading | (dut._begins == own.begin) & (dut._tag == own.tag))
    h.prove(~reading | own.begin | dut._started & (own.part == dut._part) & (dut._final == own.final))
    # what is promised
    done = dut.start | dut.part_ready
    h.prove(~done | fresh)
    h.prove(~done | ((beats[-1] == sums[BEATS][0]) & (beats[-2] == sums[BEATS][1])))
    h.prove(~done | (own.magic == MAGIC) & (own.version == VERSION) & (own.digest == digest(config)))
    h.prove(~(dut.start & dut.part_ready) & (~dut.start | own.begin) & (~dut.part_ready | ~own.begin))
    _turns(h, dut, own)
    h.cover(dut.start)


def _turns(h: Harness, dut: Watched, head: Value) -> None:
    """Parts are those of the program that was started last, one after the other."""
    started, part, tag = Signal(), Signal.like(head.part), Signal.like(head.tag)
    with h.m.If(dut.start):
        h.m.d.sync += [started.eq(1), part.eq(0), tag.eq(head.tag)]
    with h.m.If(dut.part_ready):
        h.m.d.sync += part.eq(Mux(head.final, 0, part + 1))
    h.prove(~dut._started | (started | dut.start))
    due = Mux(dut.start, 0, Mux(dut.part_ready, Mux(head.final, 0, part + 1)[:len(part)], part))
    h.prove(~dut._started | (dut._part == due) & (dut._tag == Mux(dut.start, head.tag, tag)))
    h.prove(~dut.part_ready | started & (head.part == part) & (head.tag == tag))
