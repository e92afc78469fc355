# amaranth: UnusedElaboratable=no
"""Programs over the host link: loaded once for many maps, refused, and results that come in any order."""

import numpy as np
import pytest
from tests.hw.echo_engine import REFUSED
from tests.hw.link_line import SIZES, beats, new_line

from zeroskip.link.answer import LinkError
from zeroskip.link.driver import Device
from zeroskip.link.frame import Command, Unstuffer
from zeroskip.link.loadable import Loadable
from zeroskip.spec.axi import BEAT_BYTES


def echo_program(size, image, *, error=0, parts=(), stays=True):
    """A program for an echo that gives an image's beats back, in their order."""
    program = beats(3, 9, size)
    program[-1, :4] = np.frombuffer((REFUSED | error).to_bytes(4, "little"), np.uint8) if error else 0
    return Loadable(beats=program, shape=(image, size), dtype="uint8", encode=lambda own: own.copy(), stays=stays,
                    decode=lambda found: 255 - found, result_beats=image, parts=parts)


@pytest.mark.parametrize(("beat_bytes", "number_bits"), SIZES)
def test_a_program_is_loaded_once_for_any_number_of_maps(beat_bytes, number_bits):
    """Numbered beats come out of order, and are put in order; the counters run over each batch."""
    image = 6
    line = new_line(beat_bytes=beat_bytes, number_bits=number_bits, image_beats=image)
    device = Device(line, seconds=0.02, patience=0.01, clock=line.now)
    device.connect()
    device.load(echo_program(beat_bytes, image), maps=3)
    swapped = np.arange(image) ^ (number_bits > 0)
    for batch, count in enumerate((3, 1, 8)):
        maps = [beats(image, 100 * batch + number, beat_bytes) for number in range(count)]
        for sent, found in zip(maps, device.infer(maps), strict=True):
            np.testing.assert_array_equal(found, sent[swapped])
        counts = device.counters()
        assert [counts[name] for name in ("load", "map_beats", "result_beats")] == [
            0 if batch else 3, image * count, image * count]
    assert device.infer([]) == []
    with pytest.raises(ValueError, match=rf"map: found uint8 \(5, {beat_bytes}\), expected uint8 \(6, {beat_bytes}\)"):
        device.infer([beats(5, 0, beat_bytes)])
    with pytest.raises(ValueError, match="map: found int8"):
        device.infer([beats(image, 0, beat_bytes).view(np.int8)])
    device.reset()
    with pytest.raises(ValueError, match="no program was loaded, expected one before a map"):
        device.infer([beats(image, 0, beat_bytes)])


def test_a_program_that_does_not_stay_is_sent_with_each_map():
    line = new_line()
    device = Device(line, seconds=0.02, patience=0.01, clock=line.now)
    device.connect()
    device.load(echo_program(BEAT_BYTES, 4, stays=False))
    for _ in range(2):
        maps = [beats(4, seed) for seed in range(2)]
        np.testing.assert_array_equal(device.infer(maps), maps)
        assert device.counters()["load"] == 3


def test_the_map_waits_for_the_program_before_it():
    """A map that came too early would be for the program before, where that has stayed."""
    line = new_line(image_beats=1, delay=300)
    device = Device(line, seconds=0.02, patience=0.01, clock=line.now)
    device.connect()
    device.load(echo_program(BEAT_BYTES, 1))
    sent, taken = [], line.write

    def write(raw):
        (content,) = Unstuffer().feed(raw)
        if content[1] == Command.MAP:
            sent.append(device.waits)
        taken(raw)

    line.write = write
    device.run(beats(20), beats(2), 2, 2)
    assert sent and not any(sent)


@pytest.mark.parametrize(("error", "why"), [(4, "its checksum is wrong"), (9, "there is error 9")])
def test_a_program_that_is_refused(error, why):
    line = new_line(image_beats=2)
    device = Device(line, seconds=0.02, patience=0.01, clock=line.now)
    device.connect()
    with pytest.raises(LinkError, match=f"the program was refused: the engine says that {why}$"):
        device.load(echo_program(BEAT_BYTES, 2, error=error))
    with pytest.raises(ValueError, match="no program was loaded"):
        device.infer([beats(2)])
    device.load(echo_program(BEAT_BYTES, 2))
    np.testing.assert_array_equal(device.infer([beats(2)]), [beats(2)])


def test_numbers_that_do_not_fit():
    """An odd result of the echo has a number beyond its last beat; without an image's size all have the same."""
    line = new_line(beat_bytes=4, number_bits=9, image_beats=3)
    device = Device(line, seconds=0.02, patience=0.01, clock=line.now)
    device.connect()
    with pytest.raises(LinkError, match="with a beat numbered 3, expected 0 to 2"):
        device.run(beats(1, size=4), beats(3, size=4), 3)
    line = new_line(beat_bytes=4, number_bits=9)
    device = Device(line, seconds=0.02, patience=0.01, clock=line.now)
    device.connect()
    with pytest.raises(LinkError, match="with beat 1 twice, expected each number from 0 to 3 once"):
        device.run(beats(1, size=4), beats(4, size=4), 4)
