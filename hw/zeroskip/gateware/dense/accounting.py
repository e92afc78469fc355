"""Why the slots of the dense array are not used."""

from __future__ import annotations

import itertools
from functools import reduce
from operator import add

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.ports import idle_shape
from zeroskip.gateware.primitives.size import positive

COUNT_LATENCY = 2
"""Cycles from operands in the array to ``issued`` (see ``DenseArray``)."""


class DenseAccounting(wiring.Component):
    """Counts the slots of each step that have a filter and a pixel, and says what those of other cycles lack.

    In a cycle without a step: nothing more comes, or a pass waits until results have left (``drain``); a row of the map
    has not come (``waiting``); else a block or the first step is being made (``bubble``). In a step, slots beyond the
    last filter or pixel are ``tail``.

    Parameters
    ----------
    filters, pixels
        M and N.
    latency
        Cycles from a step to its operands, at least 1.

    Members
    -------
    go, waiting, finished, held : In(1)
        A step goes; the map is missing; there are no more blocks; only room for results is missing.
    pass_filters : In(range(filters + 1))
        Filters that exist, of those of the step.
    exists : In(pixels)
        Mask of pixels that exist.
    slots : Out(range(filters * pixels + 1))
        Slots with a filter and a pixel, with the step's operands.
    idle : Out(idle_shape(filters * pixels))
        Two cycles later, as the array's counts.

    Raises
    ------
    TypeError
        A parameter is not a positive integer.

    """

    def __init__(self, *, filters: int, pixels: int, latency: int) -> None:
        self._filters, self._pixels = positive("filters", filters), positive("pixels", pixels)
        self._latency = positive("latency", latency)
        super().__init__({
            "go": In(1),
            "waiting": In(1),
            "finished": In(1),
            "held": In(1),
            "pass_filters": In(range(filters + 1)),
            "exists": In(pixels),
            "slots": Out(range(filters * pixels + 1)),
            "idle": Out(idle_shape(filters * pixels)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a step to ``idle``."""
        return self._latency + COUNT_LATENCY

    def elaborate(self, platform: object) -> Module:
        """The step's slots and the cycle's kind travel beside the operands."""
        m = Module()
        most = self._filters * self._pixels
        step = data.StructLayout({"go": 1, "drain": 1, "waiting": 1, "slots": range(most + 1)})
        pixels = reduce(add, (self.exists[pixel] for pixel in range(self._pixels)))
        stages = [Signal(step, name=f"step_{stage}") for stage in range(self._latency + 1)]
        m.d.comb += [
            stages[0].go.eq(self.go),
            stages[0].drain.eq(~self.go & (self.finished | self.held)),
            stages[0].waiting.eq(~self.go & ~self.finished & ~self.held & self.waiting),
            stages[0].slots.eq(reduce(add, (Mux(self.pass_filters[bit], pixels << bit, 0)
                                            for bit in range(len(self.pass_filters))))),
        ]
        m.d.sync += [later.eq(earlier) for earlier, later in itertools.pairwise(stages)]
        here, counted, tail = stages[-1], Signal(3), Signal.like(self.slots)
        m.d.comb += self.slots.eq(here.slots)
        m.d.sync += [
            counted.eq(Cat(~here.go & ~here.drain & ~here.waiting, here.drain, here.waiting)),
            tail.eq(Mux(here.go, most - here.slots, 0)),
            self.idle.tail.eq(tail),
            self.idle.bubble.eq(Mux(counted[0], most, 0)),
            self.idle.drain.eq(Mux(counted[1], most, 0)),
            self.idle.waiting.eq(Mux(counted[2], most, 0)),
        ]
        return m
