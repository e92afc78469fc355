"""The host's side of the link: one class over any line that takes and gives bytes."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from zeroskip.config import ArrayConfig
from zeroskip.layer import Layer
from zeroskip.link.answer import Answer, LinkError, ResultBeats, read_answer
from zeroskip.link.frame import ANSWER_LINE_BYTES, BEATS_IN_A_FRAME, FLAG, LAST, Command, Unstuffer, stuff
from zeroskip.packing import pack
from zeroskip.spec.axi import BEAT_BYTES, COUNTERS, IDENTITY, REGISTERS

QUICKEST_S = 1e-5
"""No board says sooner that it has no beat: it waits 1,024 cycles for one."""


class Transport(Protocol):
    """A line, full duplex. It raises OSError (of which serial.SerialException is one) where there is none any more."""

    def write(self, raw: bytes) -> int | None:
        """Send these bytes; how many were sent, or nothing where it was all."""

    def read(self, seconds: float) -> bytes | None:
        """What came; waits until something does, but no longer than `seconds`, and is empty or nothing then."""


class Device:
    """An engine on a board.

    Whatever the board does, every method ends: a request is sent again after `seconds`, or after more bytes than
    answers can have had, and given up after `tries`; a layer is after `patience` in which nothing moved. What is kept
    of what came is one frame that has not ended, and the result so far. After an error `connect` begins anew.

    Parameters
    ----------
    transport
        The line.
    seconds
        To wait for an answer before a request is sent again, more than 0.
    tries
        How often a request is sent at most, 1 or more.
    patience
        Seconds in which neither a beat is taken nor one comes back, after which a layer is given up; 0 or more.
    clock
        What seconds are counted by; it never goes back.

    Raises
    ------
    LinkError
        By every method: no answer came however often it was asked, the answer was a refusal or none that there can be,
        or the line is gone.
    ValueError
        `seconds`, `tries` or `patience` is not as above.
    """

    def __init__(self, transport: Transport, *, seconds: float = 0.5, tries: int = 8, patience: float = 5.0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        if not 0 < seconds < math.inf:
            raise ValueError(f"seconds: found {seconds!r}, expected a finite number more than 0")
        if not 0 <= patience < math.inf:
            raise ValueError(f"patience: found {patience!r}, expected a finite number, 0 or more")
        self._transport, self._clock = transport, clock
        self._seconds, self._tries, self._patience = seconds, _count("tries", tries), patience
        self._unstuffer = Unstuffer()
        self._sequence = 0
        self.room = {Command.PROGRAM: 0, Command.MAP: 0}
        """Beats that the board had room for when it last answered."""
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

    def connect(self) -> None:
        """Come into step, see that there is an engine of this version, and reset it: nothing is left of an earlier run.

        Raises
        ------
        LinkError
            There is none, or another.
        """
        self._write(bytes([FLAG]), Command.HELLO)  # ends whatever the line carried before
        self._request(Command.HELLO)
        found = self.register("id")
        if found != IDENTITY:
            raise LinkError(f"register id: found {found:#010x}, expected {IDENTITY:#010x}")
        self.reset()

    def reset(self) -> None:
        """Engine, counters, and beats that wait."""
        self._request(Command.RESET)

    def register(self, name: str) -> int:
        """The value of a register of :data:`zeroskip.spec.axi.REGISTERS`.

        Raises
        ------
        KeyError
            There is no such register.
        """
        address = REGISTERS[name].address
        return int.from_bytes(self._request(Command.REGISTER, address.to_bytes(2, "little")).values, "little")

    def counters(self) -> dict[str, int]:
        """All counters, as they are after the last program (:mod:`zeroskip.counters`)."""
        return {name: self.register(name) for name in COUNTERS}

    def run(self, program: np.ndarray, map: np.ndarray, result_beats: int) -> np.ndarray:
        """Load a program, send a map, read the result.

        Parameters
        ----------
        program, map
            Beats, uint8 (beats, 16).
        result_beats
            How many the engine will answer, 1 or more.

        Returns uint8 (result_beats, 16).

        Raises
        ------
        LinkError
            Nothing moved any more, or more or fewer beats came.
        ValueError
            The beats or their number are not as above; nothing was sent then.
        """
        left = {Command.PROGRAM: _frames("program", program), Command.MAP: _frames("map", map)}
        result = ResultBeats(_count("result_beats", result_beats))
        since, idle = self._clock(), 0
        while any(left.values()) or not result.ended:
            moved = any([self._send(command, frames) for command, frames in left.items()])
            if not moved:
                moved = result.take(self._request(Command.RESULT, bytes([BEATS_IN_A_FRAME])))
            if moved:
                since, idle = self._clock(), 0
            elif self._clock() - since > self._patience or idle * QUICKEST_S > self._patience:
                raise LinkError(f"nothing moves: {len(left[Command.PROGRAM])} frames of the program and "
                                f"{len(left[Command.MAP])} of the map are left, {result}")
            else:
                idle += 1  # counted as well, for a clock that hardly moves
        return result.beats()

    def run_layer(self, layer: Layer, config: ArrayConfig, engine: str) -> np.ndarray:
        """The result of a layer, as :func:`zeroskip.reference.run` gives it.

        Parameters
        ----------
        layer
            With its input.
        config, engine
            What is on the board: its array, and a name of ``zeroskip.packing.ENGINES`` that it can do.
        """
        packed = pack(layer, config, engine)
        return packed.decode([self.run(program.program, program.map, program.result_beats)
                              for program in packed.programs])

    def _send(self, command: Command, frames: deque[bytes]) -> bool:
        """The next frame of beats, if the board has room; whether it was taken."""
        if not frames or self.room[command] < (len(frames[0]) - 1) // BEAT_BYTES:
            return False
        if self._request(command, frames[0]).busy:
            return False
        frames.popleft()
        return True

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
        answer = read_answer(content, command, arguments)
        self.bad_frames, self.room = answer.bad_frames, answer.room
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


def _frames(name: str, beats: np.ndarray) -> deque[bytes]:
    """The arguments of the requests that carry these beats."""
    if not isinstance(beats, np.ndarray) or beats.dtype != np.uint8 or beats.shape[1:] != (BEAT_BYTES,):
        found = f"{beats.dtype} {beats.shape}" if isinstance(beats, np.ndarray) else type(beats).__name__
        raise ValueError(f"{name}: found {found}, expected uint8 (beats, {BEAT_BYTES})")
    starts = range(0, len(beats), BEATS_IN_A_FRAME)
    return deque(bytes([LAST if at + BEATS_IN_A_FRAME >= len(beats) else 0])
                 + beats[at : at + BEATS_IN_A_FRAME].tobytes() for at in starts)


def _count(name: str, value: int) -> int:
    """A number of 1 or more."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: found {value!r}, expected a whole number, 1 or more")
    return int(value)
