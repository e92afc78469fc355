"""The stand-ins for LZ4 and zlib against Python's zlib and a decoder of LZ4 blocks."""

import random
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from cosim import fst_shim

PROGRAM = """
#include <lz4.h>
#include <zlib.h>
#include <cstdio>
#include <vector>
int main(int count, char**) {
    std::vector<char> in(1 << 20), out(2 << 20);
    const size_t size = fread(in.data(), 1, in.size(), stdin);
    unsigned long made = out.size();
    if (count > 1)
        made = LZ4_compress_default(in.data(), out.data(), size, LZ4_compressBound(size));
    else if (compress2((Bytef*)out.data(), &made, (Bytef*)in.data(), size, 9) != Z_OK)
        return 1;
    if (made > (count > 1 ? LZ4_compressBound(size) : compressBound(size))) return 2;
    fwrite(out.data(), 1, made, stdout);
}
"""
SIZES = (0, 1, 14, 15, 16, 269, 270, 271, 65535, 65536, 200_000)


def lz4_decoded(block: bytes) -> bytes:
    """A block of literals only; anything else is an error."""
    size, at = block[0] >> 4, 1
    assert block[0] & 15 == 0
    if size == 15:
        while True:
            size, at = size + block[at], at + 1
            if block[at - 1] != 255:
                break
    assert len(block) == at + size
    return block[at:]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shim")
    fst_shim.arguments(folder, system=False)
    (folder / "main.cpp").write_text(PROGRAM)
    compiler = shutil.which("g++")
    assert compiler is not None
    subprocess.run([compiler, "-I", str(folder / "shim"), str(folder / "main.cpp"), "-o", str(folder / "main")],
                   check=True)
    return folder / "main"


@pytest.mark.parametrize("size", SIZES)
def test_round_trip(program: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    as_zlib = subprocess.run([program], input=data, capture_output=True, check=True).stdout
    assert zlib.decompress(as_zlib) == data
    as_lz4 = subprocess.run([program, "lz4"], input=data, capture_output=True, check=True).stdout
    assert lz4_decoded(as_lz4) == data


def test_the_systems_libraries_are_used_where_they_are(tmp_path: Path) -> None:
    assert fst_shim.arguments(tmp_path, system=True) == ["--trace-fst"] and not list(tmp_path.iterdir())
    arguments = fst_shim.arguments(tmp_path, system=False)
    assert f"-I{tmp_path / 'shim'}" in arguments and (tmp_path / "shim" / "lz4.h").is_file()
