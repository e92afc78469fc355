"""What is not trusted is measured before it is read, and only a ReadError comes of it."""

import gzip
import json
import os
import socket
import struct
import time

import pytest

from zeroskip.files import memory, reading
from zeroskip.files.reading import GzipOrPlain, ReadError, open_file, read_bytes, read_json, read_toml


def fifo(path):
    os.mkfifo(path)


def listening(path):
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


def device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(("make", "found"), [
    (os.mkdir, "a folder"), (fifo, "a FIFO"), (listening, "a socket"), (device, "a device"),
])
def test_what_is_no_file_is_not_opened(tmp_path, make, found):
    make(tmp_path / "x")
    start = time.monotonic()
    with pytest.raises(ReadError, match=rf"/x: found {found}, expected a file$"):
        open_file(tmp_path / "x")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("path", ["nothing/at/all", "a\0b", "x" * 5000])
def test_what_cannot_be_opened(path):
    with pytest.raises(ReadError, match=r"no such file|cannot be read"):
        open_file(path)


def test_a_name_with_control_characters_is_escaped():
    with pytest.raises(ReadError, match=r"a\\x1b\[2J: no such file"):
        open_file("a\x1b[2J")


def test_a_file_is_read_whole_or_not(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"a" * 100)
    assert read_bytes(path, 100) == b"a" * 100
    with pytest.raises(ReadError, match="it has 100 bytes, at most 99 bytes are read"):
        read_bytes(path, 99)
    monkeypatch.setenv(memory.ENVIRONMENT, "50")
    with pytest.raises(ReadError, match=r"found 100 bytes to be read, the memory limit is 50 bytes .*--memory-limit"):
        read_bytes(path)


def test_a_sparse_file_larger_than_the_limit_is_not_read(tmp_path):
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(1 << 42)
    start = time.monotonic()
    for read in (read_bytes, read_json, read_toml, reading.safetensors_header):
        with pytest.raises(ReadError):
            read(path)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("text", [
    "[" * 100_000, '{"a": ' * 50_000, "NaN", "[Infinity]", "1e999", '{"a": 1, "a": 2}', "9" * 10_000, "", "{",
    '"\\ud800', b"\xff\xfe", "\x00",
])
def test_json_that_is_not_taken(tmp_path, text):
    (tmp_path / "x.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ReadError, match=r"x\.json: no JSON that can be taken") as caught:
        read_json(tmp_path / "x.json")
    assert str(caught.value).isprintable()


def test_json_that_is_taken(tmp_path):
    value = {"a": [1, 2.5, "ü", None, True], "b": {"a": -1}}
    (tmp_path / "x.json").write_text(json.dumps(value))
    assert read_json(tmp_path / "x.json") == value


@pytest.mark.parametrize("text", ["a = " + "[" * 20_000, "a = " + "{b=" * 20_000, "a = 1\na = 2", "a", "\x00"])
def test_toml_that_is_not_taken(tmp_path, text):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ReadError, match=r"x\.toml: no TOML"):
        read_toml(tmp_path / "x.toml")


def test_no_more_is_inflated_than_is_asked_for(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(bytes(1 << 30), 1))
    start = time.monotonic()
    with GzipOrPlain(path) as file:
        assert file.read(10) == bytes(10) and file.read(20) == bytes(20)
    assert time.monotonic() - start < 2


def test_plain_bytes_are_read_as_they_are(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    with GzipOrPlain(tmp_path / "x") as file:
        assert (file.read(2), file.read(2), file.read(2)) == (b"ab", b"c", b"")


@pytest.mark.parametrize("change", [lambda raw: raw[:-9], lambda raw: raw[:20], lambda raw: raw[:30] + b"xx" + raw[32:],
                                    lambda raw: raw + b"rest"])
def test_damaged_gzip(tmp_path, change):
    (tmp_path / "x").write_bytes(change(gzip.compress(os.urandom(1000))))
    with pytest.raises(ReadError, match="/x: cannot be read"), GzipOrPlain(tmp_path / "x") as file:
        file.read(2000)


def header(text, data=b"", length=None):
    raw = text if isinstance(text, bytes) else json.dumps(text).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


@pytest.mark.parametrize("content", [
    b"", b"1234567", header({}, length=1 << 60), header(b"[" * 10_000), header([]), header({"a": 1}),
    header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(7)),
    header({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}, bytes(8)),
    header({"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 8]}}, bytes(8)),
    header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}, bytes(8)),
    header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}, bytes(8)),
    header({"a": {"dtype": "F32", "shape": 5, "data_offsets": [0, 8]}}, bytes(8)),
])
def test_what_is_no_safetensors_file(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ReadError, match="/x"):
        reading.safetensors_header(tmp_path / "x")


def test_the_header_of_a_safetensors_file(tmp_path):
    text = {"a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}, "__metadata__": {"x": "y"}}
    (tmp_path / "x").write_bytes(header(text, bytes(8)))
    assert reading.safetensors_header(tmp_path / "x") == {"a": ("F32", (2, 1))}
