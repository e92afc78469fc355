# amaranth: UnusedElaboratable=no
"""The issue stage issues each entry of each word once, the lowest first, and no end of a list too early."""

from __future__ import annotations

from unittest.mock import patch

from amaranth.hdl import Cat, Mux, Signal, Value
from amaranth.lib import data
from tests.formal.harness import Harness
from tests.formal.small import small

import zeroskip.gateware.lane.issue
from zeroskip.gateware.lane.issue import IssueStage
from zeroskip.gateware.structs import any_of

MOST_OWED = 2
"""Ends of lists whose sums have not gone, where lists wait for that."""


def issue(h: Harness, *, look: int, queue_words: int, late: bool, gap_bits: int = 3) -> None:
    """Follow any one word from its arrival to its last entry.

    Words come as there is room for them, with any mask, but for empty ones that end nothing; writes steal at any time;
    the way out does what it likes, but takes over only sums that are there.
    """
    with patch.multiple(zeroskip.gateware.lane.issue, QUEUE_WORDS=queue_words, GAP_BITS=gap_bits):
        dut = IssueStage(config=small(look=look))
        h.m.submodules.dut = dut.elaborate(None)
    go = ~(dut.empty | dut.stolen | dut.blocked | dut.hold)
    went = h.past(go)
    h.prove(went | ~(dut.slot.valid | dut.slot.first | dut.slot.end))
    comes, captured = h.free("comes"), h.free("captured")
    gap, gap_end = h.constant("gap", gap_bits), h.constant("gap_end", gap_bits)
    h.drive(dut, late=int(late), gap=gap, gap_end=gap_end, word_valid=comes, captured=captured)
    h.assume(~comes | dut.word.last | (dut.word.mask != 0))
    _follow(h, dut, go, comes, queue_words)
    if late:
        _late(h, dut, go, captured)
    else:
        _gaps(h, dut, gap, gap_end)


def _follow(h: Harness, dut: IssueStage, go: Value, comes: Value, queue_words: int) -> None:
    """The word that is followed: its entries are issued, each once."""
    word, slot = dut.word, dut.slot
    waiting, ahead = Signal(range(queue_words + 1)), Signal(range(queue_words + 1), name="words_ahead")
    h.assume((waiting != queue_words) | dut.taken | ~comes)
    h.m.d.sync += waiting.eq(waiting + comes - dut.taken)
    chosen, at_work, gone = Signal(), Signal(name="at_work"), Signal()
    own, left = Signal.like(word, name="own"), Signal(look := len(word.mask))
    with h.m.If(h.free("choose") & comes & ~chosen):
        h.m.d.sync += [chosen.eq(1), ahead.eq(waiting - dut.taken), own.eq(word), left.eq(word.mask)]
    with h.m.Elif(chosen & dut.taken):
        h.m.d.sync += [ahead.eq(ahead - 1), at_work.eq(ahead == 0)]
    rest, lowest = (left & (left - 1))[:look], [left[k] & ~left[:k].any() for k in range(look)]
    entry = data.View(own.entries.shape().elem_shape, any_of(
        [Mux(bit, own.entries[k].as_value(), 0) for k, bit in enumerate(lowest)]))
    done = go & (rest == 0)
    with h.m.If(at_work & go):
        h.m.d.sync += left.eq(rest)
        with h.m.If(done):
            h.m.d.sync += [at_work.eq(0), chosen.eq(0), gone.eq(~dut.taken)]
    with h.m.If(gone & dut.taken):
        h.m.d.sync += gone.eq(0)
    h.prove(~(at_work & dut.empty))
    h.prove(~(at_work & dut.taken) | done)
    h.prove(~gone | dut.empty)
    h.prove(~dut.taken | (waiting != 0))
    h.prove(~(dut.empty & (waiting != 0)) | dut.taken)
    h.prove(~at_work | (dut.stolen == ((entry.halves & dut.steal).any() & ~dut.hold)))
    h.prove(~at_work | (dut.multiplying == (go & left.any())))
    issued = h.past(at_work & go)
    fields = Cat(getattr(slot, name) == h.past(getattr(entry, name))
                 for name in ("position", "weight", "kind", "signed"))
    h.prove(~issued | (slot.valid == h.past(left.any())))
    h.prove(~issued | ~slot.valid | fields.all())
    h.prove(~issued | ((slot.begin == h.past(own.begin)) & (slot.finish == h.past(own.finish))))
    h.prove(~issued | (slot.end == h.past(own.last & (rest == 0))))
    # sums begin where the ones before ended
    ended = Signal(init=1)
    with h.m.If(h.past(go)):
        h.m.d.sync += ended.eq(slot.end)
        h.prove(slot.first == ended)
    h.cover(issued & slot.end & ~slot.valid & slot.finish)
    h.cover(at_work & dut.stolen & h.past(at_work & go) & (waiting == queue_words))
    h.cover(at_work & done & dut.taken & (entry.weight == 3) & h.past(at_work & go))


def _gaps(h: Harness, dut: IssueStage, gap: Value, gap_end: Value) -> None:
    """An end of a list waits as long as the way out needs for the one before, and no longer."""
    since, least, slot = Signal(len(gap) + 1, init=(2 << len(gap)) - 1), Signal.like(gap), dut.slot
    h.assume((gap != 0) & (gap_end != 0))
    with h.m.If(slot.end):
        h.m.d.sync += [since.eq(2), least.eq(Mux(slot.finish, gap_end, gap))]
    with h.m.Elif(~since.all()):
        h.m.d.sync += since.eq(since + 1)
    h.prove(~slot.end | (since > least))
    now, of = Mux(slot.end, 1, since), Mux(slot.end, Mux(slot.finish, gap_end, gap), least)
    h.prove(~dut.blocked | (now < of))
    h.cover(slot.end & (since == least + 1) & (least == 5) & h.past(dut.blocked, 2))


def _late(h: Harness, dut: IssueStage, go: Value, captured: Value) -> None:
    """A list begins only when the sums before have gone, or when those under way find a place."""
    before, ended, slot = Signal(3), Signal(init=1), dut.slot
    owed, fresh = Signal.like(before), Signal()
    went = h.past(go)
    h.m.d.comb += [owed.eq(before + slot.end), fresh.eq(Mux(went, slot.end, ended))]
    h.assume(~captured | (owed != 0))
    h.m.d.sync += before.eq(owed - captured)
    with h.m.If(went):
        h.m.d.sync += ended.eq(slot.end)
    place = (owed == 0) | (owed == 1) & dut.room
    h.prove(owed <= MOST_OWED)
    h.prove(~(go & fresh) | place)
    h.prove(~dut.blocked | fresh & ~place)
    h.cover(go & fresh & (owed == 1) & h.past(dut.blocked))
