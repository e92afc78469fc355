"""Programs read back from their beats: what was written comes out, and what is no program is refused."""

import numpy as np
import pytest
from tests.hw.cycles.programs import ONE, TWO, by_hand, layer_program, listed
from tests.hw.layers import random_layer

from zeroskip.cycles.decode import DecodeError, arrays, codes, decode, rows
from zeroskip.spec.words import Op


@pytest.fixture(name="program")
def _program():
    layer = random_layer(1, filters=5, channels=3, size=(6, 7), padding=(1, 1))
    return layer_program(TWO, layer, look=True)[0]


def test_memories_come_back_as_they_were_written(program):
    decoded = decode(TWO, program.beats())
    assert decoded.lists == [list(words) for words in program.lists]
    assert decoded.instructions == [list(words) for words in program.instructions]
    assert decoded.setup == dict(program.setup)
    assert decoded.beats == len(program.beats())


def test_entries_are_read_from_their_bits():
    entries = [{"offset": 3, "weight": -128, "kind": 1, "signed": 1}, {"offset": 250, "weight": 127},
               {"offset": 1, "weight": 0, "kind": 0}, {"offset": 9, "weight": 5, "kind": 3}]
    program = by_hand(ONE, listed(ONE, entries, bias=-7), [{"words": 1}], {}, map_words=1, result_words=1)
    found = arrays(decode(ONE, program.beats()))
    words = slice(ONE.header_words, None)
    assert found.offset[0, words].ravel().tolist() == [3, 250, 1, 9]
    assert found.weight[0, words].ravel().tolist() == [-128, 127, 0, 5]
    assert found.kind[0, words].ravel().tolist() == [1, 0, 0, 3]
    assert found.signed[0, words].ravel().tolist() == [1, 0, 0, 0]
    assert found.wanted[0, words].tolist() == [3, 2]
    assert found.always[0, words].tolist() == [0, 2]


def test_instructions_have_their_fields_and_a_job_its_header():
    program = by_hand(ONE, listed(ONE, [{"weight": 1}], bias=-7, multiplier=9, shift=3),
                      [{"list": 0, "words": 0, "first": 2, "vectors": 4, "dest": 8, "column": 1, "final": 1}],
                      {"pitch": 5, "low": -3, "plane": 17}, map_words=1, result_words=1)
    found = rows(decode(ONE, program.beats()))[0]
    assert found[0, :3].tolist() == [Op.SYNC, 0, 1]
    assert found[2, :3].tolist() == [Op.CONFIGURE, 0, 5]
    assert found[3, 9] == -3 and found[4, 2] == 17
    assert found[5, :13].tolist() == [Op.JOB, 0, 0, 2, 4, 8, 1, 1, -7, 9, 3, 0, 0]


def test_tables_are_the_low_bytes_of_instructions():
    program = by_hand(ONE, listed(ONE, [{"weight": 1}]), [{}], {}, map_words=1, result_words=1)
    program.tables[16] = [0x04030201, 0x08070605]
    found = codes(decode(ONE, program.beats()))
    assert found[0, 64:72].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_broken_programs_are_refused(program):
    beats = program.beats().copy()
    with pytest.raises(DecodeError, match="cut off"):
        decode(TWO, beats[:-3])
    with pytest.raises(DecodeError, match="goes on after its end"):
        decode(TWO, np.concatenate([beats, beats[:1]]))
    with pytest.raises(DecodeError, match="no program for this configuration"):
        decode(ONE, beats.reshape(-1, ONE.banks))
    with pytest.raises(DecodeError, match="beats have 8 bytes each"):
        decode(TWO, beats.reshape(-1, 4))
    beats[len(beats) // 2, 0] ^= 1
    with pytest.raises(DecodeError):
        decode(TWO, beats)
