"""Archives of arrays (``.npz``) that are not trusted: every array's type and shape are known before any is read."""

from __future__ import annotations

import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from zeroskip.files.memory import ReadError, check
from zeroskip.files.names import shown
from zeroskip.files.reading import open_file, reading

MOST_ARRAYS = 10_000
_END = struct.Struct("<4s4H2LH")
"""The end of a zip: signature, numbers of disks and entries, bytes and place of the directory, length of a comment."""
_DIRECTORY_ENTRY = 46
_MOST_NAME = 1024
_HEADER_BYTES = 4096
_HEADER = re.compile(
    r"""\{\s*['"]descr['"]:\s*['"]([<>|=]?[biufSU]\d{1,9})['"],\s*['"]fortran_order['"]:\s*(True|False),\s*"""
    r"""['"]shape['"]:\s*\(((?:\d{1,15}L?,?\s?){0,8})\)\s*,?\s*\}\s*""")
_DAMAGE = (ValueError, TypeError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error,
           struct.error)
"""What zipfile was seen to raise."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What an array is: its type, its shape, whether columns come first, and where in its file its data begin."""

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    start: int

    @property
    def size(self) -> int:
        """Bytes of its data."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


class Npz:
    """An archive, open: ``headers`` by key, and `read`.

    Parameters
    ----------
    path
        Of a regular file of less than 2 GB.
    most
        Arrays that it may have.

    Raises
    ------
    ReadError
        It cannot be read, is no such archive, has a key twice, or all of it takes more than the memory limit.
    """

    def __init__(self, path: str | os.PathLike[str], *, most: int = MOST_ARRAYS) -> None:
        self.path = Path(path)
        self._name = shown(os.fspath(path))
        self._file: IO[bytes] = open_file(path)
        try:
            with reading(path, *_DAMAGE):
                count = self._count(most)
                self._archive = zipfile.ZipFile(self._file)
                if len(self._archive.infolist()) != count:
                    raise self._damaged(f"its directory does not have the {count} entries that its end says")
                self._entries = self._by_key()
                self.headers = {key: self._header(key, entry) for key, entry in self._entries.items()}
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Npz:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._file.close()

    def _damaged(self, why: str) -> ReadError:
        return ReadError(f"{self._name}: no .npz archive that can be taken: {why}")

    def _count(self, most: int) -> int:
        """How many entries the archive has, and whether not too many, before zipfile makes objects of them."""
        size = self._file.seek(0, os.SEEK_END)
        if size >= 1 << 31:
            raise self._damaged("it has 2 GB or more")
        if size < _END.size:
            raise self._damaged(f"it has {size} bytes")
        self._file.seek(size - _END.size)
        signature, *_, entries, directory, _, comment = _END.unpack(self._file.read(_END.size))
        if signature != b"PK\x05\x06" or comment:
            raise self._damaged("it is no zip file, or was cut off")
        if entries > most or directory > most * (_DIRECTORY_ENTRY + _MOST_NAME):
            raise self._damaged(f"it has {entries} entries, expected at most {most}")
        self._file.seek(0)
        return int(entries)

    def _by_key(self) -> dict[str, zipfile.ZipInfo]:
        found: dict[str, zipfile.ZipInfo] = {}
        for entry in self._archive.infolist():
            key = entry.filename.removesuffix(".npy")
            if key in found:
                raise ReadError(f"{self._name}: key {shown(key, 80)!r}: found twice, expected once")
            if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self._damaged(f"{shown(key, 80)!r} is encrypted, or compressed in a way that is not read")
            found[key] = entry
        check(sum(entry.file_size for entry in found.values()), self._name)
        return found

    def _header(self, key: str, entry: zipfile.ZipInfo) -> Header:
        with self._archive.open(entry) as file:
            start = file.read(8)
            wide = start[6:7] != b"\x01"
            length_bytes = file.read(4 if wide else 2)
            length = int.from_bytes(length_bytes, "little")
            text = file.read(min(length, _HEADER_BYTES)).decode("latin1")
        match = _HEADER.fullmatch(text) if start[:6] == b"\x93NUMPY" and length <= _HEADER_BYTES else None
        if match is None:
            raise self._damaged(f"{shown(key, 80)!r} is no array of numbers or text")
        shape = tuple(int(word.strip().removesuffix("L")) for word in match[3].split(",") if word.strip())
        header = Header(dtype=np.dtype(match[1]), shape=shape, fortran=match[2] == "True",
                        start=8 + len(length_bytes) + length)
        if header.start + header.size != entry.file_size:
            raise self._damaged(f"{shown(key, 80)!r} is {header}, but has {entry.file_size - header.start} bytes")
        return header

    def read(self, key: str) -> np.ndarray:
        """The array of that key.

        Raises
        ------
        ReadError
            It is damaged.
        """
        header = self.headers[key]
        with reading(self.path, *_DAMAGE), self._archive.open(self._entries[key]) as file:
            content = bytearray(self._entries[key].file_size)
            view, at = memoryview(content), 0
            while at < len(content) and (count := file.readinto(view[at:])):  # type: ignore[attr-defined]
                at += count
            if at != len(content) or file.read(1):
                raise self._damaged(f"{shown(key, 80)!r} was cut off")
            flat = np.frombuffer(content, header.dtype, math.prod(header.shape), header.start)
            return flat.reshape(header.shape, order="F" if header.fortran else "C")


def read_npz(path: str | os.PathLike[str], keys: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """All arrays of an archive, which has exactly these `keys`; any where that is ``None``.

    Raises
    ------
    ReadError
        See `Npz`; or a key is missing or unknown.
    """
    with Npz(path) as archive:
        for key in keys or ():
            if key not in archive.headers:
                raise ReadError(f"{shown(os.fspath(path))}: key {key!r}: found nothing, expected an array")
        for key in archive.headers:
            if keys is not None and key not in keys:
                raise ReadError(f"{shown(os.fspath(path))}: key {shown(key, 80)!r}: found an unknown key, expected "
                                f"only {', '.join(keys)}")
        return {key: archive.read(key) for key in archive.headers}
