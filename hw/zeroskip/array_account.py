"""Why the slots of the zero-skip array that issue nothing issue nothing."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from zeroskip.config import ArrayConfig
from zeroskip.gateware.axi.ports import idle_shape
from zeroskip.lane_account import lane_counts


class ArrayAccount(wiring.Component):
    """Adds up what the groups count, and says what groups without work lack.

    A group without work lacks what the sequencer says in the cycle before: nothing more comes (``drain`` where no other
    group has work, else ``group_imbalance``), it waits for a row or for a pass (``waiting``), a group that takes
    its window has no room (``group_imbalance``), or it issues (``fetch``).

    Parameters
    ----------
    config
        The array's parameters.

    Members
    -------
    waiting, empty, held, finished
        In, from the sequencer.
    busy
        In: some lane has work.
    quiet
        Out, one cycle later: none has, and none will have before a row or a pass comes, or ever.
    lanes
        In, array of ``lane_counts``, one for each group.
    idle
        Out, ``idle_shape``: slots, one cycle later.
    """

    def __init__(self, *, config: ArrayConfig) -> None:
        self._pixels = config.pixels
        super().__init__({
            "waiting": In(1),
            "empty": In(1),
            "held": In(1),
            "finished": In(1),
            "busy": In(1),
            "quiet": Out(1),
            "lanes": In(lane_counts(config.lanes)).array(config.groups),
            "idle": Out(idle_shape(config.multipliers)),
        })

    @property
    def latency(self) -> int:
        """Cycles from the groups' counts to ``idle``."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """The reason of the cycle, and one sum for each kind."""
        m = Module()
        reasons = {name: Signal(name=f"reason_{name}") for name in ("drain", "waiting", "group_imbalance", "fetch")}
        stopped = self.waiting | self.empty
        m.d.sync += [
            self.quiet.eq(~self.busy & (self.finished | stopped)),
            reasons["drain"].eq(self.finished & ~self.busy),
            reasons["waiting"].eq(~self.finished & stopped),
            reasons["group_imbalance"].eq(Mux(self.finished, self.busy, ~stopped & self.held)),
            reasons["fetch"].eq(~self.finished & ~stopped & ~self.held),
        ]
        slots = {}
        for kind, _ in lane_counts(1):
            slots[kind] = Signal.like(self.idle.bubble, name=f"slots_{kind}")
            m.d.comb += slots[kind].eq(sum(group[kind] for group in self.lanes) << exact_log2(self._pixels))
        rest = {name: Mux(reason, slots["rest"], 0) for name, reason in reasons.items()}
        m.d.sync += [
            self.idle.bubble.eq(slots["bubble"]), self.idle.lane_imbalance.eq(slots["lane_imbalance"]),
            self.idle.tail.eq(slots["tail"]), self.idle.drain.eq(slots["drain"] + rest["drain"]),
            self.idle.waiting.eq(rest["waiting"]), self.idle.group_imbalance.eq(rest["group_imbalance"]),
            self.idle.fetch.eq(rest["fetch"]),
        ]
        return m
