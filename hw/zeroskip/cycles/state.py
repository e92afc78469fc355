"""What the compiled model keeps: sizes, lanes, memories, the log of the write bus; and the names of its numbers."""

from __future__ import annotations

import numpy as np

FAR = 1 << 62
"""A cycle that never comes."""
RING = 32
"""Places for what a lane keeps of its last words and jobs; more than are under way at a time."""
CODED = 4096
"""Places for the cycles of look-ups that may come before the fetch that they delay."""
MOST_BYTES = 32
MOST_COLUMNS = 1024
WAITING_WORDS = 1 << 15
"""Words of a lane that may wait for their cycle on the write bus."""

AT_INSTRUCTION, AT_JOB, PARKED = range(3)
"""Phases of a lane: it fetches, it works through a job, it waits for all others."""

(PITCH, COLUMNS, WRITTEN, ADVANCE, TAIL, PAD, GAP, GAP_END, MODE, RATE, WINDOW, LARGEST, PHASES, ORDER, COLUMN_STEP,
 LOW, HIGH, SIGNED, EVEN, TABLE, TABLE_BASE, STREAM, LATE, LOOK, PLANE, ROW_STEP, ROW_WRAP) = range(27)
"""Fields of a step's configuration, in the order of ``spec.words.step_parts``."""
PART_STARTS = (0, 8, 24, 27)
"""The first field of each of its parts, and how many there are."""

CYCLE, WORD, MASK, PORT, HALF, NONZERO, FLAGS = range(7)
LOG_ROW = 7
"""A word in the log: its cycle on the write bus; its address; bytes that count; the port that it takes; the half of the
map; a bit for each byte that is not zero; flags for looking ahead."""
TO_STREAM = 2
"""Instead of a port: the word leaves the array."""

(MULTIPLYING, ENDING, STOLEN, BLOCKED, LOOKING, LEAVING, IMBALANCE, MAP_WAIT, RELEASE, INSTRUCTIONS, FILLING,
 PART_WAIT, GATED, PAIRS) = range(14)
"""What is counted for each step and lane: cycles of each class, then products."""
CLASSES = 12
NUMBERS = 14

FAULT_NONE, FAULT_OVERRUN, FAULT_CONFIGURED, FAULT_HELD, FAULT_PART, FAULT_QUEUE, FAULT_LOOKS = range(7)

RINGS = 16
"""Places for maps, and for maps and parts that have come and not been used: fewer than that at a time."""
SIZES = ("lanes", "vector", "look", "ways", "banks", "bank_bits", "words", "position_mask", "acc_width", "pool_mask",
         "header_words", "granule_bits", "spans", "flags", "bus", "rest", "turn", "instructions", "log", "log_data",
         "log_words", "beats", "beat_count", "count_numbers", "values", "map_base", "map_words",
         "parts", "part_cycles", "patches", "patch_ends")
"""Of the engine and its program; `turn`: the lane whose turn it is in cycle 0; `log`, `log_data`, `beats`: where they
begin in the numbers or bytes, with room for `log_words` words, and `beat_count` beats of maps; `values`: whether bytes
are wanted, and not their cycles alone; `parts`: how many the program has; at `part_cycles` of each one the cycles from
its head to its last beat, and from the last beat before to its head; at `patches` pairs of an index and a number that
they change, at `patch_ends` where those of each part end, after a zero."""
TOTALS = ("length", "until", "last_word", "map_at", "map_left", "map_beat", "map_place", "map_free",
          "places_in", "places_out", "first_map", "maps_in", "maps_out", "parts_in", "parts_out", "part_free",
          "settled", "done", "fault", "fault_at")
"""Words in the log; the cycle up to which lanes know all writes; the log's last cycle; the next word of a map: its
cycle, how many are left, its beat, its address; the cycle from which on another map can come; entries of the rings; the
cycle of the first beat of a map; parts that may come, those in use, and when the last beat of the newest is used; the
earliest release of waiting lanes; whether all is done; a fault and its cycle."""
ARRAY = np.dtype([*((name, np.int64) for name in SIZES + TOTALS), ("places", np.int64, (RINGS,)),
                  ("maps", np.int64, (RINGS,)), ("part_ready", np.int64, (RINGS,))])
"""What lanes share. `places`, `maps`, `part_ready`: from which cycle on there is a place for a map, a map, a part."""

REGIONS = ("entries", "wanted", "always", "program", "nonzero", "map_flags", "waiting", "columns_of", "all_counts")
"""Where in the numbers a lane's parts begin: its list's entries; for each word which of them have a weight, and which
are issued whatever the activations are; instructions; for each word of the map which bytes are not zero, and its flags;
words that wait for the bus; columns of results of each step; all counts."""
BYTE_REGIONS = ("table", "data", "waiting_data")
"""The same in the bytes: tables of codes; the lane's copy of the map; bytes of words that wait."""
SCALARS = (
    "number", "phase", "pc", "fetch", "step", "counts", "time", "bound",
    "job_word", "job_words", "job_address", "vector", "vectors_left", "first", "bias", "multiplier", "shift",
    "dest", "column", "final", "mask", "at_work", "read", "raster", "positions",
    "kept_in", "kept_out", "dropped_in", "dropped_out", "jobs", "finished_in", "hold", "read_idle",
    "seen", "written", "opens", "begins", "free", "idle", "fresh", "paced", "command", "sent", "waits",
    "position", "open", "open_word", "bytes", "column_0", "column_1", "column_2", "column_3", "in_row", "in_column",
    "out_column", "in_best", "waiting_in", "waiting_out", "overrun",
    "gone", "looks", "given", "early", "issued", "filled", "started", "down", "walked", "taken",
)
LANE = np.dtype([
    *((name, np.int64) for name in REGIONS + BYTE_REGIONS + SCALARS), ("config", np.int64, (PART_STARTS[-1],)),
    ("kept", np.int64, (RING,)), ("dropped", np.int64, (RING,)), ("finished", np.int64, (RING,)),
    ("coded", np.int64, (CODED,)), ("sums", np.int32, (MOST_BYTES,)), ("below", np.uint8, (MOST_BYTES,)),
    ("codes", np.uint8, (MOST_BYTES,)), ("line", np.uint8, (MOST_BYTES,)), ("rows", np.uint8, (MOST_COLUMNS,)),
])
"""A lane. `time`: the first cycle that is not accounted yet; `bound`: no word of it is on the bus before; `gone`: the
first cycle in which all lanes go on; `looks`: the step before looked ahead; `given`, `early`: a job, this job is read
before all go on; `issued`: from when on nothing is left to issue; `filled`: from when on no zeros are written;
`started`: when the last sums got to the way out; `walked`, `taken`: when the walk came to the last item, and when that
was complete; `down`: SCATTER goes through the next vector from its last phase to
the first."""

OFFSET_BITS, FACTOR_START = 28, 32
"""An entry as a number: its offset, from bit 28 on its kind and whether it is signed, from bit 32 on its factor."""
