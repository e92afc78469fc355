"""The counters of the boundary: what every cycle of a layer was spent on."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.losses import LOSSES, STALLED, idle_shape

COUNTER_BITS = 32
COUNTER_LATENCY = 2
"""Cycles from an event to the counter that shows it."""
COUNTERS = {
    "load": "beats of the program taken before the first beat of the map",
    "total": "cycles from the first beat of the map to the last beat of the result, both included",
    "wait": "cycles of total in which nothing could be computed because the map had not come yet",
    "compute": "cycles of total that are none of the other kinds",
    "drain": "cycles of total in which all was computed and results were on their way out",
    "stalled": "cycles of total lost because a stream outside paused",
    "multiplications": "multiplier slots used, gated ones included",
    "gated": "multiplier slots used and gated",
    "map_beats": "beats of the map taken",
    "result_beats": "beats of the result handed over",
    **{f"slots_{name}": f"multiplier slots in total that were not used: {meaning}" for name, meaning in LOSSES.items()},
}
"""Name and meaning, in the order of the registers."""


EVENTS = data.StructLayout(dict.fromkeys((
    "program_taken", "map_taken", "map_missing", "result_taken", "result_last", "result_blocked", "waiting", "draining",
), 1))
"""What is seen on the streams in one cycle, and the two flags of the engine."""


class Counters(wiring.Component):
    """Count beats, multiplications and the kind of every cycle, program by program.

    Everything is registered before it is looked at, so a counter shows a cycle two cycles later and adds nothing to the
    paths of the engine. All counters start again with the first program beat after a reset or after a last result.
    Each cycle of ``total`` is exactly one of ``stalled``, ``drain``, ``wait``, ``compute``, tested in this order. Each
    multiplier slot of ``total`` counts in ``multiplications`` or in exactly one of the ``slots_``: in the one that the
    engine says, or in ``slots_stalled`` where the cycle is ``stalled``. The counters wrap at 32 bits.

    Parameters
    ----------
    multipliers
        The most that ``issued`` and ``gated`` can be in a cycle; at least 1.

    Members
    -------
    ``events``: In(``EVENTS``): the streams in this cycle.
    ``issued``, ``gated``: In(range(multipliers + 1)): multiplier slots in this cycle.
    ``idle``: In(``idle_shape(multipliers)``): the slots that are not issued.
    One Out(32) for each name in ``COUNTERS``, named ``count_NAME``.

    Raises
    ------
    TypeError
        `multipliers` is not a positive integer.
    """

    def __init__(self, *, multipliers: int) -> None:
        if not isinstance(multipliers, int) or isinstance(multipliers, bool) or multipliers <= 0:
            raise TypeError(f"multipliers must be a positive integer, not {multipliers!r}")
        self._multipliers = multipliers
        slots = range(multipliers + 1)
        super().__init__({"events": In(EVENTS), "issued": In(slots), "gated": In(slots),
                          "idle": In(idle_shape(multipliers))}
                         | {f"count_{name}": Out(COUNTER_BITS) for name in COUNTERS})

    @property
    def multipliers(self) -> int:
        """The most that ``issued`` can be in a cycle."""
        return self._multipliers

    @property
    def latency(self) -> int:
        """Cycles from an event to the counter that shows it."""
        return COUNTER_LATENCY

    def elaborate(self, platform: object) -> Module:
        """Stage 1 registers the events; stage 2 tells the kind of the cycle and counts."""
        m = Module()
        event = Signal(EVENTS)
        issued, gated = Signal.like(self.issued, name="issued_seen"), Signal.like(self.gated, name="gated_seen")
        idle, unused, lost = Signal(), Signal.like(self.issued, name="unused"), Signal.like(self.idle, name="lost")
        m.d.sync += [event.eq(self.events), issued.eq(self.issued), gated.eq(self.gated), idle.eq(self.issued == 0),
                     unused.eq(self._multipliers - self.issued), lost.eq(self.idle)]

        running, window = Signal(name="running"), Signal(name="window")
        first, inside, closing = Signal(name="first"), Signal(name="inside"), Signal(name="closing")
        m.d.comb += [
            first.eq(event.program_taken & ~running),
            inside.eq(window | event.map_taken),
            closing.eq(event.result_taken & event.result_last),
        ]
        m.d.sync += [running.eq((running | event.program_taken) & ~closing), window.eq(inside & ~closing)]

        stalled, drain, wait = Signal(name="stalled"), Signal(name="drain"), Signal(name="waits")
        m.d.comb += [
            stalled.eq((event.result_blocked & idle) | (event.waiting & event.map_missing)),
            drain.eq(~stalled & event.draining),
            wait.eq(~stalled & ~event.draining & event.waiting),
        ]
        steps = {
            "load": event.program_taken & ~inside, "total": inside, "wait": inside & wait,
            "compute": inside & ~(stalled | event.draining | event.waiting), "drain": inside & drain,
            "stalled": inside & stalled, "multiplications": issued, "gated": gated,
            "map_beats": event.map_taken, "result_beats": event.result_taken,
        } | {f"slots_{name}": Mux(inside & ~stalled, lost[name], 0) for name, _ in lost.shape()}
        steps[f"slots_{STALLED}"] = Mux(inside & stalled, unused, 0)
        for name, step in steps.items():
            count = getattr(self, f"count_{name}")
            with m.If(first):
                m.d.sync += count.eq(1 if name == "load" else 0)
            with m.Else():
                m.d.sync += count.eq(count + step)
        return m
