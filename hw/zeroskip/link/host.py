"""The host's end of the line: a request is asked until there is an answer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from zeroskip.link.answer import Answer, LinkError, read_answer
from zeroskip.link.frame import ANSWER_LINE_BYTES, BeatSize, Command, Unstuffer, stuff


class Transport(Protocol):
    """A line, full duplex. It raises OSError (of which serial.SerialException is one) where there is none any more."""

    def write(self, raw: bytes) -> int | None:
        """Send these bytes; how many were sent, or nothing where it was all."""

    def read(self, seconds: float) -> bytes | None:
        """What came; waits until something does, but no longer than `seconds`, and is empty or nothing then."""


class Host:
    """Asks a board, one request after the other.

    Whatever the board does, a request ends: it is sent again after `seconds`, or after more bytes than answers can have
    had, and given up after `tries`. What is kept of what came is one frame that has not ended.

    Parameters
    ----------
    transport
        The line.
    seconds
        To wait for an answer before a request is sent again, more than 0.
    tries
        How often a request is sent at most, 1 or more.
    clock
        What seconds are counted by; it never goes back.

    Raises
    ------
    LinkError
        By every method: no answer came however often it was asked, the answer was a refusal or none that there can be,
        or the line is gone.
    ValueError
        `seconds` or `tries` is not as above.
    """

    def __init__(self, transport: Transport, *, seconds: float, tries: int,
                 clock: Callable[[], float] = time.monotonic) -> None:
        if not 0 < seconds < math.inf:
            raise ValueError(f"seconds: found {seconds!r}, expected a finite number more than 0")
        self._transport, self._clock = transport, clock
        self._seconds, self._tries = seconds, positive_count("tries", tries)
        self._unstuffer = Unstuffer()
        self._sequence = 0
        self._size = BeatSize(data=1)
        """Of the board's beats, once it has said so."""
        self.room = {Command.PROGRAM: 0, Command.MAP: 0}
        """Beats that the board had room for when it last answered."""
        self.waits = False
        """Beats of the program waited there for the engine to take them."""
        self.requests = 0
        """Requests that were answered."""
        self.sent_again = 0
        """Requests sent more than once."""
        self.bad_frames = 0
        """Frames from the host that were damaged when they came to the board, modulo 256."""
        self.bytes_came = 0
        """Bytes from the board."""
        self.other_answers = 0
        """Answers that came while another request was asked: those of a request sent again, mostly."""

    @property
    def bad_answers(self) -> int:
        """Frames from the board that were damaged when they came."""
        return self._unstuffer.bad

    def _request(self, command: Command, arguments: bytes = b"") -> Answer:
        """Ask until there is an answer."""
        self._sequence = (self._sequence + 1) % 256
        frame = stuff(bytes([self._sequence, command]) + arguments)
        came, bad, others = self.bytes_came, self.bad_answers, self.other_answers
        for attempt in range(self._tries):
            self.sent_again += attempt > 0
            self._write(frame, command)
            content = self._listen(command)
            if content is not None:
                break
        else:
            raise LinkError(f"no answer to {command.name}, sent {self._tries} times: {self.bytes_came - came} bytes "
                            f"came, with {self.bad_answers - bad} damaged frames and {self.other_answers - others} "
                            f"answers to others, expected one numbered {self._sequence}")
        self.requests += 1
        answer = read_answer(content, command, arguments, self._size)
        self.bad_frames, self.room, self.waits = answer.bad_frames, answer.room, answer.waits
        return answer

    def _listen(self, command: Command) -> bytes | None:
        """The next good frame with the sequence number of the request; ``None`` where none comes in time.

        No more bytes are taken than in all answers that an honest board can owe: one for every time that this request
        and the one before it were sent. A read without any counts as a byte. What comes behind the answer is dropped:
        it was sent before the next request, and cannot answer that.
        """
        until = self._clock() + self._seconds
        most = 2 * self._tries * ANSWER_LINE_BYTES
        while most > 0 and (left := until - self._clock()) > 0:
            raw = self._read(left, command)[:most]
            most -= max(len(raw), 1)
            self.bytes_came += len(raw)
            for content in self._unstuffer.feed(raw):
                if content[0] == self._sequence:
                    return content
                self.other_answers += 1
        return None

    def _write(self, raw: bytes, command: Command) -> None:
        try:
            sent = self._transport.write(raw)
        except OSError as error:
            raise LinkError(f"{command.name} could not be sent, the line failed: {error!r}") from error
        if sent is not None and sent != len(raw):
            raise LinkError(f"{command.name} was not sent: the line took {sent!r} bytes, expected {len(raw)}")

    def _read(self, seconds: float, command: Command) -> bytes:
        try:
            raw = self._transport.read(seconds)
        except OSError as error:
            raise LinkError(f"no answer to {command.name}, the line failed: {error!r}") from error
        if not isinstance(raw, bytes | bytearray | memoryview | None):
            raise LinkError(f"no answer to {command.name}: the line gave {type(raw).__name__}, expected bytes")
        return bytes(raw or b"")


def positive_count(name: str, value: int) -> int:
    """A number of 1 or more.

    Raises
    ------
    ValueError
        It is none.
    """
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: found {value!r}, expected a whole number, 1 or more")
    return int(value)
