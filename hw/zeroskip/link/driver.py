"""The host's side of the link: one class over any line that takes and gives bytes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from zeroskip.boundary import IDENTITY, REGISTERS
from zeroskip.config import ArrayConfig
from zeroskip.counters import COUNTERS
from zeroskip.layer import Layer
from zeroskip.link.frame import ANSWER_HEAD, BEATS_IN_A_FRAME, FLAG, LAST, Command, Status, Unstuffer, stuff
from zeroskip.packing import pack
from zeroskip.wire import BEAT_BYTES


class Transport(Protocol):
    """A line, full duplex."""

    def write(self, raw: bytes) -> None:
        """Send these bytes."""

    def read(self, seconds: float) -> bytes:
        """What came; waits until something does, but no longer than `seconds`, and is empty then."""


class LinkError(Exception):
    """The board did not answer as it should; the message says what was asked and what came."""


class Device:
    """An engine on a board.

    Parameters
    ----------
    transport
        The line.
    seconds
        To wait for an answer before a request is sent again.
    tries
        How often a request is sent at most.
    patience
        Seconds in which neither a beat is taken nor one comes back, after which a layer is given up.
    clock
        What seconds are counted by.

    Raises
    ------
    LinkError
        By every method: no answer came however often it was asked, or the answer was a refusal.
    """

    def __init__(self, transport: Transport, *, seconds: float = 0.5, tries: int = 8, patience: float = 5.0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._transport, self._seconds, self._tries, self._clock = transport, seconds, tries, clock
        self._patience = patience
        self._unstuffer, self._came = Unstuffer(), deque[bytes]()
        self._sequence = 0
        self.room = {Command.PROGRAM: 0, Command.MAP: 0}
        """Beats that the board had room for when it last answered."""
        self.requests = 0
        """Requests that were answered."""
        self.sent_again = 0
        """Requests sent more than once."""
        self.bad_frames = 0
        """Frames from the host that were damaged when they came to the board, modulo 256."""

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
        self._transport.write(bytes([FLAG]))  # ends whatever the line carried before
        self._request(Command.HELLO)
        found = self.register("id")
        if found != IDENTITY:
            raise LinkError(f"register id: found {found:#010x}, expected {IDENTITY:#010x}")
        self.reset()

    def reset(self) -> None:
        """Engine, counters, and beats that wait."""
        self._request(Command.RESET)

    def register(self, name: str) -> int:
        """The value of a register of :data:`zeroskip.boundary.REGISTERS`.

        Raises
        ------
        KeyError
            There is no such register.
        """
        address = REGISTERS[name].address
        _, value = self._request(Command.REGISTER, address.to_bytes(2, "little"))
        return int.from_bytes(value, "little")

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
            How many the engine will answer.

        Returns uint8 (result_beats, 16).

        Raises
        ------
        LinkError
            Nothing moved any more, or more or fewer beats came.
        """
        left = {Command.PROGRAM: deque(_frames(program)), Command.MAP: deque(_frames(map))}
        found: list[bytes] = []
        ended, since = False, self._clock()
        while any(left.values()) or not ended:
            moved = any([self._send(command, frames) for command, frames in left.items()])
            if not moved:
                flags, raw = self._request(Command.RESULT, bytes([BEATS_IN_A_FRAME]))
                found.append(raw)
                moved, ended = bool(raw), ended or bool(flags & LAST)
            if moved:
                since = self._clock()
            elif self._clock() - since > self._patience:
                came = len(b"".join(found)) // BEAT_BYTES
                raise LinkError(f"nothing moves: {len(left[Command.PROGRAM])} frames of the program and "
                                f"{len(left[Command.MAP])} of the map are left, {came} of {result_beats} beats of the "
                                "result came")
        result = np.frombuffer(b"".join(found), np.uint8).reshape(-1, BEAT_BYTES)
        if len(result) != result_beats:
            raise LinkError(f"{len(result)} beats of the result came, expected {result_beats}")
        return result

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
        return packed.decode([self.run(program.weights, program.map, program.result_beats)
                              for program in packed.programs])

    def _send(self, command: Command, frames: deque[bytes]) -> bool:
        """The next frame of beats, if the board has room; whether it was taken."""
        if not frames or self.room[command] < (len(frames[0]) - 1) // BEAT_BYTES:
            return False
        try:
            self._request(command, frames[0])
        except _BusyError:
            return False
        frames.popleft()
        return True

    def _request(self, command: Command, arguments: bytes = b"") -> tuple[int, bytes]:
        """Ask until there is an answer; its flags and values."""
        self._sequence = (self._sequence + 1) % 256
        frame = stuff(bytes([self._sequence, command]) + arguments)
        for attempt in range(self._tries):
            self.sent_again += attempt > 0
            self._transport.write(frame)
            answer = self._answer()
            if answer is not None:
                break
        else:
            raise LinkError(f"no answer to {command.name}, sent {self._tries} times")
        self.requests += 1
        status, bad, program, map_, flags = answer[1:ANSWER_HEAD]
        self.bad_frames = bad
        self.room = {Command.PROGRAM: program, Command.MAP: map_}
        if status == Status.BUSY:
            raise _BusyError
        if status != Status.OK:
            known = {own.value: own.name for own in Status}.get(status, f"status {status}")
            raise LinkError(f"{command.name} was answered {known}")
        return flags, answer[ANSWER_HEAD:]

    def _answer(self) -> bytes | None:
        """The next good frame with the sequence number of the request; ``None`` where none comes in time."""
        until = self._clock() + self._seconds
        while True:
            while self._came:
                answer = self._came.popleft()
                if len(answer) >= ANSWER_HEAD and answer[0] == self._sequence:
                    return answer
            left = until - self._clock()
            if left <= 0:
                return None
            self._came.extend(self._unstuffer.feed(self._transport.read(left)))


class _BusyError(Exception):
    """The board has no room for the beats."""


def _frames(beats: np.ndarray) -> list[bytes]:
    """The arguments of the requests that carry these beats."""
    raw = np.ascontiguousarray(beats, np.uint8)
    starts = range(0, len(raw), BEATS_IN_A_FRAME)
    return [bytes([LAST if at + BEATS_IN_A_FRAME >= len(raw) else 0]) + raw[at : at + BEATS_IN_A_FRAME].tobytes()
            for at in starts]
