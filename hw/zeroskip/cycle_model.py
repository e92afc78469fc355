"""The cycle model of the zero-skip array: its queues and waits, window by window, without the data path.

Every constant is a latency of the hardware (see ``cycle_loops``). What is left out: reads of partial sums, before
which a drain waits, requantisation parameters that are written while rows go out, and the order in which the entries of
a window touch filters, which the turn of the sweeps follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zeroskip.lane_work import LaneWork, lane_work
from zeroskip.plan import Plan
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.zero_skip_program import pass_beats

if TYPE_CHECKING:
    from zeroskip.cycle_loops import Sizes, State

FIRST_ISSUE = 9
"""From a pass that has come to its first window."""
FEED_BEATS = 2
"""Beats of the program from which on the feeder knows what a pass works on."""
BEGIN = 3
"""From a pass that the feeder takes, or from an image's last word, to the first word that it copies."""
PASS_DONE = 5
"""From the last marker in the last lane's walker to the pass's end."""
FIRST_PROGRAM = 1
"""The cycle in which the program goes on after the first pass."""
LAST_MARKER = 8
"""From the program's end to the last marker."""


def result_size(plan: Plan) -> int:
    """Bytes of a result."""
    return 4 if plan.layer.multiplier is None else 1


def row_cycles(plan: Plan) -> float:
    """Cycles in which an output unit gives a row of P results, with all units at work on one stream."""
    return max(1.0, plan.config.output_units * plan.config.pixels * result_size(plan) / BEAT_BYTES)


def lower_bound(plan: Plan, work: Sequence[LaneWork]) -> int:
    """Cycles that no queue can save: busiest lane, windows one by one, results' way out, weights' way in."""
    from zeroskip.window_counts import lane_sums

    per_unit = plan.config.groups // plan.config.output_units
    lanes = sum(lane_sums(own.packs) for own in work)
    beats = sum(pass_beats(plan)[1:]) if len(plan.steps) > 1 else 0
    return max(int(np.max(lanes)), int(sum((own.row >= 0).sum() for own in work)), beats,
               int(plan.blocks * per_unit * plan.config.lanes * plan.lane_filters * row_cycles(plan)))


def _start(plan: Plan) -> tuple[Sizes, State]:
    """The array before the first window."""
    from zeroskip.cycle_loops import CLOCK, CODES, DROP, FIFO, OUT, SUMS, UNIT, WALKER, Sizes, State

    config, lay = plan.config, plan.layout
    row_bytes = config.pixels * result_size(plan)
    units, lanes = config.output_units, (config.groups, config.lanes)
    sizes = Sizes(filters=plan.lane_filters, ring=plan.ring, places=config.queue_words, rows=lay.rows,
                  row_beats=lay.planes * lay.cols, cols=lay.cols, pitch=lay.pitch, plane_size=lay.plane_size,
                  ring_rows=plan.value_ring.rows, beat_rows=max(1, BEAT_BYTES // row_bytes),
                  beats=max(1, row_bytes // BEAT_BYTES), latency=SUMS if plan.layer.multiplier is None else CODES,
                  last_row=plan.blocks * (config.groups // units) * config.lanes * plan.lane_filters)
    far = -(1 << 40)
    fed = lay.rows * sum(plan.images if only is None else 1 for only, _ in plan.steps)
    state = State(walkers=np.zeros(lanes, WALKER), passed=np.full((*lanes, config.queue_words), far),
                  issued=np.full((config.groups, DROP), far), banks=np.full(config.banks, far),
                  fed=np.zeros(fed, np.int64), freed=np.zeros(fed, np.int64),
                  drained=np.zeros((plan.ring + 2, config.groups), np.int64), units=np.full(units, far, UNIT),
                  left=np.full((units, FIFO), far), scalars=np.zeros(13, np.int64))
    state.walkers["free"] = config.lane_filters + 1  # they are cleared before
    state.scalars[CLOCK], state.scalars[OUT] = FIRST_ISSUE, far
    return sizes, state


def predict(plan: Plan, work: Sequence[LaneWork] | None = None) -> dict[str, int]:
    """Cycles of a plan on the zero-skip array, from the first beat of the map to the last of the result.

    `work` is ``lane_work(plan)``, where it is known already.

    Returns
    -------
    dict
        ``total``, and ``multiplications`` (slots that are issued, exact).
    """
    from zeroskip.cycle_loops import CLOCK, DONE, FEED, OUT, Source, end_block, run_image

    work = lane_work(plan) if work is None else work
    sizes, state = _start(plan)
    scalars, lay, count = state.scalars, plan.layout, plan.grid.count
    arrays = [(own.wanted, own.row, own.packs) for own in work]
    steps, free_rows = plan.steps, plan.free_rows
    beats = pass_beats(plan) if len(steps) > 1 else [0]
    loaded = 0
    retired: list[int] = []
    came, done = FIRST_PROGRAM - 1, [FIRST_PROGRAM - 1, FIRST_PROGRAM - 1]
    for step, (only, number) in enumerate(steps):
        if step:
            came = max(came + 1, done[-2] + 1)
            scalars[FEED] = max(scalars[FEED], came + FEED_BEATS) + BEGIN
            came += beats[step]
            scalars[CLOCK] = max(scalars[CLOCK], came + FIRST_ISSUE)
        own, last = plan.passes[number], number == len(plan.passes) - 1
        for image in range(plan.images) if only is None else [only]:
            if number == 0 and image >= lay.slots:
                loaded = max(loaded, retired[image - lay.slots] + 1)
            source = Source(loaded, *plan.planes(number))
            run_image(state, sizes, arrays[number], (image * count, (image + 1) * count), free_rows, source,
                      plan.joined and not own.final, own.fresh, own.final)
            if last:
                retired.append(int(scalars[FEED]) - 1)
                loaded += lay.rows * lay.planes * lay.cols
            if only is None:
                scalars[FEED] += BEGIN - 1
        done.append(int(scalars[DONE]) + PASS_DONE)
    scalars[CLOCK] = max(scalars[CLOCK], max(came, done[-2]) + 1 + LAST_MARKER)
    end_block(state, sizes, 0, False, True, False)
    return {"total": int(scalars[OUT]) + 2,
            "multiplications": int(state.walkers["entries"].sum()) * plan.config.pixels}
