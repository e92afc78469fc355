"""What lies in a folder, so that it can be said afterwards what was changed."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

SMALL = 1 << 20
"""Files up to this size are hashed; larger ones, which are never written back in the same nanosecond, are not."""
Found = dict[str, tuple[object, ...]]


def snapshot(root: Path) -> Found:
    """Kind, size, time of change and hash of everything below a folder, by relative name; nothing is opened but files.

    Of folders only that they are there: a temporary file that comes and goes in one changes its time.
    """
    found: Found = {}
    waiting = [root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                about = entry.stat(follow_symlinks=False)
                kind = stat.S_IFMT(about.st_mode)
                name = os.path.relpath(entry.path, root)
                if stat.S_ISDIR(kind):
                    found[name] = ("folder",)
                    waiting.append(Path(entry.path))
                else:
                    found[name] = (kind, about.st_size, about.st_mtime_ns, about.st_ino, _content(entry.path, about))
    return found


def _content(path: str, about: os.stat_result) -> str:
    if stat.S_ISLNK(about.st_mode):
        return os.readlink(path)
    if not stat.S_ISREG(about.st_mode) or about.st_size > SMALL:
        return ""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def changes(before: Found, after: Found) -> list[str]:
    """What was changed, in words. An empty folder that was not there is no change: it holds nothing of anybody."""
    full = {os.path.dirname(name) for name in after}
    while more := {os.path.dirname(name) for name in full} - full:
        full |= more
    words = [f"{name!r} is gone" for name in before if name not in after]
    words += [f"{name!r} was changed" for name in before if name in after and before[name] != after[name]]
    return words + [f"{name!r} was left behind" for name, about in after.items()
                    if name not in before and (about != ("folder",) or name in full)]
