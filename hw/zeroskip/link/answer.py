"""What a board answers, checked as it comes: nothing of it is believed before."""

from __future__ import annotations

from dataclasses import dataclass

from zeroskip.link.frame import ANSWER_HEAD, LAST, WAITS, BeatSize, Command, Status
from zeroskip.spec.axi import REGISTER_BYTES

SIZE_BYTES = 2
"""Of the answer to HELLO: bytes of a beat, bytes of a beat's number."""
BEAT_SIZES = (4, 8, 16, 32)
MOST_NUMBER_BYTES = 3


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
    waits
        Beats of the program wait on the board for the engine to take them.
    last
        The last of `values` is the last beat of a packet of the result.
    values
        What was asked for: whole beats of the result with their numbers, a register's four bytes, a beat's size.
    """

    busy: bool
    bad_frames: int
    room: dict[Command, int]
    waits: bool
    last: bool
    values: bytes


def read_answer(content: bytes, command: Command, arguments: bytes, size: BeatSize) -> Answer:
    """What the content of a good frame says.

    Parameters
    ----------
    content
        With the sequence number of the request.
    command, arguments
        The request.
    size
        Of the board's beats.

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
    _check_length(said, len(values), command, arguments, size)
    may_be_last = command == Command.RESULT and values
    if flags & ~(WAITS | (LAST if may_be_last else 0)):
        expected = f"0 to {LAST | WAITS}" if may_be_last else f"0 or {WAITS}"
        raise LinkError(f"{said} with flags {flags} and {len(values)} bytes of values, expected flags {expected}")
    return Answer(busy=status == Status.BUSY, bad_frames=bad, room={Command.PROGRAM: program, Command.MAP: map_},
                  waits=bool(flags & WAITS), last=bool(flags & LAST), values=values)


def _check_length(said: str, length: int, command: Command, arguments: bytes, size: BeatSize) -> None:
    if command == Command.RESULT:
        most, each = arguments[0], size.answered
        right, expected = length % each == 0 and length <= most * each, f"0 to {most} beats of {each}"
    else:
        wanted = {Command.REGISTER: REGISTER_BYTES, Command.HELLO: SIZE_BYTES}.get(command, 0)
        right, expected = length == wanted, str(wanted)
    if not right:
        raise LinkError(f"{said} with {length} bytes of values, expected {expected}")


def read_size(values: bytes) -> BeatSize:
    """How large a board's beats are, by its answer to HELLO.

    Raises
    ------
    LinkError
        No engine has such beats.
    """
    data, number = values
    if data not in BEAT_SIZES or number > MOST_NUMBER_BYTES:
        raise LinkError(f"HELLO was answered with beats of {data} bytes and numbers of {number}, expected one of "
                        f"{', '.join(map(str, BEAT_SIZES))} and at most {MOST_NUMBER_BYTES}")
    return BeatSize(data=data, number=number)
