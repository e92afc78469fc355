"""One bad input: the files that it is made of, the command, and what the refusal must say."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Content = bytes | str | Callable[[Path], object]
"""Of a file: bytes, text, or a function that makes it (a FIFO, a link, a folder) at the path that it is given."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A bad input.

    Parameters
    ----------
    name
        Says the verb, where the files come from, and what is wrong with them.
    argv
        The command, run in a fresh folder that holds the `files`.
    says
        What the message must contain: a refusal for another reason is no refusal of this input.
    files
        Contents by relative name.
    status
        The exit status that is right.
    needs
        A program without which there is nothing to try: the case is passed over.
    environment
        Variables besides; ``None`` takes one away. With it, or with ``real``, the case is run by the real executable.
    real
        How the executable is run, a key of ``HOW`` in ``tests.attacks.real``; empty: in a fork, which is much quicker.
    """

    name: str
    argv: tuple[str, ...]
    says: str
    files: Mapping[str, Content] = field(default_factory=dict)
    status: int = 2
    needs: str = ""
    environment: Mapping[str, str | None] = field(default_factory=dict)
    real: str = ""

    @property
    def verb(self) -> str:
        """The first word of the command."""
        return self.argv[0] if self.argv else ""

    def make(self, folder: Path) -> None:
        """Make the files in a folder that is there."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if callable(content):
                content(path)
            else:
                path.write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)


def case(name: str, command: str, says: str, files: Mapping[str, Content] | None = None, *more: str,
         **options: object) -> Case:
    """A case whose command is words with blanks between them, and then `more` words as they are."""
    return Case(name=name, argv=(*command.split(), *more), says=says, files=files or {}, **options)  # type: ignore[arg-type]


def fifo(path: Path) -> None:
    """A FIFO that nobody writes to: whoever opens it waits for ever."""
    os.mkfifo(path)


def folder(path: Path) -> None:
    """An empty folder."""
    path.mkdir()


def link_to(target: str) -> Callable[[Path], None]:
    """A symbolic link."""
    return lambda path: path.symlink_to(target)


def hard_link_to(name: str) -> Callable[[Path], None]:
    """A second name of a file of the same case, which stands before it."""
    return lambda path: path.hardlink_to(path.parent / name)


def sparse(size: int) -> Callable[[Path], None]:
    """A file of zeros that takes no room."""
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return make
