"""What the verbs share: exit statuses, errors that the user can mend, files written whole, progress on a terminal."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zerokeep.errors import UserError


class Status(enum.IntEnum):
    """Exit statuses."""

    DONE = 0
    WRONG = 1
    USAGE = 2
    STOPPED = 130


_USER_ERRORS = (
    ("zerokeep.errors", "UserError"), ("zeroskip.layer", "LayerError"), ("zeroskip.program_image", "PackError"),
    ("zeroskip.verilog", "ToolError"),
)


def user_errors() -> tuple[type[BaseException], ...]:
    """The exceptions whose text is one sentence for the user; of modules that were loaded, so that none is loaded."""
    loaded = [(sys.modules[module], name) for module, name in _USER_ERRORS if module in sys.modules]
    return tuple(getattr(module, name) for module, name in loaded if hasattr(module, name))


@contextlib.contextmanager
def as_user_error(*kinds: type[Exception]) -> Iterator[None]:
    """Turn exceptions that mean bad input here into a UserError with the same text."""
    try:
        yield
    except kinds as error:
        raise UserError(str(error)) from None


def writable(path: Path) -> Path:
    """Make the folder of an output file and see, before any work, that a file can be written there.

    Raises
    ------
    UserError
        It cannot.
    """
    target = Path(path)
    if target.is_dir():
        raise UserError(f"cannot write {target}: it is a folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from None
    return target


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong while `path` is written into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all; NaN and infinity are refused."""
    from zeroskip.verilog import write_atomically

    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    with writing(path):
        write_atomically(Path(path), text)


@contextlib.contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """A line that shows what is going on, on a terminal only; the value is called with a few words."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status(title) as status:
        yield lambda text: status.update(f"{title}: {text}")


def table(columns: list[str], rows: list[list[str]]) -> None:
    """Print a table: with lines on a terminal, plain columns elsewhere."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        shown = Table(*columns)
        for row in rows:
            shown.add_row(*row)
        Console().print(shown)
        return
    widths = [max(len(row[n]) for row in [columns, *rows]) for n in range(len(columns))]
    for row in [columns, *rows]:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())
