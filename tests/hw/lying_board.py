"""A board that lies, as the transport of the host's driver: what it may say instead of what is right."""

import errno
from collections import deque

import serial

from zeroskip.link.frame import (
    ANSWER_BYTES,
    ANSWER_HEAD,
    ANSWER_LINE_BYTES,
    CRC_BYTES,
    ESCAPE,
    FLAG,
    LAST,
    WAITS,
    Command,
    Status,
    Unstuffer,
    stuff,
)
from zeroskip.spec.axi import IDENTITY, REGISTERS

SECONDS, TRIES, PATIENCE = 0.002, 3, 0.001
A_BYTE = 1e-7
BYTES_OF_A_REQUEST = TRIES * 2 * TRIES * ANSWER_LINE_BYTES
PAUSES = 3
"""Answers without a beat, at most, between two with some, of an honest board."""


class EndlessError(BaseException):
    """The driver goes on and on; no error that it could take for one of the transport's."""


class Engine:
    """An honest board's link and, behind it, an engine that answers each beat of the map with its complement.

    Where beats have numbers, those that wait are answered the other way round.
    """

    def __init__(self, size):
        self.size, self.last_number, self._kept, self.slow = size, None, b"", size.in_request
        self._queue = 2 * size.in_request
        self.clear()

    def clear(self):
        self.told_wrongly = False
        """The line has been told something of the beats that no driver can see through, since there were none."""
        self._loaded, self._waiting, self._results, self._pauses, self._number = False, deque(), deque(), 0, 0

    def answer(self, sequence, command, arguments):
        """The content of the answer; a request said twice is done once."""
        if command == Command.HELLO:
            self._kept = self._says(sequence, values=bytes([self.size.data, self.size.number]))
        elif sequence == self.last_number:
            return self._kept
        elif self.last_number is None or sequence != (self.last_number + 1) % 256:
            return self._says(sequence, status=Status.OUT_OF_STEP)
        else:
            self._kept = getattr(self, f"_{command.name.lower()}")(sequence, arguments)
        self.last_number = sequence
        return self._kept

    def _says(self, sequence, *, status=Status.OK, flags=0, values=b""):
        return bytes([sequence, status, 0, self._queue, self._queue - len(self._waiting), flags]) + values

    def _reset(self, sequence, arguments):
        self.clear()
        return self._says(sequence)

    def _program(self, sequence, arguments):
        self._loaded = self._loaded or bool(arguments[0] & LAST)
        return self._says(sequence)

    def _map(self, sequence, arguments):
        each = self.size.data
        beats = [arguments[at : at + each] for at in range(1, len(arguments), each)]
        if len(beats) > self._queue - len(self._waiting):
            return self._says(sequence, status=Status.BUSY)
        self._waiting += [(beat, arguments[0] & LAST and at == len(beats) - 1) for at, beat in enumerate(beats)]
        return self._says(sequence)

    def _compute(self):
        """Results of the beats that wait, up to the last of the map."""
        found = []
        while self._loaded and self._waiting:
            beat, last = self._waiting.popleft()
            found.append(bytes(255 - byte for byte in beat) + self._number.to_bytes(3, "little")[: self.size.number])
            self._number, self._loaded = 0 if last else self._number + 1, not last
        order = found[::-1] if self.size.number else found
        ended = bool(found) and not self._loaded
        self._results += [(beat, ended and at == len(order) - 1) for at, beat in enumerate(order)]

    def _result(self, sequence, arguments):
        self._compute()
        self._pauses = (self._pauses + 1) % (PAUSES + 1)
        values, last = b"", 0
        while self._results and not last and len(values) < self._takes(arguments[0]) * self.size.answered:
            beat, last = self._results.popleft()
            values += beat
        return self._says(sequence, flags=LAST if last else 0, values=values)

    def _takes(self, most):
        """A slow engine has no beat yet for some of the times."""
        return most if self.slow >= most else self.slow if self._pauses == 0 else 0

    def _register(self, sequence, arguments):
        is_id = int.from_bytes(arguments, "little") == REGISTERS["id"].address
        return self._says(sequence, values=(IDENTITY if is_id else 0).to_bytes(4, "little"))

    def _write(self, sequence, arguments):
        return self._says(sequence)


def changed(content, at, byte):
    """With another byte there."""
    return content[:at] + bytes([byte % 256]) + content[at + 1 :]


def older(content, amount):
    """An answer of the same kind, with other values, to one of the 100 requests before."""
    other = bytes(byte ^ 0x55 for byte in content[ANSWER_HEAD:])
    return stuff(changed(content[:ANSWER_HEAD], 0, content[0] - 1 - amount % 100) + other)


def result_of(change):
    """The content of a RESULT with beats, changed; how large they are goes with it."""
    return lambda content, amount, command, size: (
        change(content, amount, size) if command == Command.RESULT and len(content) > ANSWER_HEAD else content)


def numbered_as_the_first(content, _, size):
    """The last beat of an answer has the number of the first one."""
    first = ANSWER_HEAD + size.data
    return content[: len(content) - size.number] + content[first : first + size.number]


LIES = {
    "longer": lambda content, amount, *_: content + b"U" * (1 + amount % 15),
    "shorter": lambda content, amount, *_: content[: -1 - amount % 15],
    "no whole head": lambda content, amount, *_: content[: 1 + amount % (ANSWER_HEAD - 1)],
    "too long": lambda content, amount, *_: content + bytes(ANSWER_BYTES + 100 * amount),
    "another status": lambda content, amount, *_: changed(content, 1, 2 + amount),
    "busy": lambda content, amount, *_: changed(content, 1, Status.BUSY),
    "other flags": lambda content, amount, *_: changed(content, 5, content[5] | 4 << amount % 6),
    "waits": lambda content, amount, *_: changed(content, 5, content[5] ^ WAITS),
    "last": lambda content, amount, *_: changed(content, 5, content[5] | LAST),
    "never last": lambda content, amount, *_: changed(content, 5, content[5] & ~LAST),
    "no beats": result_of(lambda content, *_: changed(content, 5, 0)[:ANSWER_HEAD]),
    "beats too many": result_of(lambda content, amount, size: content + bytes(size.answered * (1 + amount % 9))),
    "numbered too high": result_of(lambda content, _, size: content[: len(content) - size.number]
                                   + b"\xff" * size.number),
    "numbered alike": result_of(numbered_as_the_first),
    "other room": lambda content, amount, *_: changed(changed(content, 3, amount), 4, -amount),
}
"""The content of an answer that comes instead of the right one."""
CANNOT_BE_TOLD = {"busy", "last", "beats too many"}
"""Beats that were taken and are sent again, or beats of its own making: the sum may still be right."""
NOISE = {
    "silent": lambda content, amount: b"",
    "another number": older,
    "damaged": lambda content, amount: changed(raw := stuff(content), amount % len(raw), raw[amount % len(raw)] ^ 4),
    "cut": lambda content, amount: stuff(content)[: 1 + amount],
    "twice": lambda content, amount: stuff(content) * 2,
    "behind old ones": lambda content, amount: older(content, amount) * (amount % TRIES) + stuff(content),
    "behind a flood of old ones": lambda content, amount: older(content, amount) * 1000 + stuff(content),
    "behind garbage": lambda content, amount: b"U" * 20 * amount + stuff(content),
}
"""What comes on the line for an answer."""
NO_ANSWER = {"silent", "another number", "damaged"}


def must_be_refused(content, command, size):
    """Whether no board that keeps to the protocol gives this answer."""
    if len(content) < ANSWER_HEAD:
        return True
    status, flags, length = content[1], content[5], len(content) - ANSWER_HEAD
    fits = {Command.HELLO: length == 2, Command.REGISTER: length == 4,
            Command.RESULT: length % size.answered == 0}.get(command, length == 0)
    taken = status == Status.OK or (status == Status.BUSY and command in (Command.PROGRAM, Command.MAP))
    may_be = WAITS | (LAST if command == Command.RESULT and length else 0)
    return not (taken and fits and not flags & ~may_be)


GIVES_FOR_EVER = {
    "garbage": b"U" * 3000, "flags": bytes([FLAG]) * 3000, "escapes": bytes([ESCAPE]) * 3000, "a byte": b"U",
    "damaged frames": stuff(bytes(40))[:-2] + b"~", "old answers": stuff(bytes([200] * ANSWER_HEAD)) * 9,
    "text": "text",
}
ERRORS = [OSError(errno.EIO, "unplugged"), serial.SerialException("unplugged"), TimeoutError("late")]


class LyingBoard:
    """The transport, and what is wrong with it: `lies` by command for the next answers, `gives` for ever, `fails`.

    It counts what the driver does, and stops it where that is more than a request, or a call, may take.
    """

    def __init__(self, size):
        self.engine, self.now, self.stands, self.piece = Engine(size), 0.0, False, 1000
        self.out, self.lies = bytearray(), {command: deque() for command in Command}
        self.gives, self.fails, self.short = None, {}, False
        self._unstuffer, self._frame, self._answered, self._left = Unstuffer(), b"", False, {}
        self.must_refuse = False
        """The driver has been given, in this call, what it must not take."""

    @property
    def honest(self):
        return not (any(self.lies.values()) or self.gives or self.fails or self.short or self.stands or self.out)

    def be_honest(self):
        for lies in (*self.lies.values(), self.out):
            lies.clear()
        self.gives, self.fails, self.short, self.stands = None, {}, False, False

    def allow(self, requests):
        """A call begins, of at most so many requests."""
        self._left, self.must_refuse = {"request": requests, "read": 0, "write": 0}, False

    def _spend(self, kind):
        self._left[kind] -= 1
        if self._left[kind] < 0:
            raise EndlessError(f"one {kind} too many")

    def write(self, raw):
        if raw != self._frame and len(raw) > 1:
            self._spend("request")
            self._answered = False
            self._frame, self._left = raw, self._left | {"read": BYTES_OF_A_REQUEST, "write": TRIES}
        if len(raw) > 1:
            self._spend("write")
        if "write" in self.fails:
            raise self.fails["write"]
        for content in self._unstuffer.feed(raw):
            self._answer(content[0], Command(content[1]), content[2:])
        self.must_refuse |= self.short
        return len(raw) // 2 if self.short else None

    def _answer(self, sequence, command, arguments):
        content = self.engine.answer(sequence, command, arguments)
        kind, amount = self._next_lie(command)
        self.engine.told_wrongly |= kind in CANNOT_BE_TOLD
        size = self.engine.size
        content = LIES[kind](content, amount, command, size) if kind in LIES else content
        if kind not in NO_ANSWER and 0 < len(content) <= ANSWER_BYTES - CRC_BYTES:
            self.must_refuse |= not self._answered and must_be_refused(content, command, size)
            self._answered = True  # the driver takes the first
        self.out += NOISE[kind](content, amount) if kind in NOISE else stuff(content)

    def _next_lie(self, command):
        if not (lies := self.lies[command]):
            return "none", 0
        kind, amount, times = lies.popleft()
        if times > 1:
            lies.appendleft((kind, amount, times - 1))
        return kind, amount

    def read(self, seconds):
        self._spend("read")
        assert 0 < seconds < 1.01 * SECONDS
        if "read" in self.fails:
            raise self.fails["read"]
        raw = self.gives or bytes(self.out[: self.piece])
        if not self.gives:
            del self.out[: self.piece]
        self.now += 0 if self.stands else A_BYTE * len(raw) if raw else seconds
        return raw or None
