"""Folders replaced whole or not at all, and only where everything in them is ours.

A new folder is made beside its place and renamed. Between the two renames that this takes, the earlier one lies under
`old_place`; whoever comes next, also after a kill, finds it there and puts it back, or takes it away.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from zeroskip.files.names import shown
from zeroskip.files.writing import locked, place_of, temporary_folder

_MOST_NAME = 100
Listed = Callable[[Path], Collection[str]]
"""Given a folder, the relative names of the files in it that its own manifest says are ours; raises `NotOursError`."""


class NotOursError(ValueError):
    """A folder that may not be replaced: the message names it and what in it is not ours."""


def old_place(target: Path) -> Path:
    """Where the folder at `target` lies while another takes its place."""
    name = target.name
    if len(name) > _MOST_NAME:
        name = f"{name[:_MOST_NAME]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"
    return target.with_name(f".{name}.zerokeep-old")


def check_replaceable(path: str | os.PathLike[str], listed: Listed) -> None:
    """See that nothing would be lost if the folder were replaced: it is not there, or empty, or all of it is listed.

    Raises
    ------
    NotOursError
        It is no folder, or holds something that is not listed.
    OSError
        It cannot be read.
    """
    target = place_of(path)
    recover(target, listed)
    if not os.path.lexists(target):
        return
    name = shown(os.fspath(path))
    if not target.is_dir():
        raise NotOursError(f"{name} is a file, not a folder; give another place")
    found = _contents(target)
    if not found:
        return
    names = set(listed(target))
    folders = {parent.as_posix() for own in names for parent in Path(own).parents}
    for own, is_folder in found.items():
        if own not in (folders if is_folder else names):
            raise NotOursError(f"{name} holds {shown(own, 80)!r}, which zerokeep did not write there and would be "
                               "lost: give another folder, or move it away")


def _contents(folder: Path) -> dict[str, bool]:
    """What lies in a folder, at any depth, by relative name; whether it is a folder. A link is none."""
    found: dict[str, bool] = {}
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                regular = is_folder or stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
                name = Path(entry.path).relative_to(folder).as_posix()
                found[name if regular else f"{name} (a link, a device or a FIFO)"] = is_folder
                if is_folder:
                    waiting.append(Path(entry.path))
    return found


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], listed: Listed) -> Iterator[Path]:
    """An empty folder to write into, which takes the place of the one at `path` when the block ends without exception.

    The earlier one is checked before and again after the block.

    Raises
    ------
    NotOursError
        See `check_replaceable`.
    OSError
        It cannot be written; what was at its place is as it was.
    """
    target = place_of(path)
    check_replaceable(target, listed)
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(target.parent) as fresh:
        yield fresh
        check_replaceable(target, listed)
        _swap(fresh, target, listed)


def _swap(fresh: Path, target: Path, listed: Listed) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    with locked(target) as alone:
        if not alone:
            raise OSError(errno.EBUSY, "another process is replacing it", os.fspath(target))
        old = old_place(target)
        target.rename(old)
        try:
            fresh.rename(target)
        except OSError:
            old.rename(target)
            raise
        _remove(old, listed)


def recover(path: str | os.PathLike[str], listed: Listed) -> None:
    """Put back the folder of a replacement that was killed half-way, or take away what it replaced.

    Does nothing while another process is replacing it, or where nothing was left.
    """
    target = place_of(path)
    old = old_place(target)
    if not old.is_dir():
        return
    with locked(old) as alone:
        if alone and not os.path.lexists(target):
            old.rename(target)
        elif alone:
            _remove(old, listed)


def _remove(old: Path, listed: Listed) -> None:
    """Remove the files that are listed, and the folders that are empty then; anything else stays."""
    try:
        names = [*listed(old)]
    except NotOursError:
        return
    folders = {parent for own in names for parent in Path(own).parents}
    for own in names:
        with contextlib.suppress(OSError):
            (old / own).unlink()
    for folder in sorted(folders, key=lambda own: -len(own.parts)):
        with contextlib.suppress(OSError):
            (old / folder).rmdir()
