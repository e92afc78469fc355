"""The pacer: each item is carried out once, in order; words leave before and behind it, and never too fast."""

from __future__ import annotations

from amaranth.hdl import Mux, Signal
from amaranth.lib import data
from tests.formal.harness import Harness
from tests.formal.small import small, word_of

from zeroskip.gateware.lane.pacer import Pacer, item_layout
from zeroskip.spec.timing import STREAM_TURNS
from zeroskip.spec.words import step_parts


def pacer(h: Harness, *, lanes: int = 3) -> None:
    """Any items, any pauses and halts: what may be done is done, and nothing else."""
    config = small(lanes=lanes, vector=4)
    h.m.submodules.dut = dut = Pacer(config=config)
    layout = item_layout(config)
    offered = h.free("item", layout.size)
    late, to_stream = h.constant("late"), h.constant("stream")
    h.drive(dut, items_payload=offered, items_valid=h.free("offers"), halt=h.free("halt"),
            step_1=word_of(step_parts(config)[1], late=late, stream=to_stream))
    own = data.View(layout, offered)
    h.assume(~(own.full & own.rests) & (own.plain == ~(own.moves | own.full | own.rests)))
    item, command = Signal(layout, name="item_in_work"), dut.command
    some, moved, carried = Signal(name="some"), Signal(name="moved"), Signal(name="carried")
    word, pace = Signal(config.word_bits, name="word_in_work"), Signal(range(STREAM_TURNS * lanes), name="pace_wanted")
    halted, may_leave = h.past(dut.halt & late), pace == 0
    before = some & item.moves & ~moved
    now = some & ~before & ~carried
    flushes = (before | some & carried) & may_leave & ~halted
    carries = now & (may_leave | ~item.full) & ~halted
    done = carries & ~item.rests | carried & flushes
    h.prove(dut.items.ready == (done | ~some & ~halted))
    h.prove(dut.busy == some)
    h.prove(dut.closed == (done & item.close))
    h.prove(command.ways == Mux(carries, item.ways, 0))
    h.prove(command.put == (carries & item.put))
    h.prove(command.emit == (flushes | carries & item.full))
    h.prove(~command.emit | (command.word == Mux(flushes, word, item.word)))
    for name in ("inside", "wide", "at", "byte", "pair", "column", "first_column", "last_column", "first_row"):
        h.prove(~carries | (command[name] == item[name]))
    h.m.d.sync += [pace.eq(Mux(command.emit, Mux(to_stream, STREAM_TURNS, 1) * lanes - 1, pace - (pace != 0))),
                   moved.eq(moved | before & flushes), carried.eq(carried | carries)]
    with h.m.If(carries & item.put):
        h.m.d.sync += word.eq(item.word)
    with h.m.If(dut.items.ready):
        h.m.d.sync += [item.eq(offered), some.eq(dut.items.valid), moved.eq(0), carried.eq(0)]
    h.cover(done & carried & item.moves & item.close)
    h.cover(carries & item.full & to_stream & h.past(now & halted))
