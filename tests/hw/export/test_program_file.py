"""Programs as files: what is written reads back as the same lists, instructions and setup."""

import dataclasses

import numpy as np
import pytest
from tests.hw.export.networks import SEEDS, SMALL, WIDE, drawn, in_parts, sums

from zerokeep import integer
from zeroskip.cycles import model
from zeroskip.export import program_file
from zeroskip.export.program_file import ProgramFileError
from zeroskip.files.reading import ReadError


@pytest.mark.parametrize("config", [SMALL, WIDE], ids=["small", "wide"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_reads_back_as_the_same_program(tmp_path, seed, config):
    program = drawn(seed, config)[0].program
    path = tmp_path / "net.bin"
    path.write_bytes(program_file.content(program))
    found = program_file.read(path, config)
    assert found.lists == [list(words) for words in program.lists]
    for lane, own in enumerate(program.instructions):
        assert found.instructions[lane][:len(own)] == list(own)
        for address, words in program.tables.items():
            assert found.instructions[lane][address:address + len(words)] == list(words)
    assert found.setup == dict(program.setup) and found.beats * config.banks == path.stat().st_size


def test_a_program_that_reads_back_as_something_else_is_a_fault():
    program = drawn(1)[0].program
    assert program.tables and program_file.content(program)
    wrong = dataclasses.replace(program, lists=[[*program.lists[0][:-1], program.lists[0][-1] ^ 1],
                                                *program.lists[1:]])
    object.__setattr__(wrong, "beats", program.beats)
    with pytest.raises(AssertionError, match="reads back as something else"):
        program_file.content(wrong)


def test_damaged_files_are_refused_by_name(tmp_path):
    raw = bytearray(program_file.content(sums()[0].program))
    path = tmp_path / "net.bin"
    for content, text in ((raw[:-3], f"found {len(raw) - 3} bytes, expected beats of 8 bytes each"),
                          (b"", "found 0 bytes"), (raw[:-8], "cut off"), (raw + bytes(8), "goes on after its end"),
                          (bytes(len(raw)), "no program for this configuration")):
        path.write_bytes(content)
        with pytest.raises(ProgramFileError, match=f"net\\.bin: .*{text}"):
            program_file.read(path, SMALL)
    with pytest.raises(ReadError, match="no such file"):
        program_file.read(tmp_path / "none.bin", SMALL)


def test_no_flipped_bit_goes_unseen_or_is_anything_but_one_error():
    raw = program_file.content(sums()[0].program)
    rng = np.random.default_rng(0)
    checked = 8 * len(raw) - 64  # half of the last piece is no part of the checksum
    for bit in {*range(300), *map(int, rng.integers(0, checked, 200)), checked - 1}:
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProgramFileError, match=r"^x\.bin: no program that can be taken: "):
            program_file.parse(bytes(flipped), SMALL, "x.bin")


def test_a_program_for_another_configuration_is_refused():
    raw = program_file.content(sums()[0].program)
    with pytest.raises(ProgramFileError, match="no program for this configuration"):
        program_file.parse(raw, dataclasses.replace(SMALL, even=False), "x.bin")


def test_a_program_in_parts_reads_back_with_them(tmp_path):
    made, network, images = in_parts()
    program, path = made.program, tmp_path / "net.bin"
    assert len(program.parts) > 2
    path.write_bytes(program_file.content(program))
    found = program_file.read(path, made.config)
    assert len(found.parts) == len(program.parts)
    beats = np.concatenate([program.incoming.words(own) for own in images])
    run = model.run(made.config, found, beats)
    wanted = integer.run(network, images)
    answers = np.stack([program.leaving.values(own) for own in run.results()])
    assert np.array_equal(answers.reshape(wanted.shape), wanted)


def test_parts_that_are_missing_doubled_or_in_disorder_are_refused():
    made, *_ = in_parts()
    packets = [made.program.beats(), *made.program.part_beats()]
    wrong = (packets[:-1], packets[1:], [*packets, packets[-1]], [packets[0], packets[2], packets[1], *packets[3:]],
             [*packets[:-1], packets[-1][:-1]])
    for own in wrong:
        with pytest.raises(ProgramFileError, match=r"^x\.bin: no program that can be taken: "):
            program_file.parse(b"".join(packet.tobytes() for packet in own), made.config, "x.bin")
