# amaranth: UnusedElaboratable=no
"""The barrier: no lane goes on before all wait, and not before what they wait for is there."""

from __future__ import annotations

from unittest.mock import patch

from amaranth.hdl import Cat, Mux, Signal, Value
from tests.formal.harness import Harness
from tests.formal.small import small

import zeroskip.gateware.array.barrier
from zeroskip.gateware.array.barrier import MOST_WAITING, SETTLING, Barrier

NEXT = 1
"""Cycles after a lane went on before it can wait again."""


def barrier(h: Harness, *, lanes: int, most_parts: int) -> None:
    """Lanes that come to a barrier at any time and wait; maps and parts that come as soon as they may.

    Programs let no more maps and parts come than are counted. It is counted from outside what came and what was used.
    """
    config = small(lanes=lanes)
    with patch.object(zeroskip.gateware.array.barrier, "MOST_PARTS", most_parts):
        dut = Barrier(config=config)
        h.m.submodules.dut = dut.elaborate(None)
    waiting = [_lane(h, dut, number) for number in range(lanes)]
    sync, go = dut.sync, dut.go_on
    ready, part = h.free("map_ready") & dut.map_room, h.free("part_ready") & dut.part_room
    h.drive(dut, waiting=Cat(waiting), begin=0, map_ready=ready, part_ready=part)
    every = Cat(waiting).all()
    h.assume(~h.past(every) | ~every | (sync.as_value() == h.past(sync)))
    h.prove(~go | every)
    went = h.past(go)
    h.prove(~(go & went))
    # A decision is seen a cycle later; what comes in that cycle is there for the next one.
    before = h.past(ready), h.past(part)
    for came, uses, lets, room, most in ((before[0], sync.input, sync.release, dut.map_room, MOST_WAITING),
                                         (before[1], sync.program, sync.free, dut.part_room, most_parts)):
        _credits(h, go, came, uses, lets, room, most)
    h.prove(h.past(dut.image_done) == (go & sync.last))
    there = ~dut.stuck
    quiet = Signal(range(SETTLING + 4))
    h.m.d.sync += quiet.eq(Mux(every & there & ~go, quiet + 1, 0))
    h.prove(quiet <= SETTLING + 2)
    h.cover(go & sync.input & sync.program & sync.release & h.past(dut.stuck, 3))
    h.cover(go & (sync.free == 2) & sync.last & h.past(every & ~go, 6))


def _lane(h: Harness, dut: Barrier, number: int) -> Value:
    """Comes to the barrier, waits until all go on, and is at the next one after some instructions."""
    waits, rest = Signal(name=f"waits_{number}"), Signal(range(NEXT + 1), name=f"rest_{number}")
    with h.m.If(dut.go_on):
        h.m.d.sync += [waits.eq(0), rest.eq(NEXT)]
    with h.m.Elif(rest != 0):
        h.m.d.sync += rest.eq(rest - 1)
    with h.m.Elif(h.free(f"comes_{number}")):
        h.m.d.sync += waits.eq(1)
    return waits


def _credits(h: Harness, go: Value, came: Value, uses: Value, lets: Value, room: Value, most: int) -> None:
    """What may come, and what has come and was not used, counted by who sees lanes go on."""
    may, there = Signal(range(most + 1)), Signal(range(most + 1))
    h.prove(~(go & uses) | (there != 0))
    h.prove(~came | (may != 0))
    h.m.d.sync += [may.eq(may + Mux(go, lets, 0) - came), there.eq(there + came - (go & uses))]
    h.assume(~go | (may + there + lets <= most))
    h.prove(~came | (there != most))
    h.cover(go & uses & (there == 2))
