"""Where lanes wait for each other, for maps and for parts of the program."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.structs import struct_of
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import MOST_PARTS
from zeroskip.spec.words import sync

MOST_WAITING = 3
"""Maps that may have come in and not been used."""
SETTLING = 4
"""Cycles after all go on until it can be seen that they do not wait any more."""


class Barrier(wiring.Component):
    """Lets all lanes go on when all of them wait, and what they wait for is there.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    waiting : In(E)
        Lanes that wait.
    sync : In
        The instruction at which they do; all have the same.
    begin : In(1)
        A program begins.
    map_ready : In(1), part_ready : In(1)
        A map has come in; a part of the program has.
    map_room : Out(1)
        There is a place for a map: none at first, then one for each `release`.
    part_room : Out(1)
        A part of the program may come: none at first, then so many for each barrier as its `free` says.
    go_on : Out(1)
        All go on.
    stuck : Out(1)
        All wait, and what they wait for is not there.
    image_done : Out(1)
        The results of an image are complete.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            "waiting": In(config.lanes), "sync": In(struct_of(sync(config))), "begin": In(1),
            "map_ready": In(1), "part_ready": In(1), "map_room": Out(1), "part_room": Out(1), "go_on": Out(1),
            "stuck": Out(1), "image_done": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """Counters of maps and parts, and a pause after each release."""
        m = Module()
        maps, room = Signal(range(MOST_WAITING + 1)), Signal(2)
        parts, part_room = Signal(range(MOST_PARTS + 1)), Signal(range(MOST_PARTS + 1))
        all_wait, settling = Signal(), Signal(range(SETTLING + 1))
        go = Signal()
        there = (~self.sync.input | (maps != 0)) & (~self.sync.program | (parts != 0))
        m.d.sync += [all_wait.eq(self.waiting.all()), self.go_on.eq(go)]
        m.d.comb += [go.eq(all_wait & there & (settling == 0)), self.map_room.eq(room != 0),
                     self.part_room.eq(part_room != 0),
                     self.stuck.eq(self.waiting.all() & ~there & (settling == 0)),
                     self.image_done.eq(go & self.sync.last)]
        with m.If(go):
            m.d.sync += settling.eq(SETTLING)
        with m.Elif(settling != 0):
            m.d.sync += settling.eq(settling - 1)
        m.d.sync += [
            maps.eq(maps + self.map_ready - (go & self.sync.input)),
            room.eq(room + (go & self.sync.release) - self.map_ready),
            parts.eq(parts + self.part_ready - (go & self.sync.program)),
            part_room.eq(part_room + Mux(go, self.sync.free, 0) - self.part_ready),
        ]
        with m.If(self.begin):
            m.d.sync += [maps.eq(0), parts.eq(0), room.eq(0), part_room.eq(0)]
        return m
