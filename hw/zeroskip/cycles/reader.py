"""A lane's reader and its look-ahead, compiled: when a word of a list is read, and which of its entries have work."""

from __future__ import annotations

from zeroskip.cycles.compiled import compiled, inlined
from zeroskip.cycles.state import CYCLE, FAR, FLAGS, LOG_ROW, PORT, RING, TO_STREAM, WORD
from zeroskip.spec.timing import DROP, LEFT, QUEUE_WORDS, STEAL


@compiled
def credit(lane, read):
    """All words' places are taken: the first cycle from `read` on in which there is room for another one."""
    kept = lane.kept[lane.kept_out & RING - 1] if lane.kept_out < lane.kept_in else FAR
    drop = lane.dropped[lane.dropped_out & RING - 1] + DROP if lane.dropped_out < lane.dropped_in else FAR
    if kept <= drop:
        lane.kept_out += 1
        return max(read, kept + 1)
    lane.dropped_out += 1
    return max(read, drop + 1)


@compiled
def flags_known(a, lane, n, read):
    """The first cycle from `read` on in which no write takes the flags' ports; the flags are as they are then."""
    while lane.seen < a.length:
        row = a.log + LOG_ROW * lane.seen
        at = n[row + CYCLE] + STEAL
        if at > read:
            break
        if n[row + PORT] != TO_STREAM:
            read += at == read
            word = n[row + WORD]
            n[lane.map_flags + word] = n[row + FLAGS]
            if word == 0:
                n[lane.map_flags + a.words] = n[row + FLAGS]
        lane.seen += 1
    return read


@inlined
def hits(a, lane, n, address, mask):
    """Which entries of a word, of those in `mask`, meet anything but zeros; and those that are issued anyway."""
    found = n[lane.always + address]
    base, row = lane.vector * a.vector, lane.entries + address * a.look
    granule, flags = a.granule_bits, lane.map_flags
    for k in range(a.look):
        if (mask & ~found) >> k & 1:
            position = base + n[row + k] & a.position_mask
            word, place = position >> a.bank_bits, position & a.banks - 1
            both = n[flags + word] | n[flags + word + 1] << a.flags
            inside = (place & (1 << granule) - 1) != 0
            if both >> (place >> granule) & (1 << a.spans + inside) - 1:
                found |= 1 << k
    return found


@inlined
def next_read(a, lane, n, read, look):
    """The cycle of the next read, after `read`; one that has to know more writes is at or after the array's `until`."""
    read += 1
    if lane.kept_in - lane.kept_out + lane.dropped_in - lane.dropped_out >= QUEUE_WORDS:
        read = credit(lane, read)
    if look and read < a.until:
        read = flags_known(a, lane, n, read)
    return read


@inlined
def drop(lane, read):
    """A word that was read has nothing to do."""
    lane.dropped[lane.dropped_in & RING - 1] = read
    lane.dropped_in += 1


@inlined
def keep(lane, taken):
    """A word is taken out of the queue; its room is free a little later."""
    lane.kept[lane.kept_in & RING - 1] = taken + LEFT
    lane.kept_in += 1


@inlined
def held(lane):
    """A held list has been read: the cycle from which on its reader has no word under way or waiting."""
    idle = lane.read + 1
    if lane.kept_in > 0:
        idle = max(idle, lane.kept[lane.kept_in - 1 & RING - 1] + 1)
    if lane.dropped_in > 0:
        idle = max(idle, lane.dropped[lane.dropped_in - 1 & RING - 1] + DROP + 1)
    lane.read_idle = idle
