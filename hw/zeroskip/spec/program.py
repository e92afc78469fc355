"""The program as a stream of beats: what the compiler writes, the loader reads, and a decoder reads back.

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
VERSION = 1
PIECE = 128


class Target(IntEnum):
    """What a block is for."""

    END = 0
    LIST = 1
    INSTRUCTION = 2
    SETUP = 3


HEAD = Fields("program head", {"magic": 16, "version": 8, "begin": 1, "unused": 7, "digest": 32, "beats": 32})
"""`begin`: a program, else a part of one; `digest` of the configuration; `beats` of all that follows the head."""
BLOCK = Fields("block head", {"target": 4, "lane": 8, "unused": 4, "address": 16, "count": 16})
"""`count` words from `address` on, into the memory `target` of the lane `lane`."""
CHECK = Fields("checksum", {"first": 32, "second": 32})


def setup(config: EngineConfig) -> Fields:
    """Where maps come in, and how much there is of them and of results.

    `map_base`, `map_other`: the word from which on a map lies, and every second one with `buffers` = 2.
    """
    word = config.word_bits
    return Fields("setup", {"map_base": word, "map_other": word, "map_words": word + 1, "buffers": 2,
                            "result_words": word + 1})


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
    OVERRUN: "sums or results came before the ones before had gone",
}
"""What the error in the register ``status`` means, and the loader's errors."""
