"""Files written whole or not at all: under a temporary name beside their place, then renamed.

A temporary file or folder is locked as long as its writer lives. So what a killed process left behind is known by its
name and by having no lock, and the next writer in the same folder takes it away.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

PREFIX = ".zerokeep-"
"""How the names of temporary files and folders begin."""
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755


def place_of(path: str | os.PathLike[str]) -> Path:
    """Where a file or folder is written: where a symbolic link leads, absolute.

    Raises
    ------
    OSError
        The links go round in a circle.
    """
    try:
        return Path(path).resolve()
    except RuntimeError:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path)) from None


def check_file_place(path: str | os.PathLike[str]) -> Path:
    """The place of a file that may be replaced: nothing is there, or a regular file.

    Raises
    ------
    OSError
        Something else is there.
    """
    target = place_of(path)
    with contextlib.suppress(FileNotFoundError):
        mode = target.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is a device, a FIFO or a socket, expected a file", os.fspath(path))
    return target


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write into, which takes its place when the block ends without an exception.

    Raises
    ------
    OSError
        It cannot be written; what was at its place is as it was.
    """
    target = check_file_place(path)
    tidy(target.parent)
    with _temporary_file(target.parent) as (file, name):
        yield file
        file.flush()
        os.fchmod(file.fileno(), _FILE_MODE)
        os.replace(name, target)


@contextlib.contextmanager
def _temporary_file(folder: Path) -> Iterator[tuple[IO[bytes], str]]:
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=PREFIX, suffix=".tmp")
        if _lock(handle, name):
            break
        os.close(handle)
    with os.fdopen(handle, "wb") as file:
        try:
            yield file, name
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole."""
    with whole_file(path) as file:
        file.write(content)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a file of text, UTF-8, whole."""
    write_bytes(path, text.encode())


def write_json(path: str | os.PathLike[str], document: Mapping[str, Any]) -> None:
    """Write a JSON file whole; NaN and infinity are refused with a ValueError."""
    write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name as a compressed ``.npz`` whole; any name will do, equal arrays give equal bytes."""
    with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


@contextlib.contextmanager
def temporary_folder(beside: Path) -> Iterator[Path]:
    """A locked folder in the folder `beside`, gone after the block unless it was renamed."""
    tidy(beside)
    while True:
        folder = Path(tempfile.mkdtemp(dir=beside, prefix=PREFIX))
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # another process took it for a leftover
            continue
        if _lock(handle, os.fspath(folder)):
            break
        os.close(handle)
    try:
        os.fchmod(handle, _FOLDER_MODE)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _lock(handle: int, name: str) -> bool:
    """Lock what was just made; whether it is still there: another process may have taken it for a leftover."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), os.stat(name))
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return False
    except OSError as error:  # a file system without locks: nothing there is ever tidied
        return error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock of a file or folder during the block; the value is whether nobody else had it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def tidy(folder: Path) -> None:
    """Take away what killed processes left in a folder under temporary names; what cannot be is left."""
    try:
        with os.scandir(folder) as entries:
            left = [Path(entry.path) for entry in entries if entry.name.startswith(PREFIX)]
    except OSError:
        return
    for path in left:
        with locked(path) as alone:
            if not alone:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
