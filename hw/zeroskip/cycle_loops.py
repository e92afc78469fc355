"""Compiled loops of the cycle model: feeder, sequencer, walkers, result memory, way out.

All of it stands in one file because numba's cache sees changes of a function's own file only. Times are cycles; 0 is
that of the map's first beat. What a register shows one cycle later is written out as ``+ 1``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

COPY = 3
"""From a beat of the map to the cycle in which the feeder may copy it."""
BANK = 4
"""Cycles that a word takes its bank."""
FED = 4
"""From the copy of a row's last word to the first window that may read it."""
DROP = 7
"""Cycles after its issue in which a window without work for a lane still takes a place in it."""
PASSED = 3
"""From a lane's last list of a word to the issue of a window that may take its place."""
VISIT = 8
"""From the issue of a window to the cycle in which the walker may take its first list."""
FREED = 8
"""From a marker in the last lane's walker to the copy of a word of a row that may take the place of a freed one."""
COMPLETE = 3
"""From a first touch to the cycle in which the walker may know that there was no other to come."""
TOUCH = 4
"""From a touch to the cycle in which the turn may pass over its filter."""
LATE = 1
"""Cycles more for which a block waits after one whose sums stay, or of two slots if it starts from such sums itself."""
FULL = 5
"""From a marker in the last lane's walker to the drain's first row."""
ROW = 2
"""From a row's read in the result memory to the output unit's input."""
CODES, SUMS = 12, 5
"""From a row that fills a beat to the beat at the merger, with requantisation and without."""
FIFO = 16
"""Beats of a unit under way or waiting."""
LANES, FIELD, MASK = 4, 16, 0xFFFF
"""Lanes in a field of ``WORK``; the bits of one."""
CLOCK, ENDED, INDEX, RETURNS, STEPS, BEATS, PLACE, OUT, FEED, ROWS, BASE, FREE, DONE = range(13)
"""Scalars: next issue; results that have ended; slot of the next block; the block before is a result; rows read by each
unit; beats of each unit; rows in the beat that is open; cycle of the merger's last beat. Next copy; rows of the map
that have been copied; rows of the images before; rows that are free; when all groups were past the last marker."""


class Sizes(NamedTuple):
    """What does not change during a layer.

    ``filters`` and ``ring``: of a lane, slots for results. ``places`` for words in a lane. ``rows`` of the map in an
    image, ``row_beats`` each; ``cols`` of a plane, ``pitch`` and ``plane_size`` in positions, ``ring_rows`` for which
    the value memories have room. ``beat_rows``: rows of P results to a beat; ``beats``: beats of a row, where it takes
    more than one. ``latency``: from the row that fills a beat to the beat at the merger. ``last_row``: rows of a unit
    in the whole layer.
    """

    filters: int
    ring: int
    places: int
    rows: int
    row_beats: int
    cols: int
    pitch: int
    plane_size: int
    ring_rows: int
    beat_rows: int
    beats: int
    latency: int
    last_row: int


class Source(NamedTuple):
    """An image as a pass has it: cycle of its first beat; first word of a row, planes, bank of the first position."""

    loaded: int
    first_word: int
    planes: int
    first_bank: int


WALKER = np.dtype([("free", np.int64), ("seen", np.int64), ("known", np.int64), ("turn", np.int64),
                   ("entries", np.int64), ("words", np.int64), ("lately", np.int64)])
"""``free``: first cycle without work. ``seen``: mask of the filters touched in the block, and ``known``: when the
walker may know that they are all. ``turn``: the next to be swept. ``entries``: walked in all. ``words``: with work for
the lane. ``lately``: which of the last windows issued to the group had any, the newest in bit 0."""

UNIT = np.dtype([("read", np.int64), ("taken", np.int64), ("before", np.int64)])
"""When the last row of sums was read; when it was taken by the output unit, and the row before it."""


class State(NamedTuple):
    """What does: by group and lane, by group, by unit; int64.

    ``walkers``: ``WALKER`` (groups, lanes). ``passed``: when they were done with their last words, in rings.
    ``issued``: when the last ``DROP`` windows were issued to each group, the newest first. ``banks``: the last copy
    into each. ``fed``, ``freed``: when rows of the map were there, and were no longer needed, (rows of all images and
    passes). ``drained``: when results were read, in a ring. ``units``: ``UNIT``. ``left``: when the last beats of each
    unit left, in a ring.
    """

    walkers: np.ndarray
    passed: np.ndarray
    issued: np.ndarray
    banks: np.ndarray
    fed: np.ndarray
    freed: np.ndarray
    drained: np.ndarray
    units: np.ndarray
    left: np.ndarray
    scalars: np.ndarray


@njit(cache=True)
def run_image(state, sizes, work, blocks, free_rows, source, fence, fresh, final):
    """Walk the blocks of a pass over one image.

    Parameters
    ----------
    work
        wanted, row, packs of the pass, as in ``LaneWork``.
    blocks
        First block of the image and the one after its last.
    free_rows
        Rows of the map that are no longer needed after each block of an image.
    source
        The image, ``Source``.
    fence
        The marker ends no block: the next pass goes on with the same sums.
    fresh, final
        Sums start from zero; are results.
    """
    wanted, row, packs = work
    groups = wanted.shape[2]
    scalars = state.scalars
    for block in range(blocks[0], blocks[1]):
        for t in range(wanted.shape[1]):
            if row[block, t] < 0:
                scalars[CLOCK] += 1
                continue
            time = max(scalars[CLOCK], _fed(state, sizes, source, row[block, t]))
            while True:
                later = time
                for group in range(groups):
                    if wanted[block, t, group]:
                        later = max(later, _room(state, sizes, group, later))
                if later == time:
                    break
                time = later
            scalars[CLOCK] = time + 1
            for group in range(groups):
                if wanted[block, t, group]:
                    for pack in range(packs.shape[3]):
                        _walk(state, sizes, group, pack, time, packs[block, t, group, pack])
                    _note_issue(state, group, time)
        last = block == blocks[1] - 1
        end_block(state, sizes, _fed(state, sizes, source, sizes.rows - 1) if last else 0, fence, last or fresh, final)
        scalars[CLOCK] += last  # the rows of the next image are counted from its marker on
        _free(state, sizes, free_rows[block - blocks[0]])
    scalars[BASE] += sizes.rows


@njit(cache=True)
def _fed(state, sizes, source, row):
    """When a row of the image has been copied and can be read; rows are copied up to it."""
    scalars = state.scalars
    while scalars[ROWS] <= scalars[BASE] + row:
        number = scalars[ROWS]
        image_row = number - scalars[BASE]
        time, room = scalars[FEED], 0
        if number >= sizes.ring_rows:
            room = state.freed[number - sizes.ring_rows]
        for plane in range(source.planes):
            bank = source.first_bank + image_row * sizes.pitch + plane * sizes.plane_size
            come = source.loaded + image_row * sizes.row_beats + source.first_word + plane * sizes.cols + COPY
            for col in range(sizes.cols):
                at = (bank + col) & (len(state.banks) - 1)
                time = max(time, room, come + col, state.banks[at] + BANK)
                state.banks[at] = time
                time += 1
        scalars[FEED] = time
        state.fed[number] = time - 1 + FED
        scalars[ROWS] += 1
    return state.fed[scalars[BASE] + row]


@njit(cache=True)
def _free(state, sizes, rows):
    """Rows of the image below `rows` are no longer needed: the block that has ended was the last to read them."""
    scalars = state.scalars
    while scalars[FREE] < scalars[BASE] + rows:
        state.freed[scalars[FREE]] = scalars[DONE] + FREED
        scalars[FREE] += 1


@njit(cache=True)
def _note_issue(state, group, time):
    """A window or marker is issued to a group."""
    for age in range(DROP - 1, 0, -1):
        state.issued[group, age] = state.issued[group, age - 1]
    state.issued[group, 0] = time


@njit(cache=True)
def _room(state, sizes, group, time):
    """The first cycle from `time` on in which every lane of the group has a place for a word."""
    depth = state.passed.shape[2]
    for lane in range(state.walkers.shape[1]):
        walker = state.walkers[group, lane]
        places = sizes.places
        for age in range(DROP):
            if state.issued[group, age] + DROP >= time and not walker.lately >> age & 1:
                places -= 1
        if walker.words >= places:
            free = state.passed[group, lane, (walker.words - places) % depth] + PASSED
            time = max(time, free if places == sizes.places else min(free, time + 1))
    return time


@njit(cache=True)
def _walk(state, sizes, group, pack, issued, own):
    """Four lanes walk their lists of a window; notes the cycle in which each takes its last list."""
    depth = state.passed.shape[2]
    everything = (1 << sizes.filters) - 1
    for lane in range(min(LANES, state.walkers.shape[1] - LANES * pack)):
        walker = state.walkers[group, LANES * pack + lane]
        count = own.cycles >> FIELD * lane & MASK
        walker.lately = (walker.lately << 1 | (count > 0)) & (1 << DROP) - 1
        if count:
            if issued + VISIT > walker.free:
                _sweep(walker, sizes.filters, issued + VISIT)
            _skip(walker, sizes.filters, min(count, TOUCH))
            walker.free += count
            if walker.seen != everything:
                touched = own.touched >> FIELD * lane & MASK
                seen = walker.seen
                alone = own.alone >> FIELD * lane & MASK & ~seen
                walker.seen |= touched
                before = own.before >> FIELD * lane & MASK & ~seen
                latest = 1 if alone else 2 if before else COMPLETE  # entries since a filter's first touch, at least
                walker.known = max(walker.known, walker.free - latest + COMPLETE)
            _skip(walker, sizes.filters, count - TOUCH)
            walker.entries += count
            state.passed[group, LANES * pack + lane, walker.words % depth] = (
                walker.free - (own.last >> FIELD * lane & MASK))
            walker.words += 1


@njit(cache=True)
def _skip(walker, filters, cycles):
    """While entries are walked, the turn passes over filters that they have touched already, one a cycle."""
    while cycles > 0 and walker.turn < filters and walker.seen >> walker.turn & 1:
        walker.turn += 1
        cycles -= 1


@njit(cache=True)
def _sweep(walker, filters, until):
    """The walker has no entry before `until`: in each cycle it touches the next filter in turn."""
    everything = (1 << filters) - 1
    while walker.free < until and walker.turn < filters:
        if walker.seen != everything:
            walker.seen |= 1 << walker.turn
            walker.known = walker.free + COMPLETE
        walker.turn += 1
        walker.free += 1
    walker.free = max(walker.free, until)


@njit(cache=True)
def end_block(state, sizes, earliest, fence, fresh, final):
    """A marker: what has not been touched is swept, the block before leaves, the next begins: from zero if `fresh`."""
    scalars = state.scalars
    groups, lanes = state.walkers.shape
    time = max(scalars[CLOCK], earliest)
    while True:
        later = time
        for group in range(groups):
            later = max(later, _room(state, sizes, group, later))
        if later == time:
            break
        time = later
    scalars[CLOCK] = time + 1
    full = np.zeros(groups, np.int64)
    everything = (1 << sizes.filters) - 1
    for group in range(groups):
        _note_issue(state, group, time)
        for lane in range(lanes):
            walker = state.walkers[group, lane]
            if time + VISIT > walker.free:
                _sweep(walker, sizes.filters, time + VISIT)
            while not fence and walker.turn < sizes.filters and not (
                    walker.seen == everything and walker.known <= walker.free):
                _sweep(walker, sizes.filters, walker.free + 1)
            end = walker.free
            if fence:
                _sweep(walker, sizes.filters, end + 1)
            else:
                walker.seen, walker.turn, walker.free = 0, 0, end + 1
            walker.lately = (walker.lately << 1 | 1) & (1 << DROP) - 1
            state.passed[group, lane, walker.words % state.passed.shape[2]] = end
            walker.words += 1
            full[group] = max(full[group], end + FULL)
    scalars[DONE] = full.max() - FULL
    if fence:
        return
    if scalars[RETURNS]:
        _drain(state, sizes, full)
    scalars[ENDED] += final
    scalars[RETURNS] = final
    _wait_for_slot(state, sizes, fresh, final)
    scalars[INDEX] = (scalars[INDEX] + 1) % sizes.ring


@njit(cache=True)
def _wait_for_slot(state, sizes, fresh, final):
    """The next block begins when the sums of the one that has ended may leave for their slot (see ``ResultSlots``)."""
    needed = state.scalars[ENDED] - sizes.ring + (0 if final else state.scalars[INDEX] + 1)
    late = 0 if final and (fresh or sizes.ring != 2) else LATE
    for group in range(state.walkers.shape[0]):
        for lane in range(state.walkers.shape[1]):
            walker = state.walkers[group, lane]
            walker.free += late
            if needed > 0:
                drained = state.drained[(needed - 1) % state.drained.shape[0], group]
                walker.free = max(walker.free, drained + 2 + late)


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
