"""What a board answers, checked as it comes: nothing of it is believed before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.link.frame import ANSWER_HEAD, LAST, Command, Status
from zeroskip.spec.axi import BEAT_BYTES, REGISTER_BYTES


class LinkError(Exception):
    """The board did not answer as it should; the message says what was asked, what came and what was expected."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A request's answer.

    Parameters
    ----------
    busy
        The beats were not taken: there is no room.
    bad_frames
        Damaged frames that the board has seen, modulo 256.
    room
        Beats that it has room for, 0 to 255, by the command that brings them.
    last
        The last of `values` is the last beat of the result.
    values
        A register's four bytes, whole beats of the result, else nothing.
    """

    busy: bool
    bad_frames: int
    room: dict[Command, int]
    last: bool
    values: bytes


def read_answer(content: bytes, command: Command, arguments: bytes = b"") -> Answer:
    """What the content of a good frame says.

    Parameters
    ----------
    content
        With the sequence number of the request.
    command, arguments
        The request.

    Raises
    ------
    LinkError
        The request was refused, or there is no such answer to it: its length, status or flags.
    """
    said = f"{command.name} was answered"
    if len(content) < ANSWER_HEAD:
        raise LinkError(f"{said} with {len(content)} bytes, expected the {ANSWER_HEAD} of a head at least")
    _, status, bad, program, map_, flags = content[:ANSWER_HEAD]
    values = content[ANSWER_HEAD:]
    may_be_busy = command in (Command.PROGRAM, Command.MAP)
    if status != Status.OK and not (may_be_busy and status == Status.BUSY):
        known = {own.value: own.name for own in Status}.get(status, f"status {status}")
        raise LinkError(f"{said} {known}, expected OK{' or BUSY' if may_be_busy else ''}")
    _check_length(said, len(values), command, arguments)
    if flags & ~LAST or (flags and not (command == Command.RESULT and values)):
        expected = f"0 or {LAST}" if command == Command.RESULT and values else "0"
        raise LinkError(f"{said} with flags {flags} and {len(values)} bytes of values, expected flags {expected}")
    return Answer(busy=status == Status.BUSY, bad_frames=bad, room={Command.PROGRAM: program, Command.MAP: map_},
                  last=bool(flags & LAST), values=values)


def _check_length(said: str, length: int, command: Command, arguments: bytes) -> None:
    if command == Command.RESULT:
        most = arguments[0]
        right, expected = length % BEAT_BYTES == 0 and length <= most * BEAT_BYTES, f"0 to {most} beats of {BEAT_BYTES}"
    else:
        wanted = REGISTER_BYTES if command == Command.REGISTER else 0
        right, expected = length == wanted, str(wanted)
    if not right:
        raise LinkError(f"{said} with {length} bytes of values, expected {expected}")


class ResultBeats:
    """The beats of one result, as they come.

    Parameters
    ----------
    expected
        How many there will be, 1 or more.
    """

    def __init__(self, expected: int) -> None:
        self._expected, self._raw = expected, bytearray()
        self.ended = False
        """The last has come."""

    def __str__(self) -> str:
        unmarked = ", none marked as the last" if self._came == self._expected and not self.ended else ""
        return f"{self._came} of {self._expected} beats of the result came{unmarked}"

    @property
    def _came(self) -> int:
        return len(self._raw) // BEAT_BYTES

    def take(self, answer: Answer) -> bool:
        """Keep the beats of an answer; whether there were any.

        Raises
        ------
        LinkError
            More beats came than expected, or the last one before all had come.
        """
        came, after = self._came + len(answer.values) // BEAT_BYTES, self.ended and answer.values
        if came > self._expected or (answer.last and came < self._expected):
            mark = "after the last one was marked" if after else "the last one marked" if answer.last else "and no last"
            raise LinkError(f"{came} beats of the result came, expected {self._expected}: RESULT was answered with "
                            f"{len(answer.values) // BEAT_BYTES} more, {mark}")
        self._raw += answer.values
        self.ended = self.ended or answer.last
        return bool(answer.values)

    def beats(self) -> np.ndarray:
        """All that came, uint8 (beats, 16)."""
        return np.frombuffer(bytes(self._raw), np.uint8).reshape(-1, BEAT_BYTES)
