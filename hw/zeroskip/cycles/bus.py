"""What lanes share, compiled: the write bus, maps that come in, the barrier, and the run of them all."""

from __future__ import annotations

from zeroskip.cycles.compiled import compiled
from zeroskip.cycles.decode import ROW
from zeroskip.cycles.instructions import account, fetch, run_lane
from zeroskip.cycles.state import (
    AT_INSTRUCTION,
    CYCLE,
    FAR,
    FAULT_PART,
    FLAGS,
    HALF,
    IMBALANCE,
    LOG_ROW,
    MAP_WAIT,
    MASK,
    NONZERO,
    NUMBERS,
    PART_WAIT,
    PORT,
    RELEASE,
    RINGS,
    WAITING_WORDS,
    WORD,
)
from zeroskip.spec.timing import ALL_WAIT, GO_ON, MAP_WORD, PART, SETTLED


@compiled
def log_word(a, n, b, cycle, word, mask, port, data):
    """A word on the write bus, its bytes in `b` from `data` on; and what the map memory keeps of it."""
    row, own, nonzero, flags = a.log + LOG_ROW * a.length, a.log_data + a.banks * a.length, 0, 0
    for bank in range(a.banks if a.values else 0):
        value = b[data + bank]
        b[own + bank] = value
        nonzero |= (value != 0) << bank
        flags |= (value != 0) << (bank >> a.granule_bits)
    n[row + CYCLE], n[row + WORD], n[row + MASK], n[row + PORT] = cycle, word, mask, port
    n[row + HALF], n[row + NONZERO] = word >= a.words >> 1, nonzero
    n[row + FLAGS] = flags if mask == (1 << a.banks) - 1 else (1 << a.flags) - 1
    a.length += 1
    a.last_word = cycle


@compiled
def begin_map(a, since):
    """The next map begins to come in, if there is one and a place for it; `since`: the beat may be taken from then."""
    a.map_at, a.map_free = FAR, since
    if a.map_beat + a.map_words > a.beat_count or a.places_in == a.places_out or a.map_words == 0:
        return
    since = max(since, a.places[a.places_out & RINGS - 1])
    a.places_out += 1
    if a.first_map < 0:
        a.first_map = since
    a.map_place = a.map_base
    a.map_left = a.map_words
    a.map_at = max(since + MAP_WORD, a.last_word + 1)
    if a.map_words == 1:
        map_ready(a, since)


@compiled
def map_ready(a, cycle):
    """The last beat of a map has been taken."""
    a.maps[a.maps_in & RINGS - 1] = cycle + 1
    a.maps_in += 1


@compiled
def map_word(a, n, b):
    """A word of a map is on the bus; the next beat was taken one cycle before."""
    cycle = a.map_at
    log_word(a, n, b, cycle, a.map_place & a.words - 1, (1 << a.banks) - 1, 1, a.beats + a.banks * a.map_beat)
    a.map_beat += 1
    a.map_place += 1
    a.map_left -= 1
    if a.map_left == 0:
        begin_map(a, cycle - 1)
        return
    a.map_at = cycle + 1
    if a.map_left == 1:
        map_ready(a, cycle - 1)


@compiled
def merge(a, lanes, n, b, until, for_map):
    """All words on the bus before `until`, or until a map is there; False if the log is full."""
    while not (for_map and a.maps_in > a.maps_out):
        first, cycle = -1, until
        for number in range(a.lanes):
            lane = lanes[number]
            if lane.waiting_out < lane.waiting_in:
                at = n[lane.waiting + 4 * (lane.waiting_out & WAITING_WORDS - 1)]
                if at < cycle:
                    first, cycle = number, at
        if a.length >= a.log_words:
            return False
        if a.map_at < cycle:
            map_word(a, n, b)
        elif first >= 0:
            lane = lanes[first]
            place = lane.waiting_out & WAITING_WORDS - 1
            row = lane.waiting + 4 * place
            log_word(a, n, b, n[row], n[row + 1], n[row + 2], n[row + 3], lane.waiting_data + a.banks * place)
            lane.waiting_out += 1
            if a.map_at == cycle:
                a.map_at += 1
        else:
            break
    return True


@compiled
def let_parts_come(a, n, since, count):
    """So many more parts may come: each is loaded as soon as the one before has been, its head from `since` on."""
    for _ in range(count):
        row = a.part_cycles + 2 * (a.parts_in % a.parts)
        head = max(a.part_free + n[row + 1], since)
        a.part_free = head + n[row]
        a.part_ready[a.parts_in & RINGS - 1] = a.part_free + PART
        a.parts_in += 1


@compiled
def use_part(a, n):
    """The next part is in the memories."""
    part = a.parts_out % a.parts
    a.parts_out += 1
    for at in range(a.patches + 2 * n[a.patch_ends + part], a.patches + 2 * n[a.patch_ends + part + 1], 2):
        n[n[at]] = n[at + 1]


@compiled
def release(a, lanes, n, b):
    """All lanes wait: they go on as soon as what they wait for is there. False if the log is full."""
    row = lanes[0].program + ROW * lanes[0].pc
    needs_map, gives_place, needs_part, free = n[row + 1], n[row + 2], n[row + 4], n[row + 8]
    if (needs_part or free) and a.parts == 0:
        a.fault, a.fault_at = FAULT_PART, lanes[0].waits
        return False
    if needs_part and a.parts_in == a.parts_out:
        if not merge(a, lanes, n, b, FAR, False):
            return False
        a.done = 1
        return True
    if needs_map and a.maps_in == a.maps_out:
        if not merge(a, lanes, n, b, FAR, True):
            return False
        if a.maps_in == a.maps_out:
            a.done = 1
            return True
    all_wait = 0
    for number in range(a.lanes):
        all_wait = max(all_wait, lanes[number].waits)
    cycle = max(all_wait + ALL_WAIT, a.settled)
    fixed = cycle
    if needs_map:
        cycle = max(cycle, a.maps[a.maps_out & RINGS - 1])
        a.maps_out += 1
    mapped = cycle
    if needs_part:
        cycle = max(cycle, a.part_ready[a.parts_out & RINGS - 1])
        use_part(a, n)
    a.settled = cycle + SETTLED
    for number in range(a.lanes):
        account_waiting(lanes[number], n, all_wait, fixed, mapped, cycle)
        go_on(a, lanes[number], n, cycle)
    if free:
        let_parts_come(a, n, cycle + 1, free)
    if gives_place:
        a.places[a.places_in & RINGS - 1] = cycle + 1
        a.places_in += 1
        if a.map_at == FAR:
            counted = a.first_map >= 0
            begin_map(a, a.map_free)
            if a.first_map >= 0 and not counted:
                count_from(a, lanes, n, a.first_map)
    return True


@compiled
def count_from(a, lanes, n, cycle):
    """Cycles count from the first beat of a map on; lanes waited before."""
    for at in range(a.count_numbers):
        n[lanes[0].all_counts + at] = 0
    for number in range(a.lanes):
        n[lanes[number].counts + RELEASE] = lanes[number].time - cycle


@compiled
def account_waiting(lane, n, all_wait, fixed, mapped, cycle):
    """What a lane waited for up to the release in `cycle`."""
    account(lane, n, IMBALANCE, all_wait)
    account(lane, n, RELEASE, fixed)
    account(lane, n, MAP_WAIT, mapped)
    account(lane, n, PART_WAIT, cycle)


@compiled
def go_on(a, lane, n, cycle):
    """A lane goes on with what follows its waiting."""
    account(lane, n, RELEASE, cycle + GO_ON + 1 + a.rest)
    row = lane.program + ROW * lane.pc
    lane.gone = cycle + GO_ON + 1 + a.rest
    if n[row + 4]:  # the instructions may be new
        fetch(lane, cycle + GO_ON + 1)
    lane.pc = n[row + 6] if n[row + 5] else (lane.pc + 1) % a.instructions
    lane.step = n[row + 7]
    lane.counts = lane.all_counts + NUMBERS * (lane.step * a.lanes + lane.number)
    lane.phase = AT_INSTRUCTION


@compiled
def run(arrays, lanes, n, b):
    """Until all is done, or the log is full."""
    a = arrays[0]
    while not a.done:
        until = FAR
        for number in range(a.lanes):
            lane = lanes[number]
            run_lane(a, lane, n, b)
            until = min(until, lane.bound)
            if lane.overrun and not a.fault:
                a.fault, a.fault_at = lane.overrun, lane.time
                return
        if until == FAR:
            if not release(a, lanes, n, b):
                return
        else:
            if not merge(a, lanes, n, b, until, False):
                return
            a.until = until + 1
