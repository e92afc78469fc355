"""Files that are not trusted: sizes, shapes and types are read and bounded before any data is.

Everything here raises :class:`ReadError`, one sentence that names the file, and nothing else, whatever the file is.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import math
import os
import stat
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from zeroskip.files.memory import ReadError, check, in_words
from zeroskip.files.names import shown

__all__ = ["GzipOrPlain", "ReadError", "open_file", "parse_json", "read_bytes", "read_json", "read_text", "read_toml",
           "safetensors_header"]

JSON_BYTES = 16 << 20
"""The most that a JSON file may have: a list of two bytes takes sixty in memory."""
TOML_BYTES = 1 << 20
MOST_DOTS = 64
"""In what may be a key of TOML; the parser takes memory with their square."""
SAFETENSORS_HEADER = 4 << 20
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
          stat.S_IFSOCK: "a socket"}
_FILE_LIMIT = 1 << 62


def open_file(path: str | os.PathLike[str]) -> io.BufferedReader:
    """A regular file, open for reading.

    Raises
    ------
    ReadError
        It is not there, is something else (which is not opened), or may not be read.
    """
    name = shown(os.fspath(path))
    try:
        _check_kind(os.stat(path).st_mode, name)
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise ReadError(f"{name}: no such file") from None
    except (OSError, ValueError) as error:
        raise ReadError(f"{name}: cannot be read: {shown(getattr(error, 'strerror', None) or error)}") from None
    try:
        _check_kind(os.fstat(handle).st_mode, name)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _check_kind(mode: int, name: str) -> None:
    if not stat.S_ISREG(mode):
        raise ReadError(f"{name}: found {_KINDS.get(stat.S_IFMT(mode), 'no file')}, expected a file")


@contextlib.contextmanager
def reading(path: str | os.PathLike[str], *kinds: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong while a file is read or decoded into a ReadError that names it."""
    try:
        yield
    except ReadError:
        raise
    except Exception as error:
        if not isinstance(error, (OSError, MemoryError, RecursionError, *kinds)):
            raise
        raise ReadError(f"{shown(os.fspath(path))}: cannot be read: {shown(_why(error))}") from None


def _why(error: Exception) -> object:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def read_bytes(path: str | os.PathLike[str], most: int = _FILE_LIMIT) -> bytes:
    """The whole of a file.

    Parameters
    ----------
    path
        Of a regular file.
    most
        Bytes that it may have; the memory limit holds in any case.

    Raises
    ------
    ReadError
        It is larger, or cannot be read.
    """
    with open_file(path) as file, reading(path):
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ReadError(f"{shown(os.fspath(path))}: it has {in_words(size)}, at most {in_words(most)} are read")
        check(size, shown(os.fspath(path)))
        content = file.read(size + 1)
    if len(content) != size:
        raise ReadError(f"{shown(os.fspath(path))}: it was changed while it was read")
    return content


def read_text(path: str | os.PathLike[str], most: int = JSON_BYTES) -> str:
    """A file of text, UTF-8; see `read_bytes`."""
    content = read_bytes(path, most)
    with reading(path, UnicodeDecodeError):
        return content.decode()


def read_json(path: str | os.PathLike[str], most: int = JSON_BYTES) -> Any:
    """The value in a JSON file; see `parse_json`."""
    return parse_json(read_bytes(path, most), shown(os.fspath(path)))


def parse_json(text: bytes | str, name: str) -> Any:
    """A value of JSON in which every number is finite and no object has a key twice.

    Parameters
    ----------
    text
        UTF-8.
    name
        Of what it is from, for the message.

    Raises
    ------
    ReadError
        It is no such JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_once)
    except (ValueError, RecursionError, MemoryError) as error:
        raise ReadError(f"{name}: no JSON that can be taken: {shown(_why(error))}") from None


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no finite number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{shown(text, 40)} is no finite number")
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {shown(next(key for key in keys if keys.count(key) > 1), 80)!r} stands there twice")
    return found


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The table in a TOML file.

    Raises
    ------
    ReadError
        It cannot be read, is too large, or is no TOML.
    """
    text = read_text(path, TOML_BYTES)
    if any(part.count(".") > MOST_DOTS for line in text.splitlines() for part in line.split(",")):
        raise ReadError(f"{shown(os.fspath(path))}: no TOML that is taken: a key has more than {MOST_DOTS} parts")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise ReadError(f"{shown(os.fspath(path))}: no TOML: {shown(_why(error))}") from None


class GzipOrPlain:
    """A file that may be gzipped, read from its beginning in pieces, no more than is asked for.

    Raises
    ------
    ReadError
        By every method: it cannot be read, or is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._file: IO[bytes] = open_file(path)
        with reading(path):
            magic = self._file.read(2)
            self._file.seek(0)
        self._stream: IO[bytes] = gzip.GzipFile(fileobj=self._file) if magic == b"\x1f\x8b" else self._file  # type: ignore[assignment]

    def __enter__(self) -> GzipOrPlain:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._file.close()

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or what there is."""
        check(size, shown(self._path))
        parts, left = [], size
        with reading(self._path, EOFError, zlib.error):
            while left and (part := self._stream.read(left)):
                parts.append(part)
                left -= len(part)
        return b"".join(parts)


def safetensors_header(path: str | os.PathLike[str]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of every tensor in a safetensors file, by name; whose data are all there.

    Raises
    ------
    ReadError
        It cannot be read, takes more than the memory limit, or is no such file.
    """
    name = shown(os.fspath(path))
    with open_file(path) as file, reading(path):
        size = os.fstat(file.fileno()).st_size
        check(size, name)
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(SAFETENSORS_HEADER, size - 8):
            raise ReadError(f"{name}: no safetensors file: its header would have {length} bytes")
        header = parse_json(file.read(length), f"{name}, header")
    try:
        found = {key: (str(entry["dtype"]), tuple(entry["shape"]), entry["data_offsets"])
                 for key, entry in header.items() if key != "__metadata__"}
        for key, (_, shape, (start, end)) in found.items():
            if not (all(type(n) is int and n >= 0 for n in (*shape, start, end)) and start <= end <= size - 8 - length):
                raise ReadError(f"{name}: damaged: the tensor {shown(key, 80)!r} does not lie in it")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{name}: no safetensors file: its header is not one") from None
    return {key: (dtype, shape) for key, (dtype, shape, _) in found.items()}
