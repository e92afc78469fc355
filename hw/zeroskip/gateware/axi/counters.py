"""The counters of the AXI top: what every cycle of a layer was spent on."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.counter_store import COUNTER_BITS, CounterStore
from zeroskip.gateware.axi.ports import idle_shape
from zeroskip.spec.axi import COUNTERS
from zeroskip.spec.stall_reasons import STALLED

RESULTS_BITS = 16
COUNTER_LATENCY = 3
"""Cycles from an event to the counter that shows it, once it has its turn."""


EVENTS = data.StructLayout(dict.fromkeys((
    "program_taken", "map_taken", "map_missing", "result_taken", "result_last", "result_blocked", "waiting", "draining",
), 1))
"""What is seen on the streams in one cycle, and the two flags of the engine."""


class Counters(wiring.Component):
    """Count beats, multiplications and the kind of every cycle, program by program.

    Everything is registered before it is looked at, and what it means before it is counted, so that nothing is added to
    the paths of the engine. The counters are shown in turn, one a cycle. All start again with the first beat of a
    program or map after a reset, or after the last of so many results. Each cycle of ``total`` is exactly one of
    ``stalled``, ``drain``, ``wait``, ``compute``, tested in this order. Each multiplier slot of ``total`` counts in
    ``multiplications`` or in exactly one of the ``slots_``: in the one that the engine says, or in ``slots_stalled``
    where the cycle is ``stalled``. The counters wrap at 32 bits.

    Parameters
    ----------
    multipliers
        The most that ``issued`` and ``gated`` can be in a cycle; at least 1.

    Members
    -------
    ``events``: In(``EVENTS``): the streams in this cycle.
    ``issued``, ``gated``: In(range(multipliers + 1)): multiplier slots in this cycle.
    ``idle``: In(``idle_shape(multipliers)``): the slots that are not issued.
    ``results``: In(16): results up to whose last beat is counted, at least 1; looked at when the counters start.
    ``number``: Out(range(len(COUNTERS))): the counter whose turn it is, by its place in ``COUNTERS``.
    ``value``: Out(32): that counter.

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
                          "idle": In(idle_shape(multipliers)), "results": In(RESULTS_BITS),
                          "number": Out(range(len(COUNTERS))), "value": Out(COUNTER_BITS)})

    @property
    def multipliers(self) -> int:
        """The most that ``issued`` can be in a cycle."""
        return self._multipliers

    @property
    def latency(self) -> int:
        """Cycles from an event to the counter that shows it, once it has its turn."""
        return COUNTER_LATENCY

    def elaborate(self, platform: object) -> Module:
        """Stage 1 registers the events; stage 2 tells the kind of the cycle; stage 3 counts."""
        m = Module()
        event = Signal(EVENTS)
        issued, gated = Signal.like(self.issued, name="issued_seen"), Signal.like(self.gated, name="gated_seen")
        idle, unused, lost = Signal(), Signal.like(self.issued, name="unused"), Signal.like(self.idle, name="lost")
        m.d.sync += [event.eq(self.events), issued.eq(self.issued), gated.eq(self.gated), idle.eq(self.issued == 0),
                     unused.eq(self._multipliers - self.issued), lost.eq(self.idle)]

        running, window = Signal(name="running"), Signal(name="window")
        first, inside, closing = Signal(name="first"), Signal(name="inside"), Signal(name="closing")
        taken, left = event.program_taken | event.map_taken, Signal(RESULTS_BITS, name="results_left")
        ends = event.result_taken & event.result_last
        m.d.comb += [first.eq(taken & ~running), inside.eq(window | event.map_taken), closing.eq(ends & (left == 1))]
        m.d.sync += [running.eq((running | taken) & ~closing), window.eq(inside & ~closing)]
        with m.If(first):
            m.d.sync += left.eq(self.results)
        with m.Elif(ends):
            m.d.sync += left.eq(left - 1)

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
        slots = {"multiplications", "gated", *(name for name in steps if name.startswith("slots_"))}
        m.submodules.store = store = CounterStore(most=[self._multipliers if name in slots else 1 for name in COUNTERS])
        for number, name in enumerate(COUNTERS):
            step = getattr(store, f"step_{number}")
            counted = Signal.like(step, name=f"step_{name}")
            m.d.sync += counted.eq(steps[name])
            with m.If(first & ~inside):
                m.d.sync += counted.eq(1 if name == "load" else 0)
            m.d.comb += step.eq(counted)
        m.d.comb += [store.clear.eq(first), self.number.eq(store.number), self.value.eq(store.value)]
        return m
