"""Compiled loops of the cycle model: sequencer, slots, walkers, result memory, way out.

All of it stands in one file because numba's cache sees changes of a function's own file only. Times are cycles; 0 is
that of the map's first beat. What a register shows one cycle later is written out as ``+ 1``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

PASSED = 4
"""From the issue of a window to the cycle in which a lane without work for it passes it."""
VISIT = 8
"""From the issue of a window to the cycle in which the walker may take its first list."""
FULL = 4
"""From a marker in the last lane's walker to the drain's first row."""
ROW = 2
"""From a row's read in the result memory to the output unit's input."""
CODES, SUMS = 12, 5
"""From a row that fills a beat to the beat at the merger, with requantisation and without."""
FIFO = 16
"""Beats of a unit under way or waiting."""
LANES, FIELD, MASK = 4, 16, 0xFFFF
"""Lanes in a field of ``WORK``; the bits of one."""
CLOCK, ENDED, INDEX, RETURNS, STEPS, BEATS, PLACE, OUT = range(8)
"""Scalars: next issue; results that have ended; slot of the next block; the block before is a result; rows read by
each unit; beats of each unit; rows in the beat that is open; cycle of the merger's last beat."""


class Sizes(NamedTuple):
    """What does not change during a layer.

    ``filters`` and ``ring``: of a lane, slots for results. ``rows`` of the map in an image, ``row_beats`` each.
    ``beat_rows``: rows of P results to a beat; ``beats``: beats of a row, where it takes more than one. ``latency``:
    from the row that fills a beat to the beat at the merger. ``last_row``: rows of a unit in the whole layer.
    """

    filters: int
    ring: int
    rows: int
    row_beats: int
    beat_rows: int
    beats: int
    latency: int
    last_row: int


WALKER = np.dtype([("free", np.int64), ("seen", np.int64), ("late", np.int64), ("entries", np.int64)])
"""``free``: first cycle without work. ``seen``: mask of the filters touched in the block, as the walker will know them.
``late``: the one of them that it knows a cycle late. ``entries``: walked in all."""

UNIT = np.dtype([("read", np.int64), ("taken", np.int64), ("before", np.int64)])
"""When the last row of sums was read; when it was taken by the output unit, and the row before it."""


class State(NamedTuple):
    """What does: by group and lane, by group, by unit; int64.

    ``walkers``: ``WALKER`` (groups, lanes). ``released``: when the last slots were freed, in a ring, and ``used``:
    slots ever used. ``drained``: when results were read, in a ring. ``units``: ``UNIT``. ``left``: when the
    last beats of each unit left, in a ring.
    """

    walkers: np.ndarray
    released: np.ndarray
    used: np.ndarray
    drained: np.ndarray
    units: np.ndarray
    left: np.ndarray
    scalars: np.ndarray


@njit(cache=True)
def run_image(state, sizes, work, blocks, loaded, marked, final, retire):
    """Walk the blocks of a pass over one image.

    Parameters
    ----------
    work
        wanted, row, packs of the pass, as in ``LaneWork``.
    blocks
        First block of the image and the one after its last.
    loaded
        The cycle of the image's first beat.
    marked
        Blocks end with a marker; not where the next pass goes on with the same sums.
    final
        Sums are results.
    retire
        The last marker waits for the whole image.
    """
    wanted, row, packs = work
    groups = wanted.shape[2]
    scalars = state.scalars
    for block in range(blocks[0], blocks[1]):
        for t in range(wanted.shape[1]):
            if row[block, t] < 0:
                scalars[CLOCK] += 1
                continue
            time = max(scalars[CLOCK], loaded + (row[block, t] + 1) * sizes.row_beats + 1)
            for group in range(groups):
                if wanted[block, t, group]:
                    time = max(time, _slot(state.released, state.used, group))
            scalars[CLOCK] = time + 1
            for group in range(groups):
                if wanted[block, t, group]:
                    passed = time + PASSED
                    for pack in range(packs.shape[3]):
                        taken = _walk(state.walkers, group, pack, sizes.filters, time + VISIT,
                                      packs[block, t, group, pack])
                        passed = max(passed, taken)
                    _release(state.released, state.used, group, passed + 1)
        if marked:
            whole = retire and block == blocks[1] - 1
            end_block(state, sizes, loaded + sizes.rows * sizes.row_beats + 1 if whole else 0, final)


@njit(cache=True)
def _slot(released, used, group):
    """The first cycle in which a window may be issued for the group: it has a free slot."""
    depth = released.shape[1]  # a power of two
    return released[group, used[group] & (depth - 1)] + 1 if used[group] >= depth else 0


@njit(cache=True)
def _release(released, used, group, time):
    """The group's next slot in order is free at `time`, and not before the one in front of it."""
    last = released.shape[1] - 1
    if used[group]:
        time = max(time, released[group, (used[group] - 1) & last] + 1)
    released[group, used[group] & last] = time
    used[group] += 1


@njit(cache=True)
def _walk(walkers, group, pack, filters, earliest, own):
    """Four lanes walk their lists of a window; gives the cycle in which the last of them takes its last list."""
    latest = 0
    for lane in range(LANES):
        count = own.cycles >> FIELD * lane & MASK
        if count:
            walker = walkers[group, LANES * pack + lane]
            free, seen = walker.free, walker.seen
            if earliest > free:
                _sweep(walker, filters, earliest - free)
                free, seen = earliest, walker.seen
            walker.late = own.alone >> FIELD * lane & MASK & ~seen
            walker.seen = seen | own.touched >> FIELD * lane & MASK
            walker.free = free + count
            walker.entries += count
            latest = max(latest, free + count - (own.last >> FIELD * lane & MASK))
    return latest


@njit(cache=True)
def _sweep(walker, filters, cycles):
    """The walker has `cycles` without an entry: in each it touches the lowest filter that it takes for untouched."""
    everything, seen = (1 << filters) - 1, walker.seen
    if walker.late:
        unseen = ~(seen & ~walker.late) & everything
        seen |= unseen & -unseen
        cycles -= 1
    while cycles > 0 and seen != everything:
        seen |= seen + 1
        cycles -= 1
    walker.seen, walker.late = seen, 0


@njit(cache=True)
def end_block(state, sizes, earliest, final):
    """A marker: what has not been touched is swept, the block before leaves, the next one begins."""
    scalars = state.scalars
    groups, lanes = state.walkers.shape
    time = max(scalars[CLOCK], earliest)
    for group in range(groups):
        time = max(time, _slot(state.released, state.used, group))
    scalars[CLOCK] = time + 1
    full = np.zeros(groups, np.int64)
    everything = (1 << sizes.filters) - 1
    for group in range(groups):
        for lane in range(lanes):
            walker = state.walkers[group, lane]
            end = max(walker.free, time + VISIT)
            if end > walker.free:
                _sweep(walker, sizes.filters, end - walker.free)
            while walker.late or walker.seen != everything:
                _sweep(walker, sizes.filters, 1)
                end += 1
            walker.seen, walker.free = 0, end + 1
            full[group] = max(full[group], end + FULL)
        _release(state.released, state.used, group, full[group] - FULL + 1)
    if scalars[RETURNS]:
        _drain(state, sizes, full)
    scalars[ENDED] += final
    scalars[RETURNS] = final
    _wait_for_slot(state, sizes, final)
    scalars[INDEX] = (scalars[INDEX] + 1) % sizes.ring


@njit(cache=True)
def _wait_for_slot(state, sizes, final):
    """The next block begins when the sums of the one that has ended may leave for their slot (see ``ResultSlots``)."""
    needed = state.scalars[ENDED] - sizes.ring + (0 if final else state.scalars[INDEX] + 1)
    if needed > 0:
        drained = state.drained[(needed - 1) % state.drained.shape[0]]
        for group in range(state.walkers.shape[0]):
            for lane in range(state.walkers.shape[1]):
                walker = state.walkers[group, lane]
                walker.free = max(walker.free, drained[group] + 1)


@njit(cache=True)
def _drain(state, sizes, full):
    """The rows of a block go out, from groups that are complete from `full` on; the units' beats take turns."""
    groups, lanes = state.walkers.shape
    units, scalars = len(state.units), state.scalars
    per_group, per_unit = lanes * sizes.filters, groups // units
    slot = scalars[STEPS] // (per_group * per_unit) % state.drained.shape[0]
    for first in range(per_unit):
        for _ in range(per_group):
            scalars[STEPS] += 1
            filled = scalars[PLACE] == sizes.beat_rows - 1 or scalars[STEPS] == sizes.last_row
            waits_for = scalars[BEATS] - FIFO + sizes.beats - 1 + (scalars[PLACE] > 0)
            for unit in range(units):
                room = state.left[unit, waits_for & (FIFO - 1)] + 1 if waits_for >= 0 else 0
                _take_row(state.units[unit], full[unit * per_unit + first], sizes.beats, room)
            scalars[PLACE] = 0 if filled else scalars[PLACE] + 1
            if filled:
                for beat in range(sizes.beats):
                    for unit in range(units):
                        scalars[OUT] = max(scalars[OUT] + 1, state.units[unit].taken + sizes.latency + beat)
                        state.left[unit, scalars[BEATS] & (FIFO - 1)] = scalars[OUT]
                    scalars[BEATS] += 1
        for unit in range(units):
            state.drained[slot, unit * per_unit + first] = state.units[unit].read


@njit(cache=True)
def _take_row(unit, full, beats, room):
    """A unit reads a row of sums, not before `full`, and takes it when there is `room` for its beats."""
    unit.read = max(unit.read + 1, full, unit.before)
    unit.before, unit.taken = unit.taken, max(unit.read + ROW, unit.taken + beats, room)
