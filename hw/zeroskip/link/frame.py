"""A frame on the line, and what is in it: the one description that hardware and driver are made from.

A frame is its bytes between two ``FLAG``; a ``FLAG`` or an ``ESCAPE`` among them travels as ``ESCAPE`` and the byte
with bit 5 changed (as in HDLC, RFC 1662). The last four bytes are the CRC-32 of those before them (ISO-HDLC, that of
Ethernet and zlib), lowest byte first. So a byte that is lost, changed or doubled costs one frame, or two where it was
the ``FLAG`` between them, and the next ``FLAG`` begins anew.
"""

from __future__ import annotations

import enum
import zlib
from dataclasses import dataclass

FLAG, ESCAPE, CHANGE = 0x7E, 0x7D, 0x20
CRC_BYTES = 4
BUFFER_BYTES = 512
"""The most that a request may have, CRC included, and an answer after its head."""
VALUE_BYTES = 496
"""The most that beats, with what belongs to them, take in a request or an answer."""
REQUEST_HEAD = 2
"""Bytes of a request before its arguments: sequence number, command."""
ANSWER_HEAD = 6
"""Bytes of an answer before its values: sequence number, status, bad frames seen (modulo 256), beats of room for the
program, and for the map (255: or more), flags."""
ANSWER_BYTES = ANSWER_HEAD + VALUE_BYTES + CRC_BYTES
"""The most that an answer has, CRC included."""
ANSWER_LINE_BYTES = 2 * ANSWER_BYTES + 2
"""The most that an answer takes on the line: each of its bytes escaped, and both flags."""
ROOM_LIMIT = 255
LAST = 1
"""Flag of a request or an answer with beats: the last beat of the frame is the last of its packet."""
WAITS = 2
"""Flag of any answer: beats of the program wait on the board, the engine has not taken them yet."""
ADDRESS_BYTES = 2


@dataclass(frozen=True, kw_only=True)
class BeatSize:
    """What a beat takes.

    Parameters
    ----------
    data
        Bytes of a beat: a power of two, 4..32.
    number
        Bytes of the number that travels behind a beat of the result, the lowest first; 0: beats come in order.

    >>> BeatSize(data=16).in_request, BeatSize(data=4, number=2).in_answer
    (31, 82)
    """

    data: int
    number: int = 0

    @property
    def in_request(self) -> int:
        """The most beats of the program, or of the map, in a frame."""
        return VALUE_BYTES // self.data

    @property
    def in_answer(self) -> int:
        """The most beats of the result in a frame."""
        return VALUE_BYTES // self.answered

    @property
    def answered(self) -> int:
        """Bytes of a beat of the result, its number included."""
        return self.data + self.number


def number_bytes(number_bits: int) -> int:
    """Bytes of a beat's number."""
    return -(-number_bits // 8)


class Command(enum.IntEnum):
    """What a request asks for; after the head, its arguments and what the answer carries."""

    HELLO = 0
    """Take this request's sequence number, whatever it is. The answer: bytes of a beat, bytes of a beat's number."""
    RESET = 1
    """Engine, counters and what waits for the engine."""
    PROGRAM = 2
    """Flags, beats: all of them are taken, or none."""
    MAP = 3
    """The same for the map."""
    RESULT = 4
    """The most beats to answer, 1 to `BeatSize.in_answer`. The answer: those that came, each with its number behind it;
    none of the next packet behind the last one of a packet."""
    REGISTER = 5
    """Address, two bytes. The answer: four bytes."""
    WRITE = 6
    """Address, two bytes, and a register's new value, four."""


class Status(enum.IntEnum):
    """How a request ended."""

    OK = 0
    BUSY = 1
    """There is no room for the beats: send them again later, as a new request."""
    WRONG = 2
    """Unknown command, arguments that do not fit it, or no such register."""
    OUT_OF_STEP = 3
    """The sequence number is neither the next one nor the last: say HELLO."""


def stuff(content: bytes) -> bytes:
    """A frame as it travels, both flags and the CRC included.

    >>> stuff(b"~").hex()
    '7e7d5eb6b3bf657e'
    """
    whole = content + zlib.crc32(content).to_bytes(CRC_BYTES, "little")
    body = bytearray()
    for byte in whole:
        body += bytes([ESCAPE, byte ^ CHANGE]) if byte in (FLAG, ESCAPE) else bytes([byte])
    return bytes([FLAG, *body, FLAG])


class Unstuffer:
    """Finds the frames in bytes as they come; what is not a whole frame is counted and dropped.

    Of a frame that is longer than the longest answer nothing more is kept: what comes until the next ``FLAG`` is lost,
    and counts as one bad frame then.
    """

    def __init__(self) -> None:
        self.bad = 0
        """Frames dropped."""
        self._body = bytearray()
        self._escaped = False

    def feed(self, raw: bytes) -> list[bytes]:
        """The contents of the frames that end in these bytes, without their CRC."""
        found = []
        for byte in raw:
            if byte == FLAG:
                if (content := self._end()) is not None:
                    found.append(content)
            elif byte == ESCAPE:
                self._escaped = True
            else:
                if len(self._body) <= ANSWER_BYTES:  # one more than may be, which tells that the frame is too long
                    self._body.append(byte ^ CHANGE if self._escaped else byte)
                self._escaped = False
        return found

    def _end(self) -> bytes | None:
        body, escaped = bytes(self._body), self._escaped
        self._body.clear()
        self._escaped = False
        if not body and not escaped:
            return None
        content, check = body[:-CRC_BYTES], body[-CRC_BYTES:]
        whole = content and not escaped and len(body) <= ANSWER_BYTES
        if not whole or zlib.crc32(content).to_bytes(CRC_BYTES, "little") != check:
            self.bad += 1
            return None
        return content
