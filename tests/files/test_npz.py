"""Archives of arrays: as numpy writes them, and everything else refused before it is inflated."""

import io
import re
import struct
import time
import zipfile

import numpy as np
import pytest

from zeroskip.files import memory
from zeroskip.files.npz import Npz, read_npz
from zeroskip.files.reading import ReadError
from zeroskip.files.writing import write_npz

ARRAYS = {
    "a": np.arange(6, dtype=np.int8).reshape(2, 3), "b": np.array(3), "c": np.array("uint8"), "d": np.array(b"x"),
    "e": np.zeros((0, 4), np.float32), "f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "g": np.array([True]),
    "h": np.arange(3, dtype=">i4"),
}


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed, lambda path, **arrays: write_npz(path, arrays)])
def test_as_numpy_reads_them(tmp_path, write):
    write(tmp_path / "x.npz", **ARRAYS)
    found = read_npz(tmp_path / "x.npz")
    assert list(found) == list(ARRAYS)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as theirs:
        for key, array in ARRAYS.items():
            assert found[key].dtype == theirs[key].dtype and found[key].shape == array.shape
            np.testing.assert_array_equal(found[key], array)


def test_headers_come_before_data(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", big=np.zeros((1 << 12, 1 << 18), np.int8))
    start = time.monotonic()
    with Npz(tmp_path / "x.npz") as archive:
        assert archive.headers["big"].shape == (1 << 12, 1 << 18) and archive.headers["big"].size == 1 << 30
    assert time.monotonic() - start < 0.5


def test_what_exceeds_the_limit_is_refused_at_once(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", big=np.zeros(1 << 28, np.int8))
    monkeypatch.setenv(memory.ENVIRONMENT, str(1 << 27))
    with pytest.raises(ReadError, match=r"found 256.0 MB to be read, the memory limit is 128.0 MB".replace(".", r"\.")):
        read_npz(tmp_path / "x.npz")


def test_keys(tmp_path):
    np.savez(tmp_path / "x.npz", a=1, b=2)
    assert set(read_npz(tmp_path / "x.npz", ("a", "b"))) == {"a", "b"}
    with pytest.raises(ReadError, match="key 'c': found nothing, expected an array"):
        read_npz(tmp_path / "x.npz", ("a", "b", "c"))
    with pytest.raises(ReadError, match="key 'b': found an unknown key, expected only a"):
        read_npz(tmp_path / "x.npz", ("a",))


def member(array=None, text=None, version=b"\x01\x00", length=None, data=b""):
    """The bytes of an array's file; with `text` a header of one's own."""
    if text is None:
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.asarray(array))
        return stream.getvalue()
    raw = text.encode("latin1")
    return b"\x93NUMPY" + version + struct.pack("<H", len(raw) if length is None else length) + raw + data


def archive(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in members:
            file.writestr(name, content)


HEADER = "{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}\n"


@pytest.mark.parametrize("content", [
    member(text=HEADER.format("|O", "(1,)"), data=bytes(8)),
    member(text=HEADER.format("<i7", "(1,)"), data=bytes(7)),
    member(text=HEADER.format("|i1", "(" * 9000 + ")" * 9000)),
    member(text="[" * 9000, length=9000),
    member(text=HEADER.format("|i1", "(5,)"), data=bytes(4)),
    member(text=HEADER.format("|i1", "(5,)"), data=bytes(6)),
    member(text=HEADER.format("|i1", "(-5,)"), data=bytes(5)),
    member(text=HEADER.format("|i1", f"({10**14}, {10**14})"), data=bytes(5)),
    member(text=HEADER.format("<U999999999", "()"), data=bytes(4)),
    member(text=HEADER.format("|i1", "(5,)").replace("False", "__import__('os')"), data=bytes(5)),
    member(text=HEADER.format("|i1", "(5,)"), length=60_000, data=bytes(5)),
    b"", b"\x93NUMPY", b"\x93NUMPX" + bytes(100), b"text",
], ids=range(15))
def test_members_that_are_no_arrays(tmp_path, content):
    archive(tmp_path / "x.npz", [("a.npy", content)])
    start = time.monotonic()
    with pytest.raises(ReadError, match=r"x\.npz: (no \.npz archive that can be taken|cannot be read)") as caught:
        read_npz(tmp_path / "x.npz")
    assert time.monotonic() - start < 1 and len(str(caught.value)) < 1000


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("names", "key"), [(("a.npy", "a.npy"), "a"), (("a.npy", "a"), "a")])
def test_a_key_twice(tmp_path, names, key):
    archive(tmp_path / "x.npz", [(name, member(1)) for name in names])
    with pytest.raises(ReadError, match=f"key '{key}': found twice, expected once"):
        read_npz(tmp_path / "x.npz")


def test_many_members(tmp_path):
    archive(tmp_path / "x.npz", [(f"{n}.npy", b"") for n in range(20_000)])
    with pytest.raises(ReadError, match="it has 20000 entries, expected at most 10000"):
        read_npz(tmp_path / "x.npz")


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(tmp_path, how):
    archive(tmp_path / "x.npz", [("a.npy", member(1))], compression=how)
    with pytest.raises(ReadError, match="compressed in a way that is not read"):
        read_npz(tmp_path / "x.npz")


def test_a_size_that_lies(tmp_path):
    """More or less data than the directory says."""
    path = tmp_path / "x.npz"
    np.savez_compressed(path, a=np.zeros(1000, np.int8))
    content = path.read_bytes()
    at = content.rindex(b"PK\x01\x02") + 24
    real = struct.unpack_from("<I", content, at)[0]
    for lie in (real + 1, real - 1, 0, 1 << 31):
        path.write_bytes(content[:at] + struct.pack("<I", lie) + content[at + 4:])
        with pytest.raises(ReadError):
            read_npz(path)


def test_every_byte_of_the_directory(tmp_path):
    """Changed and cut off: a ReadError, or the same arrays."""
    path = tmp_path / "x.npz"
    np.savez(path, a=np.arange(5), b=np.array("x"))
    content = path.read_bytes()
    for at in range(len(content)):
        for broken in (content[:at], content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1:]):
            path.write_bytes(broken)
            try:
                found = read_npz(path)
            except ReadError as error:
                assert re.match(rf"{re.escape(str(path))}: ", str(error))
            else:
                assert len(found) == 2
