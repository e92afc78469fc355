"""FIFOs neither lose, nor repeat, nor reorder."""

from __future__ import annotations

from amaranth.hdl import Signal, Value, ValueLike
from amaranth.lib.fifo import SyncFIFO
from tests.formal.harness import Harness

from zeroskip.gateware.primitives.queue import Queue


def follow(h: Harness, *, written: Signal, taken: Signal, wrote: Signal, read: Signal, limit: int,
           forget: ValueLike = 0) -> Signal:
    """Follow any one entry from when it is written until as many were read as lay before it: it must be there then.

    Since that entry may be any, the entries read are those written, in that order. `limit` entries at most may be
    inside; all are gone after `forget`. Returns how many are inside.
    """
    inside = Signal(range(limit + 1), name="inside")
    ahead = Signal(range(limit + 1), name="ahead")
    chosen, entry = Signal(name="chosen"), Signal(Value.cast(wrote).shape(), name="entry")
    choose = h.free("choose") & written & ~chosen
    h.m.d.sync += inside.eq(inside + written - taken)
    with h.m.If(choose):
        h.m.d.sync += [chosen.eq(1), entry.eq(wrote), ahead.eq(inside - taken)]
    with h.m.Elif(chosen & taken):
        h.m.d.sync += [ahead.eq(ahead - 1), chosen.eq(ahead != 0)]
    with h.m.If(forget):
        h.m.d.sync += [inside.eq(0), chosen.eq(0)]
    h.prove(~taken | (inside != 0))
    h.prove(~written | taken | (inside != limit))
    h.prove(~(chosen & taken & (ahead == 0)) | (read == entry))
    h.cover(chosen & taken & (ahead == 0) & (entry != 0))
    return inside


def sync_fifo(h: Harness, *, depth: int, width: int) -> None:
    """Amaranth's FIFO, with any writes and any reads: it also says rightly how full it is."""
    h.m.submodules.dut = dut = SyncFIFO(width=width, depth=depth)
    h.m.d.comb += [dut.w_en.eq(h.free("w_en")), dut.w_data.eq(h.free("w_data", width)), dut.r_en.eq(h.free("r_en"))]
    inside = follow(h, written=dut.w_en & dut.w_rdy, taken=dut.r_en & dut.r_rdy, wrote=dut.w_data, read=dut.r_data,
                    limit=depth)
    h.prove(dut.level == inside)
    h.prove(dut.w_rdy == (inside != depth))
    h.prove(dut.r_rdy == (inside != 0))
    h.cover(inside == depth)


def queue(h: Harness, *, depth: int, width: int) -> None:
    """The queue that looks after nothing: writes only so that no more than `depth` are inside, reads where it is valid.

    An item may be written to a full queue in the cycle in which one leaves, and all may be forgotten at any time.
    """
    h.m.submodules.dut = dut = Queue(width=width, depth=depth)
    write, read, start = h.free("write"), h.free("read") & dut.valid, h.free("start")
    h.m.d.comb += [dut.write.eq(write), dut.write_data.eq(h.free("write_data", width)), dut.read.eq(read),
                   dut.start.eq(start)]
    inside = follow(h, written=dut.write, taken=dut.read, wrote=dut.write_data, read=dut.data, limit=depth,
                    forget=start)
    h.assume((inside != depth) | ~write | read)
    h.prove(dut.valid == (inside != 0))
    h.cover((inside == depth) & write & read)
    h.cover((inside == depth) & h.past(start, depth + 1))
