"""A lane's instruction unit, compiled: jobs, configurations, zeros, and waiting for all others."""

from __future__ import annotations

from zeroskip.cycles.compiled import compiled
from zeroskip.cycles.decode import ROW
from zeroskip.cycles.issue import work
from zeroskip.cycles.state import (
    AT_INSTRUCTION,
    AT_JOB,
    CODED,
    FAR,
    FAULT_CONFIGURED,
    FAULT_HELD,
    FAULT_LOOKS,
    FILLING,
    INSTRUCTIONS,
    LEAVING,
    LOOK,
    PARKED,
    RING,
)
from zeroskip.cycles.way_out import zeros
from zeroskip.spec.timing import EXECUTE, KNOWN, NEXT_JOB, OUTPUT, PREFETCHED, QUEUE_JOBS, WALK

JOB, CONFIGURE, SYNC, FILL = range(4)
PART_0, PART_1, PART_2, PARTS_END = 0, 8, 24, 27


@compiled
def account(lane, n, what, until):
    """Cycles up to `until` that are not accounted yet are of the class `what`."""
    if until > lane.time:
        n[lane.counts + what] += until - lane.time
        lane.time = until


@compiled
def quiet(lane):
    """The first cycle in which nothing of the lane is at work, if it is given nothing more."""
    return max(lane.idle, lane.command + OUTPUT + 1, lane.sent + 1, lane.read_idle)


@compiled
def fetch(lane, cycle):
    """The next instruction is asked for in `cycle`, or as soon as no code is looked up; before, in vain."""
    while lane.coded[cycle & CODED - 1] == cycle:
        cycle += 1
    lane.fetch = cycle


@compiled
def configure(a, lane, n, row, cycle):
    """Set a part of the step's configuration."""
    part = n[row + 1]
    start = PART_0 if part == 0 else PART_1 if part == 1 else PART_2
    end = PART_1 if part == 0 else PART_2 if part == 1 else PARTS_END
    if part > 2:
        end = start
    for k in range(start, end):
        lane.config[k] = n[row + 2 + k - start]
    if start < end and lane.gone <= cycle < quiet(lane):
        lane.overrun = FAULT_CONFIGURED
    if lane.config[LOOK] and not a.values:
        lane.overrun = FAULT_LOOKS
    fetch(lane, cycle)


@compiled
def start_job(a, lane, n, row, cycle):
    """A job is taken by the reader, in `cycle` or later; without looking, before all lanes go on."""
    take = max(cycle, lane.read + NEXT_JOB, lane.filled)
    if take < lane.gone:
        waits = lane.looks or lane.config[LOOK] or lane.given or lane.hold
        take = max(take, lane.issued)
        if waits or take >= lane.gone - a.rest:
            take = lane.gone
    lane.early = take < lane.gone
    lane.given |= lane.early
    account(lane, n, INSTRUCTIONS, take)
    if lane.jobs - QUEUE_JOBS >= 0:
        take = max(take, lane.finished[(lane.jobs - QUEUE_JOBS) & RING - 1] + 1)
        account(lane, n, LEAVING, take)
    lane.jobs += 1
    lane.read = take + a.header_words
    lane.job_address, lane.job_words, lane.job_word = n[row + 1] + a.header_words, n[row + 2], 0
    lane.vector, lane.vectors_left = n[row + 3], n[row + 4]
    lane.dest, lane.column, lane.final = n[row + 5], n[row + 6], n[row + 7]
    lane.raster = lane.column
    lane.multiplier, lane.shift = n[row + 9], n[row + 10]
    lane.hold = n[row + 12]
    if not n[row + 11]:
        lane.bias = n[row + 8]
    if lane.hold:  # its place in the queue is free as soon as its header has been read
        lane.jobs -= 1
        before = lane.jobs - QUEUE_JOBS + 1
        if before >= 0 and lane.finished[before & RING - 1] + 1 > take:
            lane.overrun = FAULT_HELD
    fetch(lane, max(cycle, take - PREFETCHED))


@compiled
def fill(a, lane, n, b, row, cycle):
    """Words of zeros."""
    begin = max(cycle, lane.gone, lane.idle + KNOWN)
    account(lane, n, INSTRUCTIONS, begin)
    lane.position = n[row + 1] << a.bank_bits
    end = zeros(a, lane, n, b, begin + 1 + WALK, (n[row + 2] + 1) * (a.banks // a.ways), True)
    lane.free = lane.idle = lane.filled = end
    account(lane, n, FILLING, lane.filled)
    fetch(lane, max(cycle, begin - PREFETCHED))


@compiled
def execute(a, lane, n, b):
    """Instructions up to the next job, or to where the lane waits."""
    while True:
        row = lane.program + ROW * lane.pc
        cycle, op = lane.fetch + EXECUTE, n[row]
        if op == SYNC:
            noted = max(cycle, lane.gone)
            fetch(lane, noted + 1 if n[row + 5] else max(cycle, noted - PREFETCHED))
            account(lane, n, LEAVING, quiet(lane))
            lane.waits = max(noted + 1, quiet(lane))
            account(lane, n, INSTRUCTIONS, lane.waits)
            lane.looks, lane.given = lane.config[LOOK], 0
            lane.phase, lane.bound = PARKED, FAR
            return
        lane.pc = (lane.pc + 1) % a.instructions
        if op == JOB:
            start_job(a, lane, n, row, cycle)
            lane.phase = AT_JOB
            return
        if op == CONFIGURE:
            configure(a, lane, n, row, cycle)
        elif op == FILL:
            fill(a, lane, n, b, row, cycle)


@compiled
def run_lane(a, lane, n, b):
    """A lane goes on until it waits for all others, or needs to know more writes."""
    while lane.phase != PARKED:
        if lane.phase == AT_INSTRUCTION:
            execute(a, lane, n, b)
        elif work(a, lane, n, b):
            lane.phase = AT_INSTRUCTION
        else:
            return
