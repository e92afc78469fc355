"""Words of a program: entries and headers of lists, instructions, and what steps are configured with."""

from __future__ import annotations

from enum import IntEnum

from zeroskip.spec.config import KIND_BITS, MULTIPLIER_BITS, SHIFT_BITS, WEIGHT_BITS, EngineConfig
from zeroskip.spec.fields import Fields

COLUMN_BITS = 9
"""Bits of a column, and of a row's pitch: the widest row of a map has 511 positions."""
VECTOR_COUNT_BITS = 10
"""Bits of the number of vectors of a job, less one."""
CONFIG_BITS = 64
"""Bits of what one configuring instruction brings."""
CODE_BITS = 9
"""Bits that a uint8 or an int8 fits as a signed number."""
FREE_BITS = 2
"""Bits of the number of parts of a program that an instruction lets come."""


class Kind(IntEnum):
    """What an entry does with its products."""

    ADD = 0
    """They are added to the sums."""
    ADD_HIGH = 1
    """256 times the weight counts: the upper half of a factor of 16 bits."""
    COMPARE = 2
    """The sums stay; each position remembers whether sum + product is negative."""
    REPLACE = 3
    """Where it was negative, the product takes the place of the sum."""


class Op(IntEnum):
    """What an instruction is."""

    JOB = 0
    """Run a list over some vectors."""
    CONFIGURE = 1
    """Set a third of what a step is configured with."""
    SYNC = 2
    """Wait for all lanes, and for what the flags say."""
    FILL = 3
    """Write words of zeros."""


class Mode(IntEnum):
    """How the sums of a vector leave."""

    FLAT = 0
    """In order, into consecutive positions."""
    POOL = 1
    """Only the largest, or the first, of each square of `window` x `window` positions."""
    SCATTER = 2
    """Each value to a position of its own: phase planes, or wider columns."""
    RAW = 3
    """As sums of 32 bits, the low byte first."""


def entry(config: EngineConfig) -> Fields:
    """An entry of a list: where its activations lie relative to the vector, and what is done with them."""
    return Fields("entry", {"offset": config.position_bits, "weight": WEIGHT_BITS, "kind": KIND_BITS, "signed": 1},
                  signed=frozenset({"weight"}))


def header(config: EngineConfig) -> Fields:
    """What stands before the entries of a list.

    `bias` is what the sums begin with; `multiplier` and `shift` are of the requantisation. `resume`: the sums go on
    from the list before; `hold`: they do not leave, for another list goes on.
    """
    return Fields("list header", {"bias": config.acc_width, "multiplier": MULTIPLIER_BITS, "shift": SHIFT_BITS,
                                  "resume": 1, "hold": 1}, signed=frozenset({"bias"}))


def job(config: EngineConfig) -> Fields:
    """An instruction that runs a list.

    `list` and `words` (less one) say where its entries lie, a header before them; `first` is the first vector's number
    (a vector's position is P times its number), `vectors` (less one) how many. `dest` is the position of the first
    result, `column` the column in which the first vector begins; `final`: the last vector is the last of its plane.
    """
    return Fields("job", {"op": 2, "list": config.list_bits, "words": config.list_bits,
                          "first": config.position_bits - (config.vector - 1).bit_length(),
                          "vectors": VECTOR_COUNT_BITS, "dest": config.position_bits, "column": COLUMN_BITS,
                          "final": 1})


def fill(config: EngineConfig) -> Fields:
    """An instruction that writes `count` (less one) words of zeros from the word `dest` on."""
    return Fields("fill", {"op": 2, "dest": config.word_bits, "count": VECTOR_COUNT_BITS})


def sync(config: EngineConfig) -> Fields:
    """An instruction that waits until all lanes are done.

    `input`: and until a map has come in; `release`: the map that came in is not needed any more; `last`: the results
    of this image are complete; `program`: and until the next part of the program has been loaded; `jump`: go on at
    `target`. `step` names what follows, for those who watch. `free`: so many more parts of the program may come.
    """
    return Fields("sync", {"op": 2, "input": 1, "release": 1, "last": 1, "program": 1, "jump": 1,
                           "target": (config.instructions - 1).bit_length(), "step": 12, "free": FREE_BITS})


def configure() -> Fields:
    """An instruction that sets the part `part` of a step's configuration."""
    return Fields("configure", {"op": 2, "part": 2, "value": CONFIG_BITS})


def step_parts(config: EngineConfig) -> tuple[Fields, Fields, Fields]:
    """What a step is configured with.

    First part: `pitch` of the raster that is computed; `columns` of a row of results that are valid, others are
    zeros; `written`, columns that SCATTER writes at all; `advance`: `rate` modulo `pitch`; `tail`: valid positions in
    the last vector of a plane; `pad`: zeros after a plane; `gap`: least cycles between the ends of two vectors,
    `gap_end` after the last vector of a job.

    Second part: `mode`; `rate`: base-2 logarithm of the values that leave in a cycle; `window`, `largest`: the side of
    the square that POOL takes one value of, and which; `phases`, `order`: into how many phase planes a side SCATTER
    writes, and the base-2 logarithm of the step in which it goes through a vector; `column_step`: how far columns of
    results lie apart; `low`, `high`: clamping; `signed`: results are int8; `even`: rounding; `table`, `table_base`:
    results go through a table; `stream`: results leave the array; `late`: a vector may begin only after the one before
    has left its sums; `look`: looking ahead.

    Third part, for SCATTER: `plane`: positions from a phase plane to the next; `row`, `row_wrap`: from the last
    position of a row to the first of the next one, inside a group of `phases` rows and to the next group.
    """
    position, vector = config.position_bits, (config.vector - 1).bit_length()
    first = Fields("step 0", {"pitch": COLUMN_BITS, "columns": COLUMN_BITS, "written": COLUMN_BITS, "advance": 3,
                              "tail": vector + 1, "pad": 11, "gap": 8, "gap_end": 9})
    second = Fields("step 1", {"mode": 2, "rate": 2, "window": 3, "largest": 1, "phases": 3, "order": 2,
                               "column_step": 4, "low": CODE_BITS, "high": CODE_BITS, "signed": 1, "even": 1,
                               "table": 1, "table_base": 5, "stream": 1, "late": 1, "look": 1},
                    signed=frozenset({"low", "high"}))
    third = Fields("step 2", {"plane": position, "row": position, "row_wrap": position})
    return first, second, third


def instruction_bits(config: EngineConfig) -> int:
    """Bits of an instruction."""
    longest = max(fields(config).bits for fields in (job, fill, sync))
    return max(longest, configure().bits)
