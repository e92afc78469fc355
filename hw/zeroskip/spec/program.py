"""The program as a stream of beats: what the compiler writes, the loader reads, and a decoder reads back.

A program that does not fit at once comes in parts, each a stream of its own with a head and a checksum: first the
program, which begins everything anew, then for every image its parts in turn.

A beat has 8 * M bits. All that stands before words of a memory is in pieces of 128 bits (`PIECE`), one or more beats
or a part of one: the program's head, then blocks of a head and words each, then the checksum. Words stand in a beat
from its low end on, each in as many bits as the next power of two has (``word_bits``); a longer one takes beats of its
own.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from enum import IntEnum

from zeroskip.spec.config import EngineConfig
from zeroskip.spec.fields import Fields

MAGIC = 0x4B5A
VERSION = 2
PIECE = 128
MOST_PARTS = 15
"""Parts of a program that may have been let come and are not in use yet."""


class Target(IntEnum):
    """What a block is for."""

    END = 0
    LIST = 1
    INSTRUCTION = 2
    SETUP = 3


PART_BITS = 12
HEAD = Fields("program head", {"magic": 16, "version": 8, "begin": 1, "final": 1, "unused": 6, "digest": 32,
                               "beats": 32, "part": PART_BITS, "tag": 20})
"""`begin`: a program, else a part of one; `digest` of the configuration; `beats` of all from the head to the checksum.

Of a part: `part`, its number, from 0 on; `final`: the next one is number 0 again; `tag`: that of its program.
"""
BLOCK = Fields("block head", {"target": 4, "lane": 8, "pair": 1, "unused": 3, "address": 16, "count": 16})
"""`count` words from `address` on, into the memory `target` of the lane `lane`.

`pair`: as many for the next lane, too, in turns: two in a beat. Only of parts, and where a beat has two words.
"""
CHECK = Fields("checksum", {"first": 32, "second": 32})


def setup(config: EngineConfig) -> Fields:
    """The word from which on maps lie when they come in, and how many words they have, and results."""
    word = config.word_bits
    return Fields("setup", {"map_base": word, "map_words": word + 1, "result_words": word + 1})


def digest(config: EngineConfig) -> int:
    """32 bits that differ between configurations, and between versions of the program's format."""
    text = f"{VERSION} {sorted(asdict(config).items())}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def beat_bits(config: EngineConfig) -> int:
    """Bits of a beat."""
    return 8 * config.banks


def word_bits(bits: int, beat: int) -> int:
    """Bits that a word of `bits` bits takes in a stream of beats of `beat` bits."""
    power = 1 << (bits - 1).bit_length()
    return power if power <= beat else -(-bits // beat) * beat


def checksum(first: int, second: int, beat: int) -> tuple[int, int]:
    """The two sums after one more beat: its words of 32 bits turned and brought together, summed, and summed again."""
    folded = 0
    turn = 0
    while beat:
        word = beat & 0xFFFFFFFF
        folded ^= (word << turn | word >> 32 - turn) & 0xFFFFFFFF if turn else word
        beat >>= 32
        turn = (turn + 8) % 32
    first = first + folded + 1 & 0xFFFFFFFF
    return first, second + first & 0xFFFFFFFF


OVERRUN = 7
ERRORS = {
    1: "it does not begin as a program",
    2: "it is of another version, or for another configuration",
    3: "it was cut off, or goes on after its end",
    4: "its checksum is wrong",
    5: "a block is for no memory",
    6: "a part of a program does not come in its turn",
    OVERRUN: "sums or results came before the ones before had gone",
}
"""What the error in the register ``status`` means, and the loader's errors."""
