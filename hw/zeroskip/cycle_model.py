"""The cycle model of the zero-skip array: its queues and waits, window by window, without the data path.

Every constant is a latency of the hardware. What is left out: a lane's list FIFO (the word queue in front of it
binds first), the order of two releases in one cycle, and the reads of partial sums, before which a drain waits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeroskip.lane_work import LaneWork, lane_work
from zeroskip.plan import Plan
from zeroskip.zero_skip_program import pass_beats

LOAD_LATENCY = 2
"""From the last beat of a row to the cycle in which the sequencer may read it."""
WINDOW_LATENCY = 9
"""From a window's issue to the first entry of its lists."""
FULL_LATENCY = 4
"""From a marker in the walker to the drain's first row."""
OUTPUT_LATENCY = 14
"""From a row of sums to its beat on the result stream."""


class _Model:
    """State of the model; times in cycles from the first beat of the map."""

    def __init__(self, plan: Plan) -> None:
        config = plan.config
        self.plan, self.groups, self.lanes = plan, config.groups, config.lanes
        self.depth, self.ring = config.queue_words, plan.ring
        self.issued = 0.0
        self.free = np.zeros((self.groups, self.lanes))
        self.idle = np.zeros((self.groups, self.lanes))
        self.released: list[list[float]] = [[] for _ in range(self.groups)]
        self.drain_cycles = config.lanes * plan.lane_filters * row_cycles(plan)
        self.unit_free = np.zeros(config.output_units)
        self.drained: list[np.ndarray] = []
        self.leaves = False

    def issue(self, wanted: np.ndarray, earliest: float) -> float:
        """Issue a window for groups `wanted` (bool), not before `earliest` and not without a free slot."""
        time = max(self.issued + 1, earliest)
        for g in np.flatnonzero(wanted):
            history = self.released[g]
            if len(history) >= self.depth:
                time = max(time, history[-self.depth] + 1)
        self.issued = time
        return time

    def release(self, group: int, time: float) -> None:
        """The group's next slot in order is free at `time` at the earliest."""
        history = self.released[group]
        history.append(max(time, history[-1] + 1) if history else time)

    def walk(self, time: float, wanted: np.ndarray, cycles: np.ndarray) -> None:
        """Lanes of the groups `wanted` walk their lists of a window issued at `time`."""
        for g in np.flatnonzero(wanted):
            work = cycles[g]
            start = np.maximum(self.free[g], time + WINDOW_LATENCY)
            busy = work > 0
            self.idle[g] += np.where(busy, start - self.free[g], 0)
            self.free[g] = np.where(busy, start + work, self.free[g])
            taken = np.where(busy, self.free[g] - 1, time + WINDOW_LATENCY - 3)
            self.release(int(g), float(taken.max()) + 1)

    def end_block(self, untouched: np.ndarray, final: bool) -> None:
        """The marker: what has not been touched is swept, the block before leaves, the next may begin."""
        everyone = np.ones(self.groups, bool)
        time = self.issue(everyone, 0.0)
        start = np.maximum(self.free, time + WINDOW_LATENCY)
        idle = self.idle + start - self.free
        self.free = start + np.maximum(0, untouched - idle) + 1
        self.idle[:] = 0
        for g in range(self.groups):
            self.release(g, float(self.free[g].max()))
        if self.leaves:
            self.drain_block()
        self.leaves = final

    def drain_block(self) -> None:
        """The block before the one that just ended is read out; its slot is free again for one of the next."""
        full = self.free.max(axis=1) + FULL_LATENCY
        per_unit = self.groups // len(self.unit_free)
        done = np.zeros(self.groups)
        for g in range(self.groups):
            unit = g // per_unit
            self.unit_free[unit] = max(self.unit_free[unit], full[g]) + self.drain_cycles
            done[g] = self.unit_free[unit]
        self.drained.append(done)
        if len(self.drained) >= self.ring:
            self.free = np.maximum(self.free, self.drained[-self.ring][:, None])


def row_cycles(plan: Plan) -> float:
    """Cycles in which an output unit gives a row of P results, with all units at work on one stream."""
    size = 4 if plan.layer.multiplier is None else 1
    return max(1.0, plan.config.output_units * plan.config.pixels * size / 16)


def lower_bound(plan: Plan, work: Sequence[LaneWork]) -> int:
    """Cycles that no queue can save: busiest lane, windows one by one, results' way out, weights' way in."""
    per_unit = plan.config.groups // plan.config.output_units
    lanes = sum(own.cycles.sum(axis=(0, 1)) for own in work)
    beats = pass_beats(plan)
    return max(int(np.max(lanes)), int(sum(own.wanted.any(axis=2).sum() for own in work)), sum(beats[1:]),
               int(plan.blocks * per_unit * plan.config.lanes * plan.lane_filters * row_cycles(plan)))


def predict(plan: Plan, work: Sequence[LaneWork] | None = None) -> dict[str, int]:
    """Cycles of a plan on the zero-skip array, from the first beat of the map to the last of the result.

    `work` is ``lane_work(plan)``, where it is known already.

    Returns
    -------
    dict
        ``total``, and ``multiplications`` (slots that are issued, exact).
    """
    work = lane_work(plan) if work is None else work
    model, lay, per_image = _Model(plan), plan.layout, plan.grid.count
    row_beats = lay.planes * lay.cols
    retired: list[float] = []
    loaded_from, loaded = 0.0, 0.0
    done = [0.0, 0.0]
    for (only, number), beats in zip(plan.steps, pass_beats(plan), strict=True):
        loaded = max(loaded, done[-2]) + beats if len(done) > 2 else 0.0
        own, last = work[number], number == len(plan.passes) - 1
        model.issued = max(model.issued, loaded)
        for image in range(plan.images) if only is None else [only]:
            if number == 0 and image >= lay.slots:
                loaded_from = max(loaded_from, retired[image - lay.slots] + 1)
            for block in range(image * per_image, (image + 1) * per_image):
                for t in range(own.row.shape[1]):
                    row = own.row[block, t]
                    if row >= 0:
                        earliest = loaded_from + (row + 1) * row_beats + LOAD_LATENCY
                        time = model.issue(own.wanted[block, t], earliest)
                        model.walk(time, own.wanted[block, t], own.cycles[block, t])
                    else:
                        model.issued += 1
                if not plan.joined or plan.passes[number].final:
                    model.end_block(own.untouched[block], plan.passes[number].final)
            if last:
                retired.append(model.issued)
                loaded_from += lay.rows * row_beats
        done.append(max(max(history, default=0.0) for history in model.released))
    model.end_block(np.full_like(work[0].untouched[0], plan.lane_filters), False)
    total = float(model.unit_free.max()) + OUTPUT_LATENCY
    return {"total": round(total), "multiplications": sum(int(own.cycles.sum()) for own in work) * plan.config.pixels}
