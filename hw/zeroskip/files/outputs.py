"""Places that a command writes to, checked against what it reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from zeroskip.files.names import shown
from zeroskip.files.writing import place_of


class OutputError(ValueError):
    """An output that would overwrite an input, or another output; the message names both."""


def check_apart(outputs: Mapping[str, str | os.PathLike[str] | None],
                inputs: Iterable[str | os.PathLike[str] | None]) -> None:
    """See that no output is an input, or lies in a folder that is one, or is another output.

    Parameters
    ----------
    outputs
        Paths by the option that names them; ``None`` where it was not given.
    inputs
        Paths of files and folders that are read; ``None`` or what is no path that exists is passed over.

    Raises
    ------
    OutputError
        One does.
    """
    seen: dict[Path, str] = {}
    read = [(path, place_of(path)) for path in inputs if path is not None and _exists(path)]
    for option, path in outputs.items():
        if path is None:
            continue
        try:
            target = place_of(path)
        except OSError as error:
            raise OutputError(f"{option} {shown(path)}: {error.strerror}") from None
        for other, by in seen.items():
            if target == other:
                raise OutputError(f"{option} {shown(path)} is written by {by}, too; give another place")
            if target in other.parents or other in target.parents:
                raise OutputError(f"{option} {shown(path)} and what {by} writes lie in one another; give another place")
        seen[target] = option
        for given, source in read:
            if _same(target, source):
                raise OutputError(f"{option} {shown(path)} is what is read ({shown(given)}); give another place")
            if source.is_dir() and source in target.parents:
                raise OutputError(f"{option} {shown(path)} lies in {shown(given)}, which is read; give another place")


def _exists(path: str | os.PathLike[str]) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def _same(one: Path, other: Path) -> bool:
    try:
        return one == other or os.path.samefile(one, other)
    except OSError:
        return False
