"""Latencies that the hardware has and its cycle model needs; tests hold them against the components' properties."""

from __future__ import annotations

from zeroskip.spec.config import EngineConfig

QUEUE_WORDS = 16
"""Words of entries of a lane that are under way to its issue stage, or wait there."""
QUEUE_JOBS = 16
"""Jobs of a lane that have been begun and have not left all their sums."""
READ = 6
"""From the read of a word of a list to the word at the issue stage."""
TAKE = 1
"""From a word at the issue stage to the first cycle in which it can be taken out of the queue."""
DROP = 6
"""From the read of a word to its room in the queue, if it is dropped."""
NEXT_JOB = 1
"""From the last read of a job's words to the next job's being taken."""
LEFT = 1
"""From a word's being taken out of the queue to its room there."""
ISSUE = 1
"""From an issued entry to its slot."""
KNOWN = 1
"""From the first cycle in which nothing is left to issue, or to leave, to its being known."""
ADDRESS = 1
"""From a slot to its address at the map memory."""
MAP = 4
"""From an address at the map memory to the activations."""
SUMS = 5
"""From a slot beside its activations to its sums."""
CAPTURE = ISSUE + ADDRESS + MAP + SUMS
"""From the entry that ends a list to the cycle in which its sums can be taken over."""
WALK = 1
"""From the walk's coming to a value to its command, at least."""
OUTPUT = 17
"""From a command of the way out to the word that it lets go."""
CODE = 10
"""From a command of the way out to the look-up of its code, which takes the cycle from the instructions."""
STEAL = 1
"""From a notice of a write to the issue slot, and to the read of a list, whose memory port it takes."""
BEAT = 2
"""From a word for the stream on the write bus to the beat of the result."""
EXECUTE = 3
"""From the fetch of an instruction to its execution."""
PREFETCHED = EXECUTE - 1
"""By how many cycles the fetch of the next instruction may come before the end of one."""
START = 1
"""From a program's start, one cycle before the first beat of a map, to the first fetch."""
ALL_WAIT = 1
"""From the last lane's waiting to the release."""
GO_ON = 1
"""From the release to the cycle in which the lanes go on."""
SETTLED = 5
"""From a release to the next one at least."""
MAP_WORD = 2
"""From a beat of a map to its word on the write bus, if no lane's is there."""
PART = 2
"""From the use of a part's last beat to the release that needs the part."""
LOADED = -2
"""The cycle in which the last beat of a program is used, where cycle 0 is that of the first beat of a map."""
COMPARED = 2
"""Cycles that the sums at the end of a program, or part, take to be compared."""
CLEAR = 1
"""From the beginning of a program to the reset."""
FLUSH = 32
"""Cycles of a reset, at least: what is under way in registers that no reset reaches has gone after them."""
STREAM_TURNS = 2
"""Of a lane's turns on the write bus, one in so many may have a word for the stream: fewer are under way then."""
LEAST_GAP = 2
"""Cycles from a vector's end to the next one's, at least, for its sums to be taken over twice."""
HALT = 4
"""Cycles, some to spare, in which a halt goes to the lanes and is obeyed."""
ROOM = 4
"""Words, at least, that the queue of results takes before it halts the lanes."""
SHALLOW = 32
"""Words of the deepest queue of results that is made of LUTs."""
FAN_IN = 4
"""Words that a level of the write bus brings together."""


def bus(lanes: int) -> int:
    """Cycles from a lane's turn to its word on the write bus."""
    levels, count = 1, lanes
    while count >= FAN_IN:
        levels, count = levels + 1, -(-count // FAN_IN)
    return levels + 1


def rest(lanes: int) -> int:
    """Cycles in which lanes that go on do nothing yet, so that the last word that was written is there to be read.

    A lane waits a cycle after its last word was sent, which is on the bus `bus` cycles after that, and the last word of
    a map may be one later. An entry is issued three cycles after the waiting at the soonest, and reads what was on the
    bus two cycles before.
    """
    return bus(lanes) + 1 + 2 - (1 + ALL_WAIT + GO_ON + 1)


def under_way(config: EngineConfig) -> int:
    """Words of a lane that may come after it was told to halt: those of the commands that have been given by then.

    From a command to the queue it takes the way out, the wait for the lane's turn, and the write bus; meanwhile a word
    is complete every time the ways out have filled one, but no sooner than the lane has another turn for the stream.
    """
    cycles = HALT + OUTPUT + config.lanes + bus(config.lanes)
    return -(-cycles // max(STREAM_TURNS * config.lanes, config.banks // config.ways)) + 1


def result_words(config: EngineConfig) -> int:
    """Words of results that wait for the stream, at most: a power of two."""
    return 1 << (max(config.out_words, under_way(config) * config.lanes + ROOM) - 1).bit_length()
