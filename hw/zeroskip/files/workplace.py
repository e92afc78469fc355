"""Folders in which tools run: temporary ones, whose paths have nothing that a tool or a shell could misread.

make, Verilator, yosys and others do not take blanks, quotes, ``$`` or ends of lines in paths. So a tool is called in a
folder with a safe name, on copies of its inputs or links to them under fixed names; what comes out is copied away.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from zeroskip.files.process import ToolError
from zeroskip.files.writing import temporary_folder

ELSEWHERE = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - names in them are made by tempfile
"""Where to, in this order, when the usual folder for temporary files cannot be taken."""
_SAFE = re.compile(r"[A-Za-z0-9_./+-]+")


def is_safe(path: str | os.PathLike[str]) -> bool:
    r"""Whether no tool can misread a path.

    >>> is_safe("/a/b-1.v"), is_safe("/a b"), is_safe("/a\n")
    (True, False, False)
    """
    return _SAFE.fullmatch(os.fspath(path)) is not None


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """A folder for a tool, absolute and without symbolic links, gone after the block.

    Raises
    ------
    ToolError
        There is no place for one.
    """
    with contextlib.ExitStack() as stack:
        yield _folder(stack)


def _folder(stack: contextlib.ExitStack) -> Path:
    why = "its path has characters that tools misread"
    for place in _places():
        if is_safe(place):
            try:
                folder = stack.enter_context(temporary_folder(beside=place))
                folder.chmod(0o700)
            except OSError as error:
                why = error.strerror or str(error)
            else:
                return folder
    raise ToolError(f"no folder for temporary files can be used, the last for this reason: {why}; name one in TMPDIR "
                    "whose path has only letters, digits and _ . / + -")


def _places() -> Iterator[Path]:
    with contextlib.suppress(OSError, RuntimeError):
        yield Path(tempfile.gettempdir()).resolve()
    yield from (place.resolve() for place in ELSEWHERE)


def link(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Let `path`, in a workplace, stand for what may lie anywhere."""
    Path(path).symlink_to(Path(target).absolute())
