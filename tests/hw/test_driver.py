"""The host's driver and a board that does not keep to the protocol: every call ends, with a sentence."""

import errno
import itertools
import tracemalloc
from collections import deque

import numpy as np
import pytest
import serial

from zeroskip.link import driver, frame
from zeroskip.link.answer import LinkError
from zeroskip.link.driver import Device
from zeroskip.link.frame import (
    ANSWER_BYTES,
    ANSWER_HEAD,
    ANSWER_LINE_BYTES,
    CRC_BYTES,
    LAST,
    WAITS,
    BeatSize,
    Command,
    Status,
    Unstuffer,
    stuff,
)
from zeroskip.link.loadable import Loadable
from zeroskip.spec.axi import BEAT_BYTES, ERROR_AT, IDENTITY, REGISTERS
from zeroskip.spec.program import ERRORS

SECONDS, TRIES, PATIENCE = 0.01, 3, 0.02
A_BYTE = 1e-6
MOST_LOOKS = 100_000
"""At the clock, in one test."""
IDENTITY_VALUE = IDENTITY.to_bytes(4, "little")
BEATS_IN_A_FRAME = BeatSize(data=BEAT_BYTES).in_request


def says(sequence, *, status=Status.OK, room=(64, 64), flags=0, values=b""):
    """The content of an answer."""
    return bytes([sequence, status, 0, *room, flags]) + values


def honest(sequence, command, arguments, *, size=(BEAT_BYTES, 0)):
    """A board whose only register that is not zero is `id`, with a result of one beat."""
    is_id = int.from_bytes(arguments[:2], "little") == REGISTERS["id"].address
    values = {Command.HELLO: bytes(size), Command.REGISTER: IDENTITY_VALUE if is_id else bytes(4),
              Command.RESULT: bytes(sum(size))}.get(command, b"")
    return says(sequence, flags=LAST if command == Command.RESULT else 0, values=values)


class Board:
    """A line with its own clock, on which every request gets what `answer` gives: a content, raw bytes, or several."""

    def __init__(self, answer=honest):
        self.answer, self.now, self.asked = answer, 0.0, []
        self._out, self._unstuffer = deque(), Unstuffer()

    def write(self, raw):
        for content in self._unstuffer.feed(raw):
            sequence, command = content[:2]
            self.asked.append(Command(command))
            answers = self.answer(sequence, Command(command), content[2:])
            self._out.extend(map(stuff, [answers] if isinstance(answers, bytes) else answers))

    def read(self, seconds):
        raw = self._out.popleft() if self._out else b""
        self.now += A_BYTE * len(raw) if raw else seconds
        return raw


def device_of(board, *, stands=False, **changes):
    """A driver that is stopped where it goes on and on; its clock may stand still."""
    looks = itertools.count()

    def clock():
        assert next(looks) < MOST_LOOKS
        return 0.0 if stands else board.now

    return Device(board, **{"seconds": SECONDS, "tries": TRIES, "patience": PATIENCE, "clock": clock} | changes)


def beats(count):
    return np.arange(count * BEAT_BYTES, dtype=np.uint8).reshape(-1, BEAT_BYTES)


def lies(about, **answer):
    """Honest, but for one command."""
    return lambda sequence, command, arguments: (
        says(sequence, **answer) if command == about else honest(sequence, command, arguments))


def fails(device, board, lie, sentence):
    """It is in step, then the board lies; afterwards it is of use again."""
    device.connect()
    board.answer = lie
    with pytest.raises(LinkError, match=sentence):
        device.connect()
        device.run(beats(1), beats(40), 1)
    board.answer = honest
    device.connect()
    np.testing.assert_array_equal(device.run(beats(1), beats(40), 1), np.zeros((1, BEAT_BYTES)))


ANSWERS_THAT_CANNOT_BE = [
    (Command.HELLO, {"status": Status.BUSY}, "HELLO was answered BUSY, expected OK$"),
    (Command.RESET, {"status": Status.BUSY}, "RESET was answered BUSY, expected OK$"),
    (Command.REGISTER, {"status": Status.BUSY}, "REGISTER was answered BUSY, expected OK$"),
    (Command.RESULT, {"status": Status.BUSY}, "RESULT was answered BUSY, expected OK$"),
    (Command.PROGRAM, {"status": Status.WRONG}, "PROGRAM was answered WRONG, expected OK or BUSY$"),
    (Command.RESULT, {"status": Status.OUT_OF_STEP}, "RESULT was answered OUT_OF_STEP, expected OK$"),
    (Command.HELLO, {"status": 200}, "HELLO was answered status 200, expected OK$"),
    (Command.HELLO, {"values": b""}, "HELLO was answered with 0 bytes of values, expected 2"),
    (Command.HELLO, {"values": b"\x10\0\0"}, "HELLO was answered with 3 bytes of values, expected 2"),
    (Command.HELLO, {"values": b"\x0c\0"}, "HELLO was answered with beats of 12 bytes and numbers of 0, expected one"),
    (Command.HELLO, {"values": b"\x40\0"}, "beats of 64 bytes and numbers of 0, expected one of 4, 8, 16, 32 and at m"),
    (Command.HELLO, {"values": b"\x04\4"}, "HELLO was answered with beats of 4 bytes and numbers of 4, expected one o"),
    (Command.RESET, {"values": bytes(4)}, "RESET was answered with 4 bytes of values, expected 0"),
    (Command.MAP, {"values": bytes(16)}, "MAP was answered with 16 bytes of values, expected 0"),
    (Command.PROGRAM, {"status": Status.BUSY, "values": b"1"}, "PROGRAM was answered with 1 bytes of values, expected"),
    (Command.REGISTER, {"values": b""}, "REGISTER was answered with 0 bytes of values, expected 4"),
    (Command.REGISTER, {"values": bytes(3)}, "REGISTER was answered with 3 bytes of values, expected 4"),
    (Command.REGISTER, {"values": bytes(5)}, "REGISTER was answered with 5 bytes of values, expected 4"),
    (Command.RESULT, {"values": bytes(17)}, "RESULT was answered with 17 bytes of values, expected 0 to 31 beats"),
    (Command.RESULT, {"values": bytes(15)}, "RESULT was answered with 15 bytes of values, expected 0 to 31 beats"),
    (Command.WRITE, {"status": Status.WRONG}, "WRITE was answered WRONG, expected OK$"),
    (Command.WRITE, {"values": bytes(4)}, "WRITE was answered with 4 bytes of values, expected 0"),
    (Command.HELLO, {"flags": 4, "values": b"\x10\0"}, "HELLO .* flags 4 and 2 bytes of values, expected flags 0 or"),
    (Command.PROGRAM, {"flags": LAST}, "PROGRAM was answered with flags 1 and 0 bytes of values, expected flags 0 or"),
    (Command.REGISTER, {"flags": LAST, "values": IDENTITY_VALUE}, "REGISTER was answered with flags 1 and 4 bytes"),
    (Command.RESULT, {"flags": LAST}, "RESULT was answered with flags 1 and 0 bytes of values, expected flags 0 or"),
    (Command.RESULT, {"flags": 5, "values": bytes(16)}, "RESULT .* flags 5 and 16 bytes of values, expected flags 0 "),
    (Command.REGISTER, {"values": bytes(4)}, f"register id: found 0x00000000, expected {IDENTITY:#010x}"),
]


@pytest.mark.parametrize(("command", "answer", "sentence"), ANSWERS_THAT_CANNOT_BE)
def test_an_answer_that_cannot_be_is_an_error_at_once(command, answer, sentence):
    board = Board()
    device = device_of(board)
    fails(device, board, lies(command, **answer), sentence)
    assert device.sent_again == 0


@pytest.mark.parametrize("length", range(1, ANSWER_HEAD))
def test_less_than_a_head(length):
    """A plug that gives back what was sent is such a board: a request's head is two bytes."""
    board = Board()
    fails(device_of(board), board, lambda sequence, command, arguments: says(sequence)[:length],
          f"HELLO was answered with {length} bytes, expected the {ANSWER_HEAD} of a head at least")


def test_more_beats_than_were_asked_for(monkeypatch):
    monkeypatch.setattr(frame, "VALUE_BYTES", 5 * BEAT_BYTES)
    board = Board()
    fails(device_of(board), board, lies(Command.RESULT, values=bytes(6 * BEAT_BYTES)),
          "RESULT was answered with 96 bytes of values, expected 0 to 5 beats of 16")


def test_the_longest_answer_is_taken_and_a_longer_one_is_not():
    board = Board(lies(Command.RESULT, flags=LAST, values=bytes(BEATS_IN_A_FRAME * BEAT_BYTES)))
    device = device_of(board)
    device.connect()
    assert len(device.run(beats(1), beats(1), BEATS_IN_A_FRAME)) == BEATS_IN_A_FRAME
    longer = bytes(ANSWER_BYTES - ANSWER_HEAD - CRC_BYTES + 1)
    fails(device, board, lies(Command.RESULT, values=longer),
          "no answer to RESULT, sent 3 times: .* with 3 damaged frames and 0 answers to others")


@pytest.mark.parametrize(("came", "flags", "sentence"), [
    ((3,), LAST, "3 beats of the result came, expected 4: RESULT was answered with 3 more, the last one marked"),
    ((5,), LAST, "5 beats of the result came, expected 4: RESULT was answered with 5 more, the last one marked"),
    ((1, 1, 1, 1, 31), 0, "35 beats of the result came, expected 4: RESULT was answered with 31 more, and no last"),
    ((4,), 0, "0 of the map are left, 4 of 4 beats of the result came, none marked as the last"),
    ((2,), 0, "0 of the map are left, 2 of 4 beats of the result came$"),
    ((), 0, "nothing moves: 0 frames of the program and 0 of the map are left, 0 of 4"),
])
def test_too_few_and_too_many_beats(came, flags, sentence):
    left = itertools.chain(came, itertools.repeat(0))

    def answer(sequence, command, arguments):
        if command != Command.RESULT:
            return honest(sequence, command, arguments)
        count = next(left)
        return says(sequence, flags=flags if count else 0, values=bytes(count * BEAT_BYTES))

    board = Board(answer)
    device = device_of(board)
    device.connect()
    with pytest.raises(LinkError, match=sentence):
        device.run(beats(1), beats(1), 4)


def test_beats_after_the_last():
    """There is no room for the second frame of the map, so that results are asked for though the last has come."""
    full = {"room": (64, 1)}
    board = Board(lambda sequence, command, arguments: says(
        sequence, flags=LAST, values=bytes(BEAT_BYTES), **full) if command == Command.RESULT else says(sequence, **full)
        if command in (Command.PROGRAM, Command.MAP) else honest(sequence, command, arguments))
    device = device_of(board)
    device.connect()
    with pytest.raises(LinkError, match="2 beats of the result came, expected 1: RESULT was answered with 1 more, a"):
        device.run(beats(1), beats(40), 1)


@pytest.mark.parametrize("lie", [{"status": Status.BUSY}, {"status": Status.BUSY, "room": (0, 0)}])
def test_busy_for_ever(lie):
    def answer(sequence, command, arguments):
        return says(sequence) if command == Command.RESULT else lies(Command.MAP, **lie)(sequence, command, arguments)

    board = Board(answer)
    device = device_of(board)
    device.connect()
    with pytest.raises(LinkError, match="nothing moves: 0 frames of the program and 2 of the map are left, 0 of 1"):
        device.run(beats(1), beats(40), 1)
    assert board.now < 2 * PATIENCE


@pytest.mark.parametrize("stands", [False, True])
def test_a_program_that_is_never_taken(stands):
    """Its map is not sent then, for it could be taken for one of the program before."""
    board = Board(lambda sequence, command, arguments: honest(sequence, command, arguments)[:5] + bytes([WAITS])
                  + honest(sequence, command, arguments)[6:])
    device = device_of(board, stands=stands)
    device.connect()
    with pytest.raises(LinkError, match="nothing moves: 0 frames of the program are left, and beats of it wait"):
        device.run(beats(1), beats(1), 1)
    assert Command.MAP not in board.asked


@pytest.mark.parametrize(("when", "sentence"), [
    (Command.RESULT, f"the results may be wrong: the engine says that {ERRORS[7]}$"),
    (Command.MAP, f"nothing moves: .*, 0 of 1 beats of the result came: the engine says that {ERRORS[7]}$"),
    (Command.PROGRAM, f"the program was refused: the engine says that {ERRORS[7]}$"),
])
def test_what_the_engine_says_is_wrong(when, sentence):
    """In its status, from some request on; with no result where it was said before."""
    wrong = []

    def answer(sequence, command, arguments):
        wrong.extend([command] * (command == when))
        if wrong and command == Command.REGISTER and arguments[0] == REGISTERS["status"].address:
            return says(sequence, values=(7 << ERROR_AT).to_bytes(4, "little"))
        if wrong == [Command.MAP] and command == Command.RESULT:
            return says(sequence)
        return honest(sequence, command, arguments)

    board = Board(answer)
    device = device_of(board)
    device.connect()
    with pytest.raises(LinkError, match=sentence):
        device.run(beats(1), beats(1), 1)


def test_several_results_each_with_its_last_beat():
    """One that ends too early is an error, which says which; all come in order."""
    packets = iter([(2, LAST), (1, 0), (1, LAST), (2, LAST), (2, LAST), (1, LAST)])

    def answer(sequence, command, arguments):
        if command != Command.RESULT:
            return honest(sequence, command, arguments)
        count, flags = next(packets)
        return says(sequence, flags=flags, values=bytes([sequence]) * count * BEAT_BYTES)

    board = Board(answer)
    device = device_of(board)
    device.connect()
    found = device.run(beats(1), beats(1), 6, 3)
    assert len({bytes(row) for row in found[:2]}) == len({bytes(row) for row in found[4:]}) == 1
    assert [int(row[0]) - int(found[0, 0]) for row in found] == [0, 0, 1, 2, 3, 3]
    with pytest.raises(LinkError, match="1 beats of result 2 came, expected 2: RESULT was answered with 1 more"):
        device.run(beats(1), beats(1), 4, 2)


def numbered(*packets):
    """A board with beats of 4 bytes whose results are these: lists of numbers, and whether the last beat is there."""
    left = iter(packets)

    def answer(sequence, command, arguments):
        if command != Command.RESULT:
            return honest(sequence, command, arguments, size=(4, 2))
        numbers, last = next(left, ((), False))
        values = b"".join(number.to_bytes(4, "little") + number.to_bytes(2, "little") for number in numbers)
        return says(sequence, flags=LAST if last else 0, values=values)

    return Board(answer)


@pytest.mark.parametrize(("packets", "sentence"), [
    ([((2, 0), False), ((2,), True)], "with beat 2 twice, expected each number from 0 to 2 once"),
    ([((1, 0, 1), True)], "with beat 1 twice"),
    ([((0, 3), False)], "with a beat numbered 3, expected 0 to 2"),
    ([((0, 256), False)], "with a beat numbered 256, expected 0 to 2"),
    ([((0, 1), True)], "2 beats of the result came, expected 3"),
    ([((0, 1, 2), False)], "3 of 3 beats of the result came, none marked as the last"),
])
def test_numbers_that_are_no_order(packets, sentence):
    board = numbered(*packets)
    device = device_of(board)
    device.connect()
    map = np.zeros((1, 4), np.uint8)
    with pytest.raises(LinkError, match=sentence):
        device.run(map, map, 3)
    board.answer = numbered(((2,), False), ((0, 1), True)).answer
    device.connect()
    np.testing.assert_array_equal(device.run(map, map, 3)[:, 0], [0, 1, 2])


def test_parts_of_a_program_come_with_each_map():
    """Each a packet of its own, in order; the program itself only once, before any map."""
    sent = []

    def answer(sequence, command, arguments):
        if command in (Command.PROGRAM, Command.MAP):
            sent.append((command, arguments[0], len(arguments) // BEAT_BYTES))
        return honest(sequence, command, arguments)

    board = Board(answer)
    device = device_of(board)
    device.connect()
    device.load(Loadable(beats=beats(2), shape=(1, BEAT_BYTES), dtype="uint8", encode=lambda map: map,
                         decode=lambda found: found, result_beats=1, parts=[beats(1), beats(40)]))
    assert sent == [(Command.PROGRAM, LAST, 2)]
    for _ in range(2):
        sent.clear()
        assert len(device.infer([beats(1)] * 3)) == 3
        assert [own for own in sent if own[0] == Command.PROGRAM] == 3 * [
            (Command.PROGRAM, LAST, 1), (Command.PROGRAM, 0, 31), (Command.PROGRAM, LAST, 9)]
        assert [own for own in sent if own[0] == Command.MAP] == [(Command.MAP, LAST, 3)]


def test_a_clock_that_stands_still():
    """Neither a request nor a layer waits for it: requests for nothing are counted, too."""
    board = Board(lies(Command.RESULT))
    device = device_of(board, stands=True)
    device.connect()
    with pytest.raises(LinkError, match="nothing moves"):
        device.run(beats(1), beats(1), 1)
    assert len(board.asked) <= PATIENCE / driver.QUICKEST_S + 15
    board.answer = lambda *request: []
    reads = []
    board.read = lambda seconds: reads.append(seconds) or b""
    with pytest.raises(LinkError, match="no answer to RESET, sent 3 times: 0 bytes came, with 0 damaged frames and 0"):
        device.reset()
    assert len(reads) <= most_bytes()


def most_bytes():
    """What a request takes at most."""
    return TRIES * 2 * TRIES * ANSWER_LINE_BYTES


ENDLESS = {
    "garbage without a flag": bytes(4096), "flags": b"~" * 4096, "one byte a read": b"U", "escapes": b"\x7d" * 100,
    "a million bytes at once": bytes(1_000_000), "damaged frames": stuff(bytes(50))[:-2] + b"\0~",
    "answers to others": stuff(says(250)) * 10, "half an answer": stuff(says(250))[:4],
    "the shortest frames": stuff(b"\xfa") * 500_000,
}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("clock", ["runs", "stands"])
def test_a_board_that_never_stops(kind, clock):
    """It ends by bytes, not by memory; a board that stops then is of use again."""
    raw, board = ENDLESS[kind], Board()
    device = device_of(board, stands=clock == "stands")
    device.connect()
    quiet, board.read = board.read, lambda seconds: raw
    taken = device.bytes_came
    tracemalloc.start()
    with pytest.raises(LinkError, match=r"no answer to REGISTER, sent 3 times: .* expected one numbered 4$"):
        device.register("status")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert device.bytes_came - taken == most_bytes()
    assert peak < 1_000_000
    board.read = quiet
    board._out.clear()
    device.connect()
    assert device.register("id") == IDENTITY


def test_old_answers_are_passed_over():
    """All that a request sent again can leave behind, at their longest."""
    old = [says(number, values=b"~" * BEATS_IN_A_FRAME * BEAT_BYTES) for number in (251, 252)[: TRIES - 1]]
    board = Board(lambda *request: [*old, honest(*request), honest(*request)])
    device = device_of(board)
    device.connect()
    assert device.register("id") == IDENTITY
    np.testing.assert_array_equal(device.run(beats(1), beats(1), 1), np.zeros((1, BEAT_BYTES)))
    assert device.sent_again == 0 and device.other_answers >= 6 * len(old)


def test_what_came_behind_an_answer_answers_nothing():
    """An answer with the next number, sent before the next request."""
    board = Board(lambda sequence, command, arguments: [honest(sequence, command, arguments), says(sequence + 1)])
    board.read = lambda seconds: b"".join(board._out.popleft() for _ in range(len(board._out)))
    device = device_of(board)
    device.connect()
    assert device.register("id") == IDENTITY


@pytest.mark.parametrize("error", [OSError(errno.EIO, "gone"), serial.SerialException("gone"), TimeoutError("gone"),
                                   serial.SerialTimeoutException("gone")])
def test_a_line_that_is_gone(error):
    def gone(_):
        raise error

    for name, sentence in (("write", "RESET could not be sent, the line failed: .*gone"),
                           ("read", "no answer to RESET, the line failed: .*gone")):
        board = Board()
        device = device_of(board)
        device.connect()
        setattr(board, name, gone)
        with pytest.raises(LinkError, match=sentence) as caught:
            device.reset()
        assert caught.value.__cause__ is error
        with pytest.raises(LinkError, match=sentence.replace("RESET", "HELLO")):
            device.connect()
        delattr(board, name)
        device.connect()


def test_what_a_transport_may_give():
    """Nothing instead of empty; any kind of bytes; how many it sent."""
    for kind in (bytearray, memoryview):
        board = Board()
        plain_read, plain_write = board.read, board.write
        board.read = lambda seconds, kind=kind, read=plain_read: kind(raw) if (raw := read(seconds)) else None
        board.write = lambda raw, write=plain_write: write(raw) or len(raw)
        device = device_of(board)
        device.connect()
        assert device.register("id") == IDENTITY
        board.answer = lambda *request: []
        with pytest.raises(LinkError, match="no answer to RESET, sent 3 times"):
            device.reset()


def test_what_a_transport_may_not_give():
    board = Board()
    device = device_of(board)
    board.read = lambda seconds: "text"
    with pytest.raises(LinkError, match="no answer to HELLO: the line gave str, expected bytes"):
        device.connect()
    del board.read
    board.write = lambda raw: len(raw) - 1
    with pytest.raises(LinkError, match="RESET was not sent: the line took 7 bytes, expected 8"):
        device.reset()
    del board.write
    device.connect()


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"program": beats(2).astype(np.int64)}, r"program: found int64 \(2, 16\), expected uint8 \(beats, 16\)"),
    ({"program": beats(2).reshape(-1)}, r"program: found uint8 \(32,\), expected"),
    ({"map": beats(3).reshape(-1, 8)}, r"map: found uint8 \(6, 8\), expected"),
    ({"map": beats(4).reshape(2, 2, 16)}, r"map: found uint8 \(2, 2, 16\), expected"),
    ({"map": np.uint8(0)}, "map: found uint8, expected"),
    ({"map": np.array(3, np.uint8)}, r"map: found uint8 \(\), exp"),
    ({"map": bytes(16)}, "map: found bytes, expected"),
    ({"result_beats": 0}, "result_beats: found 0, expected a whole number, 1 or more"),
    ({"result_beats": -1}, "result_beats: found -1"), ({"result_beats": 1.0}, "result_beats: found 1.0"),
    ({"result_beats": None}, "result_beats: found None"), ({"results": 0}, "results: found 0, expected a whole"),
    ({"later": [beats(1), beats(2).reshape(-1, 8)]}, r"later: found uint8 \(4, 8\), expected"),
    ({"result_beats": 5, "results": 2}, "result_beats: found 5, expected a multiple of the 2 results"),
])
def test_what_run_refuses(changes, sentence):
    board = Board()
    device = device_of(board)
    device.connect()
    asked = len(board.asked)
    with pytest.raises(ValueError, match=sentence):
        device.run(**{"program": beats(1), "map": beats(1), "result_beats": 1} | changes)
    assert len(board.asked) == asked
    assert len(device.run(beats(1), beats(2)[::2], np.int64(1))) == 1


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"seconds": 0}, "seconds: found 0, expected a finite number more than 0"),
    ({"seconds": float("inf")}, "seconds: found inf"), ({"seconds": float("nan")}, "seconds: found nan"),
    ({"patience": -1}, "patience: found -1, expected a finite number, 0 or more"),
    ({"patience": float("inf")}, "patience: found inf"),
    ({"tries": 0}, "tries: found 0, expected a whole number, 1 or more"),
    ({"tries": 1.5}, r"tries: found 1\.5"),
])
def test_no_wait_without_a_bound(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        device_of(Board(), **changes)
