"""A lane's issue stage, compiled: word after word of a list, entry after entry.

A word's times follow from each other: read, taken out of the queue, its entries issued. Writes into the map are known
up to a cycle; a lane goes on until it would need to know one behind it.
"""

from __future__ import annotations

import numpy as np

from zeroskip.cycles.compiled import compiled, inlined
from zeroskip.cycles.reader import drop, held, hits, keep, next_read
from zeroskip.cycles.scatter import leave
from zeroskip.cycles.state import (
    BLOCKED,
    COLUMNS,
    CYCLE,
    ENDING,
    FACTOR_START,
    FAR,
    FAULT_OVERRUN,
    GAP,
    GAP_END,
    GATED,
    HALF,
    LATE,
    LOG_ROW,
    LOOK,
    LOOKING,
    MASK,
    MULTIPLYING,
    NONZERO,
    OFFSET_BITS,
    PAIRS,
    PITCH,
    PORT,
    STOLEN,
    TAIL,
    TO_STREAM,
    WORD,
)
from zeroskip.spec.timing import CAPTURE, KNOWN, OUTPUT, READ, STEAL, TAKE

COMPARE, REPLACE = 2, 3
KINDS, SIGNED_STYLE = 3, 4


@compiled
def reads(a, position, half):
    """Whether a vector lies in a half of the map memory, as the hardware sees it."""
    word, top = position >> a.bank_bits, a.words >> 1
    past = word & top - 1 == top - 1 and position & a.banks - 1 > a.banks - a.vector
    return past or (word >= top) == (half != 0)


@compiled
def write(a, lane, n, b):
    """The next write of the log gets into the lane's copy of the map."""
    row, source = a.log + LOG_ROW * lane.written, a.log_data + a.banks * lane.written
    lane.written += 1
    if n[row + PORT] == TO_STREAM or not a.values:
        return
    word, mask = n[row + WORD], n[row + MASK]
    start, nonzero = lane.data + word * a.banks, lane.nonzero + word
    for bank in range(a.banks):
        if mask >> bank & 1:
            b[start + bank] = b[source + bank]
    n[nonzero] = n[nonzero] & ~mask | n[row + NONZERO] & mask
    if word == 0:
        end = lane.data + a.words * a.banks
        for bank in range(a.banks):
            b[end + bank] = b[start + bank]
        n[nonzero + a.words] = n[nonzero]


@compiled
def turn(a, lane, n, b, time, opens, valid, position):
    """The cycle in which an entry is issued, from `time` and `opens` on; at the array's `until` it is not known yet."""
    until = a.until
    while time < until:
        row = a.log + LOG_ROW * lane.written
        at = n[row + CYCLE] + STEAL if lane.written < a.length else FAR
        if at < time:
            write(a, lane, n, b)
        elif at == time and valid and n[row + PORT] == lane.number & 1 and reads(a, position, n[row + HALF]):
            n[lane.counts + STOLEN] += 1
            time += 1
        elif time >= opens:
            break
        else:
            following = min(opens, until, at if at > time else time + 1)
            n[lane.counts + BLOCKED] += following - time
            time = following
    return time


@inlined
def ones(bits):
    """How many bits of 32 are ones."""
    bits -= bits >> 1 & 0x55555555
    bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333)
    bits = bits + (bits >> 4) & 0x0F0F0F0F
    return (bits * 0x01010101 & 0xFFFFFFFF) >> 24


@inlined
def window_of(a, n, nonzero, position):
    """A bit for each activation of a vector that is not zero; `nonzero`: where a lane's words have theirs."""
    word = nonzero + (position >> a.bank_bits)
    return (n[word] | n[word + 1] << a.banks) >> (position & a.banks - 1) & (1 << a.vector) - 1


@inlined
def begin_sums(a, lane):
    """Sums begin with the bias."""
    for i in range(a.vector):
        lane.sums[i] = lane.bias


@inlined
def add_products(a, lane, b, start, entry):
    """The products of a weight, added to the sums."""
    sums, factor, begin = lane.sums, np.int32(entry >> FACTOR_START), np.uint64(start)
    if entry >> OFFSET_BITS & SIGNED_STYLE:
        for i in range(a.vector):
            sums[np.uint64(i)] += factor * np.int32(np.int8(b[begin + np.uint64(i)]))
    else:
        for i in range(a.vector):
            sums[np.uint64(i)] += factor * np.int32(b[begin + np.uint64(i)])


@compiled
def choose(a, lane, b, start, entry, first):
    """COMPARE and REPLACE: sums against products; sums that begin are their bias already."""
    top, style, factor = 1 << a.acc_width - 1, entry >> OFFSET_BITS & 7, entry >> FACTOR_START
    for i in range(a.vector):
        value = np.int64(b[start + i])
        if style & SIGNED_STYLE and value >= 128:
            value -= 256
        product = value * factor
        if style & KINDS == COMPARE:
            total = product + lane.sums[i]
            lane.below[i] = (total & 2 * top - 1) >= top
            if first:
                lane.sums[i] = total
        elif first or lane.below[i]:
            lane.sums[i] = product + lane.bias


@compiled
def ended(a, lane, n, b, time):
    """The list has ended with the entry issued in the cycle `time`: its sums leave, but for one that is held."""
    if lane.hold:
        held(lane)
        return
    last = lane.vectors_left == 0
    gap = lane.config[GAP_END] if last else lane.config[GAP]
    lane.opens = time + (gap if gap else 2)
    capture, room = time + CAPTURE, lane.started + 1
    if room > capture:
        capture = room
        if not lane.config[LATE]:
            lane.overrun = FAULT_OVERRUN
    lane.begins = min(lane.started, capture) + 1
    lane.started = max(capture + 1, lane.free)
    leave(a, lane, n, b, lane.started, last)


@compiled
def vector_begins(a, lane, n):
    """Which positions of the vector are results, as far as columns and the end of the plane say."""
    pitch, columns, found = lane.config[PITCH], n[lane.columns_of + lane.step], 0
    if columns == 0:
        columns = lane.config[COLUMNS]
    column = lane.raster
    for i in range(a.vector):
        found |= (column < columns) << i
        column = 0 if column + 1 == pitch else column + 1
    if lane.vectors_left == 0 and lane.final:
        found &= (1 << lane.config[TAIL]) - 1
    lane.positions = found


@inlined
def next_write(a, lane, n):
    """The cycle in which the next write of the log takes a port."""
    return n[a.log + LOG_ROW * lane.written + CYCLE] + STEAL if lane.written < a.length else FAR


@compiled
def issue_list(a, lane, n, b):
    """Issue what is left of a vector's list; whether all is, else the lane must know more writes first."""
    look, late, until, vector = lane.config[LOOK] != 0, lane.config[LATE] != 0, a.until, a.vector
    base, words, nonzero, data = lane.vector * vector, lane.job_words, lane.nonzero, lane.data
    hold = lane.hold != 0
    positions, values = lane.positions, a.values != 0
    word, read, time, mask, at_work, first = lane.job_word, lane.read, lane.time, lane.mask, lane.at_work, lane.first
    k, looking, issued, gated, pairs, done, writes = 0, 0, 0, 0, 0, False, next_write(a, lane, n)
    while True:
        address, last = lane.job_address + word, word == words
        if not at_work:
            following = next_read(a, lane, n, read, look)
            if look and following >= until:
                read = following - 1
                break
            read, k = following, 0
            mask = hits(a, lane, n, address, n[lane.wanted + address]) if look else n[lane.wanted + address]
            if mask == 0 and (hold or not last):
                drop(lane, read)
                if last:
                    done = True
                    break
                word += 1
                continue
            taken = read + READ + TAKE if lane.early else max(read + READ + TAKE, time - 1)
            keep(lane, taken)
            looking += max(0, taken + 1 - time)
            time, at_work, lane.early = max(time, taken + 1), 1, 0
        if not values and not last and not (late and first) and k == 0 and time + a.look <= min(writes, until):
            busy = ones(mask)  # a word that nothing can stop, and nobody asks what comes of it
            issued += busy
            time += busy
            first, mask, at_work = 0, 0, 0
            word += 1
            continue
        while mask and not mask >> k & 1:
            k += 1
        rest = mask & mask - 1
        opens = lane.begins if late and first else lane.opens if last and rest == 0 and not (late or hold) else 0
        entry = n[lane.entries + address * a.look + k]
        position = base + entry & a.position_mask
        if time >= writes or time < opens or time >= until:
            time = turn(a, lane, n, b, time, opens, mask, position)
            writes = next_write(a, lane, n)
            if time >= until:
                break
        if not values:
            issued += mask != 0
            n[lane.counts + ENDING] += mask == 0
        elif mask:
            if first:
                begin_sums(a, lane)
            window = window_of(a, n, nonzero, position)
            issued += 1
            busy = ones(window)
            gated += vector - busy
            pairs += ones(window & positions) if window & ~positions else busy
            if entry >> OFFSET_BITS & KINDS >= COMPARE:
                choose(a, lane, b, data + position, entry, first)
            elif window:
                add_products(a, lane, b, data + position, entry)
        else:
            n[lane.counts + ENDING] += 1
            if first:
                begin_sums(a, lane)
        first, mask = 0, rest
        time += 1
        if mask == 0:
            at_work = 0
            if last:
                done = True
                break
            word += 1
    lane.job_word, lane.read, lane.time, lane.mask, lane.at_work, lane.first = word, read, time, mask, at_work, first
    count(lane, n, looking, issued, gated, pairs)
    return done


@inlined
def count(lane, n, looking, issued, gated, pairs):
    """Cycles and products of a list."""
    n[lane.counts + LOOKING] += looking
    n[lane.counts + MULTIPLYING] += issued
    n[lane.counts + GATED] += gated
    n[lane.counts + PAIRS] += pairs


@compiled
def work(a, lane, n, b):
    """Go on with a job; whether it has been issued to its end."""
    while True:
        if lane.job_word == 0 and not lane.at_work and a.values:
            vector_begins(a, lane, n)
        if not issue_list(a, lane, n, b):
            break
        lane.first = lane.first if lane.hold else 1
        ended(a, lane, n, b, lane.time - 1)
        if lane.vectors_left == 0:
            lane.issued = lane.time + KNOWN
            return True
        lane.vectors_left -= 1
        lane.job_word = 0
        lane.vector += 1
        lane.raster = (lane.raster + a.vector) % max(1, lane.config[PITCH])
    ahead = lane.read + lane.job_words - lane.job_word + READ + TAKE + 1
    lane.bound = max(lane.time, ahead) + CAPTURE + 1 + OUTPUT + a.bus
    return False
