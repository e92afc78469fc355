"""The C header: a program in C has the same bytes, packs images alike and reads the same answers."""

import shutil
import subprocess

import numpy as np
import pytest
from tests.hw.export.networks import SEEDS, WIDE, drawn, in_parts, sums

from zerokeep import integer
from zeroskip.cycles import model
from zeroskip.export import c_header, program_file

FLAGS = ("-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-fsanitize=undefined")
MAIN = """
#include <stdio.h>
#include "net.h"
#define N(x) NET_##x

static unsigned long sum(const uint8_t *bytes, size_t count)
{
    unsigned long a = 1, b = 0;
    for (size_t k = 0; k < count; k++) {
        a = (a + bytes[k]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

int main(void)
{
    static uint8_t beats[NET_INPUT_BYTES], words[NET_RESULT_BYTES], beat[NET_BEAT_BYTES];
    static CODE image[NET_INPUT_CHANNELS * NET_INPUT_ROWS * NET_INPUT_COLUMNS];
    unsigned word, keep;
    if (fread(image, 1, sizeof image, stdin) != sizeof image)
        return 1;
    printf("%lu\\n", sum(net_program, sizeof net_program));
    memset(beats, 0xAA, sizeof beats);
    net_pack(image, beats);
    for (size_t k = 0; k < sizeof beats; k++)
        printf("%u ", beats[k]);
    printf("\\n");
    memset(words, 0, sizeof words);
    while (fread(&word, 4, 1, stdin) == 1 && fread(&keep, 4, 1, stdin) == 1 &&
           fread(beat, 1, sizeof beat, stdin) == sizeof beat)
        net_take(words, word, keep, beat);
    for (size_t c = 0; c < NET_RESULT_CHANNELS; c++)
        for (size_t y = 0; y < NET_RESULT_ROWS; y++)
            for (size_t x = 0; x < NET_RESULT_COLUMNS; x++)
                printf("%ld ", (long)net_result(words, c, y, x));
    return 0;
}
"""


def adler(raw: bytes) -> int:
    import zlib

    return zlib.adler32(raw)


def compiled_c(folder, header, code, language, standard):
    """The program in C, built."""
    compiler = shutil.which("gcc") or shutil.which("g++")
    assert compiler is not None, "there is no C compiler"
    (folder / "net.h").write_text(header)
    (folder / "main.c").write_text(MAIN)
    subprocess.run([compiler, "-x", language, f"-std={standard}", *FLAGS, f"-DCODE={code}", "main.c", "-o", "main"],
                   cwd=folder, check=True)
    return folder / "main"


def answers(made, network, image, folder, *, language="c", standard="c99"):
    """What C says of the program, the packed image and the answer, for beats that the exact model gives."""
    program, raw = made.program, program_file.content(made.program)
    binary = compiled_c(folder, c_header.header(made, raw), f"{image.dtype}_t", language, standard)
    words = program.incoming.words(image)
    run = model.run(program.config, made.decoded, words)
    beats = np.flatnonzero(run.stream)[::-1]  # in another order than they came in
    given = b"".join(np.array([run.word[n], run.mask[n]], np.uint32).tobytes() + run.data[n].tobytes() for n in beats)
    done = subprocess.run([binary], input=image.tobytes() + given, capture_output=True, check=True)
    total, packed, result = done.stdout.decode().split("\n")
    wanted = integer.run(network, image[None])[0]
    assert int(total) == adler(raw)
    assert np.array_equal(np.array(packed.split(), np.uint8), words.ravel())
    assert np.array_equal(np.array(result.split(), np.int64), wanted.ravel())


@pytest.mark.parametrize("seed", SEEDS)
def test_c_has_the_same_bytes_packs_the_same_image_and_reads_the_same_answer(tmp_path, seed):
    made, network, images = drawn(seed, name="net")
    answers(made, network, images[0], tmp_path)


def test_sums_in_cpp_too(tmp_path):
    made, network, images = sums(name="net", config=WIDE)
    assert made.program.leaving.raw and made.program.incoming.layout.phases == (2, 2)
    answers(made, network, images[0], tmp_path, language="c++", standard="c++11")


@pytest.mark.parametrize("name", ["vgg-small", "2nd", "a.b-c", "_x"])
def test_names_of_c_are_identifiers_and_two_headers_go_together(tmp_path, name):
    raw = b""
    for own in (name, "other"):
        made, _, _ = sums(name=own)
        raw = program_file.content(made.program)
        (tmp_path / f"{own}.h").write_text(c_header.header(made, raw))
    first = c_header.symbol(name)
    assert first.isidentifier() and first.isascii()
    (tmp_path / "two.c").write_text(f'#include "{name}.h"\n#include "other.h"\n#include "{name}.h"\n'
                                    f"int main(void) {{ return {first}_program[0] != other_program[0]; }}\n")
    subprocess.run(["g++", "-x", "c", "-std=c99", *FLAGS, "two.c", "-o", "two"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "two"], check=True)


def test_a_program_in_parts_says_where_they_end(tmp_path):
    made, network, images = in_parts(name="net")
    answers(made, network, images[0], tmp_path)
    header = c_header.header(made, program_file.content(made.program))
    beats = [len(made.program.beats()), *map(len, made.program.part_beats())]
    assert f"net_packet_beats[NET_PACKETS] = {{{', '.join(map(str, beats))}}};" in header
    assert "Send the\n *    first one once" in header
