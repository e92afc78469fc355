# amaranth: UnusedElaboratable=no
"""The host link, byte by byte and by the driver, around an engine that answers each beat with its complement."""

import os
import threading

import numpy as np
import pytest
from tests.hw.link_line import SIZES, beats, damaging, new_line

from zeroskip.link import driver, frame
from zeroskip.link.driver import Device, LinkError
from zeroskip.link.frame import (
    ANSWER_HEAD,
    BUFFER_BYTES,
    CRC_BYTES,
    LAST,
    REQUEST_HEAD,
    WAITS,
    BeatSize,
    Command,
    Status,
    Unstuffer,
    number_bytes,
    stuff,
)
from zeroskip.link.host_link import QUEUE_BYTES
from zeroskip.link.serial_line import SerialLine
from zeroskip.spec.axi import BEAT_BYTES, IDENTITY, REGISTERS


class Raw:
    """Requests by hand."""

    def __init__(self, **engine):
        self.line, self._unstuffer = new_line(**engine), Unstuffer()

    def ask(self, sequence, command, arguments=b""):
        """Status, flags and values of the answer; None where none comes."""
        self.line.write(stuff(bytes([sequence, command]) + arguments))
        answers = []
        while not answers:
            if not (raw := self.line.read(0.003)):
                return None
            answers = self._unstuffer.feed(raw)
        (answer,) = answers
        assert answer[0] == sequence
        self.errors, self.room = answer[2], tuple(answer[3:5])
        return Status(answer[1]), answer[5], answer[ANSWER_HEAD:]


@pytest.fixture
def raw():
    return Raw()


def test_in_step(raw):
    """Nothing is done before HELLO, nor out of order; HELLO may come with any number."""
    register = REGISTERS["id"].address.to_bytes(2, "little")
    assert raw.ask(0, Command.REGISTER, register)[0] == Status.OUT_OF_STEP
    assert raw.ask(200, Command.HELLO)[0] == Status.OK
    assert raw.ask(202, Command.REGISTER, register)[0] == Status.OUT_OF_STEP
    assert raw.ask(201, Command.REGISTER, register) == (Status.OK, 0, IDENTITY.to_bytes(4, "little"))
    assert raw.ask(199, Command.REGISTER, register)[0] == Status.OUT_OF_STEP
    assert raw.ask(201, Command.HELLO)[0] == Status.OK
    assert raw.ask(202, Command.REGISTER, register)[0] == Status.OK


def test_a_request_said_twice_is_done_once(raw):
    raw.ask(0, Command.HELLO)
    sent = beats(3)
    raw.ask(1, Command.PROGRAM, bytes([LAST]) + beats(1).tobytes())
    for _ in range(2):
        assert raw.ask(2, Command.MAP, bytes([0]) + sent.tobytes())[0] == Status.OK
    first = raw.ask(3, Command.RESULT, bytes([2]))
    assert first == (Status.OK, 0, (255 - sent[:2]).tobytes())
    assert raw.ask(3, Command.RESULT, bytes([2])) == first
    assert raw.ask(4, Command.RESULT, bytes([31])) == (Status.OK, 0, (255 - sent[2:]).tobytes())
    assert raw.ask(5, Command.RESULT, bytes([31])) == (Status.OK, 0, b"")
    address = REGISTERS["map_beats"].address.to_bytes(2, "little")
    assert raw.ask(6, Command.REGISTER, address)[2] == (3).to_bytes(4, "little")


@pytest.mark.parametrize(("command", "arguments"), [
    (17, b""), (7, b""), (Command.PROGRAM, b""), (Command.PROGRAM, b"\0"), (Command.MAP, b"\0" + bytes(15)),
    (Command.MAP, b"\0" + bytes(17)), (Command.RESULT, b""), (Command.RESULT, b"\0"), (Command.RESULT, b"\x20"),
    (Command.REGISTER, b"\0"), (Command.REGISTER, b"\1\0"), (Command.REGISTER, b"\0\x80"),
    (Command.REGISTER, (4 * len(REGISTERS)).to_bytes(2, "little")),
    (Command.WRITE, bytes([12, 0, 1, 0, 0])), (Command.WRITE, bytes([12, 0, 1, 0, 0, 0, 0])),
    (Command.WRITE, bytes([13, 0, 1, 0, 0, 0])), (Command.WRITE, (4 * len(REGISTERS)).to_bytes(2, "little") + bytes(4)),
])
def test_what_does_not_fit_is_refused(raw, command, arguments):
    raw.ask(0, Command.HELLO)
    assert raw.ask(1, command, arguments) == (Status.WRONG, 0, b"")
    assert raw.ask(2, Command.REGISTER, b"\0\0")[2] == IDENTITY.to_bytes(4, "little")


@pytest.mark.parametrize(("beat_bytes", "number_bits"), SIZES)
def test_beats_of_any_size(beat_bytes, number_bits):
    """HELLO says how large they are; a frame may be full and no fuller; numbers travel behind beats."""
    number, offset = number_bytes(number_bits), 0x51234 & (1 << number_bits) - 8
    size = BeatSize(data=beat_bytes, number=number)
    raw = Raw(beat_bytes=beat_bytes, number_bits=number_bits, image_beats=size.in_request, first_number=offset)
    assert raw.ask(0, Command.HELLO) == (Status.OK, 0, bytes([beat_bytes, number]))
    assert raw.room == (min(255, QUEUE_BYTES // beat_bytes),) * 2
    for wrong in (beat_bytes - 1, (size.in_request + 1) * beat_bytes):
        fits = REQUEST_HEAD + 1 + wrong + CRC_BYTES <= BUFFER_BYTES
        assert raw.ask(1, Command.MAP, bytes(1 + wrong)) == ((Status.WRONG, 0, b"") if fits else None)
        raw.ask(0, Command.HELLO)
    raw.ask(1, Command.PROGRAM, bytes([LAST]) + bytes(beat_bytes))
    sent = beats(size.in_request, 3, beat_bytes)
    assert raw.ask(2, Command.MAP, bytes([LAST]) + sent.tobytes())[0] == Status.OK
    assert raw.ask(3, Command.RESULT, bytes([size.in_answer + 1]))[0] == Status.WRONG
    found, sequence = b"", 4
    while len(found) < len(sent) * size.answered:
        status, flags, values = raw.ask(sequence, Command.RESULT, bytes([size.in_answer]))
        assert status == Status.OK and len(values) <= size.in_answer * size.answered
        found += values
        assert flags == (LAST if len(found) == len(sent) * size.answered else 0)
        sequence += 1
    rows = np.frombuffer(found, np.uint8).reshape(-1, size.answered)
    np.testing.assert_array_equal(rows[:, :beat_bytes], 255 - sent)
    if number:
        numbers = [int.from_bytes(row[beat_bytes:].tobytes(), "little") for row in rows]
        assert numbers == [(at ^ 1) + offset & (1 << number_bits) - 1 for at in range(len(sent))]


def test_a_register_is_set(raw):
    """By all four bytes; once, where the request is said twice."""
    raw.ask(0, Command.HELLO)
    address = REGISTERS["results"].address.to_bytes(2, "little")
    for _ in range(2):
        assert raw.ask(1, Command.WRITE, address + (3).to_bytes(4, "little")) == (Status.OK, 0, b"")
    raw.ask(2, Command.PROGRAM, bytes([LAST]) + beats(1).tobytes())
    raw.ask(3, Command.MAP, bytes([LAST]) + beats(2).tobytes())
    raw.ask(4, Command.RESULT, bytes([31]))
    total = REGISTERS["total"].address.to_bytes(2, "little")
    first, second = (raw.ask(number, Command.REGISTER, total)[2] for number in (5, 6))
    assert int.from_bytes(second, "little") > int.from_bytes(first, "little")  # two results more are waited for
    assert raw.ask(7, Command.WRITE, REGISTERS["control"].address.to_bytes(2, "little") + bytes([1, 0, 0, 0]))[0] == 0
    assert raw.ask(8, Command.REGISTER, total)[2] == bytes(4)


def test_an_answer_tells_whether_the_program_waits(raw):
    """Until the engine has taken its last beat, which an engine at work does not."""
    raw.ask(0, Command.HELLO)
    raw.ask(1, Command.PROGRAM, bytes([LAST]) + beats(1).tobytes())
    assert raw.ask(2, Command.REGISTER, b"\0\0")[1] == 0
    assert raw.ask(3, Command.PROGRAM, bytes([LAST]) + beats(1).tobytes())[1] == WAITS
    assert raw.ask(4, Command.REGISTER, b"\0\0")[1] == WAITS
    assert raw.ask(5, Command.MAP, bytes([LAST]) + beats(1).tobytes())[1] == WAITS
    assert raw.ask(6, Command.RESULT, bytes([31]))[:2] in ((Status.OK, LAST), (Status.OK, LAST | WAITS))
    assert raw.ask(7, Command.REGISTER, b"\0\0")[1] == 0
    assert raw.ask(8, Command.PROGRAM, bytes([LAST]) + beats(3).tobytes())[1] == WAITS
    assert raw.ask(9, Command.RESET)[1] == 0


def test_too_long_a_frame_is_dropped(raw):
    raw.ask(0, Command.HELLO)
    assert raw.ask(1, Command.MAP, bytes(BUFFER_BYTES)) is None
    assert raw.ask(1, Command.REGISTER, b"\0\0")[0] == Status.OK
    assert raw.errors == 1


def test_no_room_and_room_again(raw):
    """The map waits in its queue while no program is there; RESET empties it."""
    raw.ask(0, Command.HELLO)
    whole = QUEUE_BYTES // BEAT_BYTES
    assert raw.room == (whole, whole)
    for sequence in (1, 2):
        assert raw.ask(sequence, Command.MAP, b"\0" + bytes(31 * BEAT_BYTES))[0] == Status.OK
    assert raw.ask(3, Command.MAP, b"\0" + bytes(4 * BEAT_BYTES))[0] == Status.BUSY
    assert raw.room[0] == whole and raw.room[1] < 4
    assert raw.ask(4, Command.RESET)[0] == Status.OK
    assert raw.room == (whole, whole)


def test_the_driver_runs_programs():
    line = new_line()
    device = Device(line, seconds=0.02, patience=0.01, clock=line.now)
    device.connect()
    for count in (1, 70):
        sent = beats(count, seed=count)
        np.testing.assert_array_equal(device.run(beats(count), sent, count), 255 - sent)
        assert device.counters()["map_beats"] == count
    assert (device.sent_again, device.bad_frames, device.bad_answers) == (0, 0, 0)
    with pytest.raises(LinkError, match="3 beats of the result came, expected 4"):
        device.run(beats(1), beats(3), 4)
    device.reset()
    with pytest.raises(LinkError, match=r"nothing moves: 0 frames of the program and 3 of the map are left, 0 of 1 .*"
                                        r"the result came$"):
        device.run(np.zeros((0, BEAT_BYTES), np.uint8), beats(150), 1)
    device.reset()
    np.testing.assert_array_equal(device.run(beats(2), beats(2), 2), 255 - beats(2))


def test_nothing_is_left_of_a_run_that_was_cut_off():
    """The beats of half a run wait on the board when another driver connects."""
    line = new_line()
    first = Device(line, seconds=0.02, clock=line.now)
    first.connect()
    first._request(Command.PROGRAM, b"\0" + beats(3, 1).tobytes())
    first._request(Command.MAP, b"\0" + beats(3, 2).tobytes())
    second = Device(line, seconds=0.02, clock=line.now)
    second.connect()
    np.testing.assert_array_equal(second.run(beats(2, 3), beats(4, 4), 4), 255 - beats(4, 4))


def test_an_engine_that_takes_long_is_waited_for():
    """More than eight answers without a beat, 1,024 cycles each, come between two beats of its result."""
    line = new_line(delay=12_000)
    device = Device(line, seconds=0.02, patience=0.05, clock=line.now)
    device.connect()
    np.testing.assert_array_equal(device.run(beats(1), beats(2), 2), 255 - beats(2))
    with pytest.raises(LinkError, match="nothing moves: 0 frames of the program and 0 of the map are left, 1 of 2"):
        device._patience = 0.003
        device.reset()
        device.run(beats(1), beats(2), 2)


@pytest.mark.parametrize("seed", range(2))
def test_a_bad_line_costs_time_and_nothing_else(seed, monkeypatch):
    monkeypatch.setattr(frame, "VALUE_BYTES", 5 * BEAT_BYTES)
    damage = damaging(0.01, seed)
    line = new_line(damage)
    device = Device(line, seconds=0.001, tries=40, clock=line.now)
    device.connect()
    sent = beats(30, seed)
    np.testing.assert_array_equal(device.run(beats(8), sent, 30), 255 - sent)
    assert device.counters()["map_beats"] == 30
    assert min(damage.count.values()) > 3
    assert device.sent_again > 5 and device.bad_frames > 2 and device.bad_answers > 2


def test_a_line_without_a_board_and_a_wrong_board(monkeypatch):
    class Dead:
        def write(self, raw):
            self.raw = raw

        def read(self, seconds):
            return b""

    ticks = iter(range(1000))
    with pytest.raises(LinkError, match="no answer to HELLO, sent 3 times"):
        Device(Dead(), tries=3, clock=lambda: next(ticks)).connect()
    monkeypatch.setattr(driver, "IDENTITY", 0x12345678)
    line = new_line()
    with pytest.raises(LinkError, match=f"register id: found {IDENTITY:#010x}, expected 0x12345678"):
        Device(line, seconds=0.01, clock=line.now).connect()


def test_a_board_that_was_reset_is_out_of_step():
    line = new_line()
    device = Device(line, seconds=0.01, clock=line.now)
    device.connect()
    device._transport = new_line()
    device._clock = device._transport.now
    with pytest.raises(LinkError, match="REGISTER was answered OUT_OF_STEP"):
        device.register("status")


def test_the_driver_sees_a_beat_too_many():
    line = new_line()
    device = Device(line, seconds=0.02, patience=0.01, clock=line.now)
    device.connect()
    with pytest.raises(LinkError, match="5 beats of the result came, expected 4: RESULT was answered with 5 more"):
        device.run(beats(1), beats(5), 4)
    device.connect()
    np.testing.assert_array_equal(device.run(beats(1), beats(4), 4), 255 - beats(4))


def test_the_serial_port_gives_what_came():
    line = SerialLine("loop://", 115_200)
    assert line.write(b"abc") == 3
    found = b""
    while len(found) < 3:
        found += line.read(1.0)
    assert found == b"abc"
    assert line.read(0.01) == b""
    line.close()


@pytest.fixture
def terminal():
    """A serial port whose other end this test holds; that end, and the port's name."""
    pty = pytest.importorskip("pty")
    other, port = pty.openpty()
    yield other, os.ttyname(port)
    for end in (other, port):
        os.close(end)


def test_a_port_that_takes_nothing(terminal):
    """Nobody reads at the other end, until the system's buffer is full."""
    other, name = terminal
    line = SerialLine(name, 115_200, write_seconds=0.05)
    else_it_hangs = threading.Timer(10.0, os.close, [other])
    else_it_hangs.start()
    with pytest.raises(LinkError, match="MAP could not be sent, the line failed: SerialTimeoutException"):
        Device(line, seconds=0.001, tries=1000)._request(Command.MAP, b"\0" + bytes(31 * BEAT_BYTES))
    else_it_hangs.cancel()
    line.close()


def test_a_port_that_is_closed(terminal):
    _, name = terminal
    line = SerialLine(name, 115_200)
    line.close()
    with pytest.raises(LinkError, match="HELLO could not be sent, the line failed: PortNotOpenError"):
        Device(line).connect()


@pytest.mark.parametrize("when", ["before", "while it is waited for"])
def test_a_board_that_is_unplugged(when):
    pty = pytest.importorskip("pty")
    other, port = pty.openpty()
    line = SerialLine(os.ttyname(port), 115_200)
    if when == "before":
        os.close(other)
    else:
        threading.Timer(0.1, os.close, [other]).start()
    with pytest.raises(LinkError, match=r"HELLO.*, the line failed: "):
        Device(line, seconds=5.0).connect()
    line.close()
    os.close(port)
