"""What the verbs share: options of all, errors that the user can mend, files written whole, progress on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from zerokeep.cli_status import Status
from zerokeep.errors import UserError
from zeroskip.files.names import shown

Cache = Annotated[Path | None, typer.Option("--cache", metavar="FOLDER", help=(
    "Verilog and simulators built before; default zerokeep in the user's own cache folder."))]
Force = Annotated[bool, typer.Option("--force", help="Replace what was made for another network or board, too.")]

__all__ = ["Cache", "Force", "Status", "apart", "as_user_error", "cache_folder", "progress", "say", "table",
           "writable", "write_json", "writing"]


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
    from zeroskip.files.writing import check_file_place, temporary_folder

    with writing(path):
        target = check_file_place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(target.parent):
            pass
    return Path(path)


def apart(outputs: Mapping[str, Path | None], *inputs: Path | str | None, data: str | None = None) -> None:
    """See that no output is an input or another output, before any work.

    Parameters
    ----------
    outputs
        By the options that name them.
    inputs
        Files and folders that are read; nothing is written into such a folder.
    data
        Folder of the data set, of which only the files are read.

    Raises
    ------
    UserError
        One is.
    """
    from zeroskip.files.outputs import OutputError, check_apart

    files: list[Path] = []
    with contextlib.suppress(OSError, ValueError):
        files = [path for path in Path(data).iterdir() if path.is_file()] if data is not None else []
    try:
        check_apart(outputs, [*inputs, *files])
    except OutputError as error:
        raise UserError(str(error)) from None


def cache_folder(given: Path | None) -> Path:
    """The folder of what was built before: the one that was given, else the user's own."""
    from zeroskip.files.cache import default_cache

    return given if given is not None else default_cache()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong while `path` is written into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all; NaN and infinity are refused."""
    from zeroskip.files.writing import write_json as write

    with writing(path):
        write(path, document)


def say(text: object, *, error: bool = False) -> None:
    """Print a line, of printable characters, whatever names from files are in it."""
    print(shown(text), file=sys.stderr if error else sys.stdout)


@contextlib.contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """A line that shows what is going on, on a terminal only; the value is called with a few words."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status(title) as status:
        yield lambda text: status.update(escape(f"{title}: {shown(text)}"))


def table(columns: list[str], rows: list[list[str]]) -> None:
    """Print a table: with lines on a terminal, plain columns elsewhere."""
    rows = [[shown(word) for word in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        lined = Table(*columns)
        for row in rows:
            lined.add_row(*map(Text, row))
        Console().print(lined)
        return
    widths = [max(len(row[n]) for row in [columns, *rows]) for n in range(len(columns))]
    for row in [columns, *rows]:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())
