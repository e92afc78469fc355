"""What every multiplier slot of every lane went into, for the counters."""

from __future__ import annotations

from functools import reduce
from operator import add

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.ports import idle_shape
from zeroskip.spec.config import EngineConfig

LANE_EVENTS = data.StructLayout(dict.fromkeys(("multiplying", "stolen", "blocked", "waiting"), 1))
"""What a lane does in a cycle: at most one of the first three; `waiting` for the others, at the end of a step."""


class Accounting(wiring.Component):
    """Sums over the lanes, two cycles later.

    A lane that does none of what `lanes` says is looking for something to do (``bubble``). Where no lane can do
    anything before a map comes, all slots are lost to that (``waiting``), or to the results that leave meanwhile
    (``drain``).

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    lanes : In(LANE_EVENTS).array(E)
    gated : In(range(P + 1)).array(E)
        Products of an entry that meet a zero.
    stuck : In(1)
        All lanes wait for a map, or for a part of the program.
    pending : In(1)
        Results of an image have not all left.
    issued, gated_slots : Out(range(E * P + 1))
    idle : Out(idle_shape(E * P))
    waiting, draining : Out(1)
        As of an engine's members.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        count = range(config.multipliers + 1)
        super().__init__({
            "lanes": In(LANE_EVENTS).array(config.lanes), "gated": In(range(config.vector + 1)).array(config.lanes),
            "stuck": In(1), "pending": In(1), "issued": Out(count), "gated_slots": Out(count),
            "idle": Out(idle_shape(config.multipliers)), "waiting": Out(1), "draining": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from what lanes do to the sums."""
        return 2

    def elaborate(self, platform: object) -> Module:
        """Each lane's class in a register; then the sums of all lanes in another."""
        m = Module()
        config = self._config
        lanes = [Signal(LANE_EVENTS, name=f"lane_{number}") for number in range(config.lanes)]
        gated = [Signal.like(own, name=f"gated_{number}") for number, own in enumerate(self.gated)]
        stuck, pending = Signal(name="all_stuck"), Signal(name="results_pending")
        m.d.sync += [stuck.eq(self.stuck), pending.eq(self.pending)]
        waiting, draining = stuck & ~pending, stuck & pending
        for seen, own in zip([*lanes, *gated], [*self.lanes, *self.gated], strict=True):
            m.d.sync += seen.eq(own)
        most = config.multipliers
        sums = {name: self._slots(getattr(lane, name) for lane in lanes)
                for name in ("multiplying", "stolen", "blocked")}
        rest = self._slots(~(self._at_work(lane) | lane.waiting) for lane in lanes)
        m.d.sync += [
            self.issued.eq(sums["multiplying"]), self.gated_slots.eq(reduce(add, gated)),
            self.waiting.eq(waiting), self.draining.eq(draining), self.idle.waiting.eq(Mux(waiting, most, 0)),
            self.idle.drain.eq(Mux(draining, most, 0)), self.idle.stolen.eq(sums["stolen"]),
            self.idle.blocked.eq(sums["blocked"]), self.idle.bubble.eq(rest),
            self.idle.imbalance.eq(Mux(stuck, 0, self._slots(lane.waiting & ~self._at_work(lane) for lane in lanes))),
        ]
        return m

    def _at_work(self, lane: data.View) -> Value:
        """A lane that is let go may issue the first entry of a step while it still says that it waits."""
        return lane.multiplying | lane.stolen | lane.blocked

    def _slots(self, flags: object) -> Value:
        """P for each flag that is set."""
        return reduce(add, flags) << (self._config.vector - 1).bit_length()  # type: ignore[call-overload]
