"""The way out of a lane, compiled: from a vector's sums to words that wait for their cycle on the write bus."""

from __future__ import annotations

from zeroskip.cycles.compiled import compiled
from zeroskip.cycles.state import (
    ADVANCE,
    CODED,
    COLUMNS,
    EVEN,
    FAULT_QUEUE,
    HIGH,
    LARGEST,
    LOW,
    PITCH,
    RATE,
    SIGNED,
    STREAM,
    TABLE,
    TABLE_BASE,
    TO_STREAM,
    WAITING_WORDS,
    WINDOW,
)
from zeroskip.spec.timing import CODE, OUTPUT, STREAM_TURNS

FLAT, POOL, SCATTER, RAW = range(4)
COLUMN_MASK = 511
RAW_BYTES = 4


@compiled
def emit(a, lane, n, b, cycle, word):
    """Let the word in work go by a command in `cycle`: it takes the lane's next turn."""
    sent = cycle + OUTPUT
    sent += (lane.number - sent - a.turn) % a.lanes
    at = lane.waiting_in & WAITING_WORDS - 1
    if lane.waiting_in - lane.waiting_out >= WAITING_WORDS:
        lane.overrun = FAULT_QUEUE
    row, start = lane.waiting + 4 * at, lane.waiting_data + a.banks * at
    n[row], n[row + 1], n[row + 2] = sent + a.bus, word, lane.bytes
    n[row + 3] = TO_STREAM if lane.config[STREAM] else 1 - lane.number % 2
    for bank in range(a.banks):
        b[start + bank] = lane.line[bank]
    lane.waiting_in += 1
    lane.bytes = 0
    lane.sent = sent
    lane.command = cycle
    lane.paced = cycle + a.lanes * (STREAM_TURNS if lane.config[STREAM] else 1)


@compiled
def counts(lane, cycle):
    """A command with values; what it looks up in a table takes the cycle of a fetch.

    The walk comes to it when the one before is carried out.
    """
    lane.command, lane.walked, lane.taken = cycle, lane.taken, cycle
    if lane.config[TABLE]:
        lane.coded[(cycle + CODE) & CODED - 1] = cycle + CODE
        if lane.fetch == cycle + CODE:
            lane.fetch += 1


@compiled
def put(a, lane, n, b, cycle, value):
    """A value into its place; returns the cycle in which that is done, later if a full word has to wait."""
    at = lane.position & a.banks - 1
    if at == a.banks - 1 and cycle < lane.paced:
        cycle = lane.paced
    lane.line[at] = value
    lane.bytes |= 1 << at
    word = lane.position >> a.bank_bits
    lane.open, lane.open_word = at != a.banks - 1, word
    if not lane.open:
        emit(a, lane, n, b, cycle, word)
    counts(lane, cycle)
    return cycle


@compiled
def flush(a, lane, n, b, cycle):
    """The word that is open leaves, in the first cycle possible."""
    cycle = max(cycle, lane.paced)
    emit(a, lane, n, b, cycle, lane.open_word)
    lane.open = 0
    return cycle


@compiled
def zeros(a, lane, n, b, cycle, steps, wide):
    """Zeros after a plane, or instead of one: one a cycle, or D; returns the cycle after them."""
    for _ in range(steps):
        if wide:
            at = lane.position & a.banks - a.ways
            full = at == a.banks - a.ways
            if full and cycle < lane.paced:
                cycle = lane.paced
            for way in range(a.ways):
                lane.line[at + way] = 0
                lane.bytes |= 1 << at + way
            lane.open, lane.open_word = not full, lane.position >> a.bank_bits
            if full:
                emit(a, lane, n, b, cycle, lane.open_word)
            counts(lane, cycle)
            lane.position = lane.position + a.ways & a.position_mask
        else:
            cycle = put(a, lane, n, b, cycle, 0)
            lane.position = lane.position + 1 & a.position_mask
        cycle += 1
    return cycle


@compiled
def requantise(a, lane):
    """The codes of all sums."""
    low, high, even = lane.config[LOW], lane.config[HIGH], lane.config[EVEN]
    multiplier, shift, top = lane.multiplier, lane.shift, 1 << a.acc_width - 1
    for i in range(a.vector):
        total = (lane.sums[i] + top & 2 * top - 1) - top
        value = total * multiplier
        half = value >> shift - 1
        up = half & 1
        if even and up and not half & 2 and value & (1 << shift - 1) - 1 == 0:
            up = 0
        lane.codes[i] = min(max((half >> 1) + up, low), high)


@compiled
def code_of(lane, b, code):
    """What is left of a code that goes alone: the code, or what the table has for it."""
    return b[lane.table + lane.config[TABLE_BASE] * 256 + code] if lane.config[TABLE] else code


@compiled
def flat(a, lane, n, b, cycle, tail):
    """Values in order; returns the cycle of the last one."""
    pitch, columns, advance = lane.config[PITCH], lane.config[COLUMNS], lane.config[ADVANCE]
    rate = 1 << lane.config[RATE]
    wide = rate == a.ways and not lane.config[TABLE]
    index = 0
    while True:
        if wide:
            at = lane.position & a.banks - a.ways
            full = at == a.banks - a.ways
            if full and cycle < lane.paced:
                cycle = lane.paced
            for way in range(a.ways):
                column = lane.column_0 if way == 0 else lane.column_1 if way == 1 else (
                    lane.column_2 if way == 2 else lane.column_3)
                inside = index + way < tail and column < columns
                lane.line[at + way] = lane.codes[index + way] if inside else 0
            lane.bytes |= (1 << a.ways) - 1 << at
            lane.open, lane.open_word = not full, lane.position >> a.bank_bits
            if full:
                emit(a, lane, n, b, cycle, lane.open_word)
            counts(lane, cycle)
            lane.position = lane.position + a.ways & a.position_mask
        else:
            inside = index < tail and lane.column_0 < columns
            cycle = put(a, lane, n, b, cycle, code_of(lane, b, lane.codes[index]) if inside else 0)
            lane.position = lane.position + 1 & a.position_mask
        lane.column_0 = turned(lane.column_0, advance, pitch)
        lane.column_1 = turned(lane.column_1, advance, pitch)
        if a.ways > 2:
            lane.column_2 = turned(lane.column_2, advance, pitch)
            lane.column_3 = turned(lane.column_3, advance, pitch)
        index += rate
        if index >= a.vector:
            return cycle
        cycle += 1


@compiled
def turned(column, advance, pitch):
    """A column further on in its row, or in the next one."""
    column += advance
    return (column - pitch if column >= pitch else column) & COLUMN_MASK


@compiled
def raw(a, lane, n, b, cycle, tail):
    """The bytes of each sum; returns the cycle of the last one."""
    top = 1 << a.acc_width - 1
    inside = lane.column_0 < lane.config[COLUMNS]
    for index in range(a.vector):
        total = (lane.sums[index] + top & 2 * top - 1) - top
        for byte in range(RAW_BYTES):
            value = total >> 8 * byte & 255 if inside and index < tail else 0
            cycle = put(a, lane, n, b, cycle, value)
            lane.position = lane.position + 1 & a.position_mask
            cycle += 1
        if index + 1 >= tail:
            break
    return cycle - 1


@compiled
def larger(lane, one, other):
    """Whether a code is larger than another one."""
    sign = 128 * lane.config[SIGNED]
    return (one ^ sign) > (other ^ sign)


@compiled
def pool(a, lane, n, b, cycle, tail):
    """One value of each square; returns the cycle of the last value of the vector."""
    window, rate, largest = lane.config[WINDOW], 1 << lane.config[RATE], lane.config[LARGEST]
    index = 0
    while True:
        last_column = rate == 2 or lane.in_column + 1 == window
        puts = last_column and (lane.in_row + 1 == window if largest else lane.in_row == 0) and index < tail
        value = code_of(lane, b, lane.codes[index])
        if rate == 2 and not lane.config[TABLE]:
            other = lane.codes[index + 1]
            if largest and larger(lane, other, value):
                value = other
        kept = rate != 2 and lane.in_column != 0 and not (largest and larger(lane, value, lane.in_best))
        lane.in_best = lane.in_best if kept else value
        best, place = lane.in_best, lane.out_column & a.pool_mask
        if lane.in_row != 0 and largest and not larger(lane, best, lane.rows[place]):
            best = lane.rows[place]
        if last_column:
            lane.rows[place] = best
        if puts:
            cycle = put(a, lane, n, b, cycle, best if lane.out_column < lane.config[COLUMNS] else 0)
            lane.position = lane.position + 1 & a.position_mask
        else:
            counts(lane, cycle)
        pooled_column(lane, rate, last_column)
        index += rate
        if index >= a.vector:
            return cycle
        cycle += 1


@compiled
def pooled_column(lane, rate, last_column):
    """The column, and the square's, of the next value."""
    lane.column_0 += rate
    if lane.column_0 >= lane.config[PITCH]:
        lane.column_0, lane.in_column, lane.out_column = 0, 0, 0
        lane.in_row = 0 if lane.in_row + 1 == lane.config[WINDOW] else lane.in_row + 1 & 7
    elif last_column:
        lane.in_column = 0
        lane.out_column = lane.out_column + 1 & COLUMN_MASK
    else:
        lane.in_column = lane.in_column + 1 & 7
