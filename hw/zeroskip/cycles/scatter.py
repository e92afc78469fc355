"""SCATTER, and the beginning and the end of every vector's way out, compiled."""

from __future__ import annotations

from zeroskip.cycles.compiled import compiled
from zeroskip.cycles.state import (
    COLUMN_STEP,
    COLUMNS,
    MODE,
    ORDER,
    PAD,
    PHASES,
    PITCH,
    PLANE,
    RATE,
    RING,
    ROW_STEP,
    ROW_WRAP,
    TAIL,
    WRITTEN,
)
from zeroskip.cycles.way_out import (
    COLUMN_MASK,
    FLAT,
    POOL,
    RAW,
    code_of,
    counts,
    flat,
    flush,
    pool,
    put,
    raw,
    requantise,
    zeros,
)
from zeroskip.spec.timing import WALK


@compiled
def scatter_phase(a, lane, n, b, cycle, tail, phase):
    """The values of one phase, each to a position of its own; returns the cycle after them, and the next place."""
    config, stride = lane.config, 1 << lane.config[ORDER]
    position, column, row = lane.position, lane.column_0, lane.in_row
    index = phase
    while True:
        lane.position = position
        if lane.open and position >> a.bank_bits != lane.open_word:
            cycle = flush(a, lane, n, b, cycle) + 1
        if index < tail and column < config[WRITTEN]:
            value = code_of(lane, b, lane.codes[index]) if column < config[COLUMNS] else 0
            cycle = put(a, lane, n, b, cycle, value) + 1
        else:
            counts(lane, cycle)
            cycle += 1
        following = column + stride
        if following >= config[PITCH]:
            wraps = row + 1 == config[PHASES]
            position = position + (config[ROW_WRAP] if wraps else config[ROW_STEP]) & a.position_mask
            column, row = following - config[PITCH] & COLUMN_MASK, 0 if wraps else row + 1 & 7
        else:
            position, column = position + config[COLUMN_STEP] & a.position_mask, following
        if index + stride >= a.vector:
            return cycle, position, column, row
        index += stride


@compiled
def scatter(a, lane, n, b, cycle, tail):
    """Phase after phase through the vector, and through the next one back; returns the cycle of the last value."""
    phases, plane, along = 1 << lane.config[ORDER], lane.config[PLANE], -1 if lane.down else 1
    phase, position, column, row = lane.down * (phases - 1), lane.position, lane.column_0, lane.in_row
    for _ in range(phases):
        lane.position, lane.column_0, lane.in_row = position, column, row
        cycle, next_position, next_column, next_row = scatter_phase(a, lane, n, b, cycle, tail, phase)
        phase, position, column = phase + along, position + along * plane & a.position_mask, column + along
    lane.position, lane.column_0, lane.in_row = next_position, next_column, next_row
    lane.down = 1 - lane.down
    return cycle - 1


@compiled
def begin(a, lane):
    """A job's results begin at their place."""
    pitch = lane.config[PITCH]
    lane.position, lane.column_0 = lane.dest, lane.column
    lane.column_1 = 0 if lane.column_0 + 1 == pitch else lane.column_0 + 1 & COLUMN_MASK
    lane.column_2 = 0 if lane.column_1 + 1 == pitch else lane.column_1 + 1 & COLUMN_MASK
    lane.column_3 = 0 if lane.column_2 + 1 == pitch else lane.column_2 + 1 & COLUMN_MASK
    lane.in_row, lane.in_column, lane.out_column, lane.down = 0, 0, 0, 0


@compiled
def leave(a, lane, n, b, start, last):
    """A vector's sums leave, the walk beginning a cycle after `start`; `last`: of its job."""
    config = lane.config
    mode, cycle = config[MODE], max(start + 1, lane.taken) + WALK
    if lane.fresh:
        begin(a, lane)
    lane.fresh = last
    tail = config[TAIL] if last and lane.final else a.vector
    if mode == RAW:
        cycle = raw(a, lane, n, b, cycle, tail)
    else:
        if a.values:
            requantise(a, lane)
        if mode == FLAT:
            cycle = flat(a, lane, n, b, cycle, tail)
        elif mode == POOL:
            cycle = pool(a, lane, n, b, cycle, tail)
        else:
            cycle = scatter(a, lane, n, b, cycle, tail)
    if last:
        if lane.final:
            wide = mode == FLAT and 1 << config[RATE] == a.ways
            cycle = zeros(a, lane, n, b, cycle + 1, config[PAD], wide) - 1
        if lane.open:
            cycle = lane.taken = flush(a, lane, n, b, cycle + 1)
        lane.finished[lane.finished_in & RING - 1] = cycle
        lane.finished_in += 1
    lane.free, lane.idle = max(start + 1, lane.walked), cycle + 1
