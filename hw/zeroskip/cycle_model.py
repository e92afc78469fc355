"""The cycle model of the zero-skip array: its queues and waits, window by window, without the data path.

Every constant is a latency of the hardware. What is left out: a lane's list FIFO (the word queue in front of it
binds first) and the order of two releases in one cycle.
"""

from __future__ import annotations

import numpy as np

from zeroskip.lane_work import LaneWork, lane_work
from zeroskip.plan import Plan

LOAD_LATENCY = 2
"""From the last beat of a row to the cycle in which the sequencer may read it."""
WINDOW_LATENCY = 8
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
        self.depth, self.ring = config.queue_words, config.result_rows // plan.filters.shape[1]
        self.issued = 0.0
        self.free = np.zeros((self.groups, self.lanes))
        self.idle = np.zeros((self.groups, self.lanes))
        self.released: list[list[float]] = [[] for _ in range(self.groups)]
        per_row = config.lanes * plan.filters.shape[1]
        size = 4 if plan.layer.multiplier is None else 1
        self.drain_cycles = per_row * max(1.0, config.output_units * config.pixels * size / 16)
        self.unit_free = np.zeros(config.output_units)
        self.drained: list[np.ndarray] = []

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

    def end_block(self, number: int, untouched: np.ndarray) -> None:
        """The marker: what has not been touched is swept, the block before leaves, the next may begin."""
        everyone = np.ones(self.groups, bool)
        time = self.issue(everyone, 0.0)
        start = np.maximum(self.free, time + WINDOW_LATENCY)
        idle = self.idle + start - self.free
        self.free = start + np.maximum(0, untouched - idle) + 1
        self.idle[:] = 0
        for g in range(self.groups):
            self.release(g, float(self.free[g].max()))
        if number > 0:
            self.drain_block()

    def drain_block(self) -> None:
        """The block before the one that just ended is read out; its bank is free again for the next but one."""
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


def lower_bound(plan: Plan, work: LaneWork) -> int:
    """Cycles that no queue can save: the busiest lane, the windows one after the other, the results' way out."""
    per_unit = plan.config.groups // plan.config.output_units
    size = 4 if plan.layer.multiplier is None else 1
    rows = plan.config.lanes * plan.filters.shape[1]
    row_cycles = max(1.0, plan.config.output_units * plan.config.pixels * size / 16)
    return max(int(work.cycles.sum(axis=(0, 1)).max()), int(work.wanted.any(axis=2).sum()),
               int(len(work.wanted) * per_unit * rows * row_cycles))


def predict(plan: Plan, work: LaneWork | None = None) -> dict[str, int]:
    """Cycles of a plan on the zero-skip array, from the first beat of the map to the last of the result.

    `work` is ``lane_work(plan)``, where it is known already.

    Returns
    -------
    dict
        ``total``, and ``multiplications`` (slots that are issued, exact).
    """
    work = lane_work(plan) if work is None else work
    model = _Model(plan)
    lay = plan.layout
    images = plan.layer.output_shape[0]
    per_image = plan.grid.count
    row_beats = lay.planes * lay.cols
    retired: list[float] = []
    loaded_from = 0.0
    for image in range(images):
        if image >= lay.slots:
            loaded_from = max(loaded_from, retired[image - lay.slots] + 1)
        for block in range(image * per_image, (image + 1) * per_image):
            for t in range(len(plan.table)):
                row = work.row[block, t]
                earliest = loaded_from + (row + 1) * row_beats + LOAD_LATENCY if row >= 0 else 0.0
                wanted = work.wanted[block, t]
                time = model.issue(wanted, earliest)
                if row >= 0:
                    model.walk(time, wanted, work.cycles[block, t])
            model.end_block(block, work.untouched[block])
        retired.append(model.issued)
        loaded_from += lay.rows * row_beats
    nothing = np.full_like(work.untouched[0], plan.filters.shape[1])
    model.end_block(images * per_image, nothing)
    total = float(model.unit_free.max()) + OUTPUT_LATENCY
    return {"total": round(total), "multiplications": int(work.cycles.sum()) * plan.config.pixels}
