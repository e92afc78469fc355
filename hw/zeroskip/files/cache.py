"""A cache on disk: folders that were made whole, and are whole when they are used.

An entry is a folder with a list of its files and their hashes, ``entry.json``. It counts only where every file is there
and has its hash; one that does not is made again in its place. It is made beside its place and renamed, so that a maker
that was killed leaves nothing that counts, and two at a time do not meet. Where an entry is found, nothing is written.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroskip.files.names import shown
from zeroskip.files.process import ToolError
from zeroskip.files.reading import ReadError, open_file, read_json
from zeroskip.files.writing import temporary_folder, tidy, write_json

LIST = "entry.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A folder of the cache, the names of its files, and whether it was made just now."""

    folder: Path
    files: tuple[str, ...]
    fresh: bool


def default_cache() -> Path:
    """The user's own folder for what is built once: ``zerokeep`` in XDG's.

    Raises
    ------
    ToolError
        The user has no home.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(_home(), ".cache")
    return Path(base, "zerokeep")


def _home() -> str:
    home = os.environ.get("HOME", "")
    if not os.path.isabs(home):
        with contextlib.suppress(KeyError):
            home = pwd.getpwuid(os.getuid()).pw_dir
    if not os.path.isabs(home):
        raise ToolError("there is no home folder for the cache: name another one with --cache FOLDER")
    return home


def key_of(*parts: object) -> str:
    """A name for what an entry depends on."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def entry(root: Path, name: str, key: str, make: Callable[[Path], None]) -> Entry:
    """The entry of that name and key, made where it is not there or damaged.

    Parameters
    ----------
    root
        The folder of entries, made if need be.
    name, key
        The folder's name; the key, of `key_of`, has all that what is made depends on.
    make
        Called with an empty folder, into which it writes files (no folders): all of them count.

    Raises
    ------
    ToolError
        The cache cannot be written, or others could have put something there.
    """
    root = Path(os.path.abspath(root))
    place = root / f"{name}-{key}"
    for path in (root, place):
        _check_owner(path)
    files = _files(place, key)
    if files is not None:
        return Entry(folder=place, files=files, fresh=False)
    with _writing(root), contextlib.ExitStack() as stack:
        _make_root(root)
        with _alone(root):
            scratch = stack.enter_context(temporary_folder(beside=root))
        make(scratch)
        facts = {path.name: _facts(path) for path in sorted(scratch.iterdir())}
        write_json(scratch / LIST, {"format": FORMAT, "key": key, "files": facts})
        with _alone(root):
            _put(scratch, place, key)
    return Entry(folder=place, files=tuple(facts), fresh=True)


def _facts(path: Path) -> dict[str, Any]:
    """What tells a file from any other."""
    with open_file(path) as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": os.fstat(file.fileno()).st_size}


def _files(place: Path, key: str) -> tuple[str, ...] | None:
    """The names of an entry's files, where all are there and unchanged."""
    try:
        about = read_json(place / LIST)
        files = about["files"]
        if (about["format"], about["key"]) != (FORMAT, key) or any("/" in name for name in files):
            return None
        if any(_facts(place / name) != facts for name, facts in files.items()):
            return None
    except (ReadError, OSError, KeyError, TypeError, AttributeError):
        return None
    return tuple(files)


@contextlib.contextmanager
def _writing(root: Path) -> Iterator[None]:
    """Say of which folder it is that it cannot be written."""
    try:
        yield
    except OSError as error:
        if error.filename and not Path(os.fsdecode(error.filename)).is_relative_to(root) and not (
                root.is_relative_to(os.fsdecode(error.filename))):
            raise
        raise ToolError(f"cannot write the cache {shown(root)}: {error.strerror or error}; name another folder with "
                        "--cache FOLDER") from None


def _make_root(root: Path) -> None:
    """Make the folder of entries; in the user's own cache nobody else may look."""
    try:
        private = root.is_relative_to(default_cache())
    except ToolError:
        private = False
    for folder in (*reversed(root.parents), root):
        if not folder.is_dir():
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700 if private else 0o777)


def _check_owner(path: Path) -> None:
    """Refuse a folder into which others could put a program that then runs here."""
    try:
        found = path.stat()
    except OSError:
        return
    if found.st_uid not in (os.getuid(), 0):
        raise ToolError(f"{shown(path)} belongs to another user, whose programs would run here: name a cache of your "
                        "own with --cache FOLDER")
    if found.st_mode & stat.S_IWOTH:
        raise ToolError(f"{shown(path)} may be written by every user, whose programs would run here: name a cache of "
                        "your own with --cache FOLDER")


def _put(scratch: Path, place: Path, key: str) -> None:
    """Rename what was made to its place; what is there and good stays: another process was quicker."""
    if _files(place, key) is not None:
        return
    if place.is_dir() and not place.is_symlink():
        place.rename(scratch.with_name(f"{scratch.name}.damaged"))
        tidy(place.parent)
    else:
        place.unlink(missing_ok=True)
    scratch.rename(place)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time; on a file system without locks: as many as come."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
