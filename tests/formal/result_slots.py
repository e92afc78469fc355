"""The ring of result slots: no slot is handed out while its result is unread, and never are more unread than slots."""

from __future__ import annotations

from amaranth.hdl import Array, Mux, Signal
from tests.formal.harness import Harness

from zeroskip.result_slots import ResultSlots


def result_slots(h: Harness, *, slots: int) -> None:
    """Any passes over any ring, against a list of which slots hold an unread result.

    A pass is `ring` blocks. Passes of a tile: the first starts from zero, the last makes results; with a
    single slot there is but one (the plan joins the others to one block). A block ends only when the slots say that
    the one before it may leave, results are read in order, and only when they are complete. It waits where its slot
    holds an unread result, and after partial sums for a cycle at most where it does not.
    """
    h.m.submodules.dut = dut = ResultSlots(slots=slots)
    ring = h.constant("ring", range(slots + 1))
    h.assume((ring >= 1) & (ring <= slots))
    start = Signal(init=1)  # the first cycle
    h.m.d.sync += start.eq(0)
    slot, before, oldest = (Signal(range(slots), name=name) for name in ("slot", "before", "oldest"))
    unread = Array(Signal(name=f"unread_{at}") for at in range(slots))
    count = Signal(range(slots + 1))
    first, final = Signal(init=1), Signal()  # of the pass: starts from zero; makes results
    chosen, started, reports, partial = Signal(), Signal(), Signal(), Signal()
    h.m.d.comb += final.eq(Mux(slot == 0, h.free("final") | (ring == 1), chosen))  # chosen at its first block
    end = slot == ring - 1
    step, drained = h.free("step") & ~dut.blocked & ~start, h.free("drained") & (count != 0)
    h.m.d.comb += [dut.start.eq(start), dut.ring.eq(ring), dut.step.eq(step), dut.drained.eq(drained),
                   dut.final.eq(final), dut.fresh.eq(Mux(end, final, first))]
    leaves = step & started & reports
    with h.m.If(step):
        h.m.d.sync += [slot.eq(Mux(end, 0, slot + 1)), before.eq(slot), started.eq(1), reports.eq(final),
                       chosen.eq(final), partial.eq(~Mux(end, final, first))]
        with h.m.If(end):
            h.m.d.sync += first.eq(final)
    h.m.d.sync += count.eq(count + leaves - drained)
    with h.m.If(drained):
        h.m.d.sync += [unread[oldest].eq(0), oldest.eq(Mux(oldest == ring - 1, 0, oldest + 1))]
    with h.m.If(leaves):
        h.m.d.sync += unread[before].eq(1)
    h.prove(~(step & started) | ~unread[before])
    h.prove(~drained | unread[oldest])
    h.prove(count <= ring)
    late = (~reports | partial & (ring == 2)) & (h.past(step) | h.past(drained))  # where sums stay a cycle more
    h.prove(start | dut.blocked | ~(started & unread[before]))
    h.prove(start | ~dut.blocked | (started & unread[before]) | late)
    h.prove(~dut.blocked | start | (count != 0) | late)
    h.prove(dut.source == slot)
    h.prove(~started | (dut.evict == before))
    h.prove(dut.partial_sums == partial)
    h.prove(dut.report == reports)
    h.cover(dut.blocked & (ring == 3))
    h.cover(step & partial & ~final)
    h.cover(step & started & ~reports & (count != 0))
    h.cover((count == ring) & (ring == 1))
    h.cover((count == ring) & (ring == 3))
    h.cover((count == ring) & (ring == slots))
