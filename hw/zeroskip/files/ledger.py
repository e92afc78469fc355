"""Folders that files are added to: a ledger in the folder says which of them are ours, and no other is overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterable

from zeroskip.files.folders import NotOursError
from zeroskip.files.names import shown
from zeroskip.files.reading import ReadError, read_json
from zeroskip.files.writing import place_of, write_json

LEDGER = ".zerokeep.json"
FORMAT = "zerokeep-files"


def claim(path: str | os.PathLike[str], names: Iterable[str], *, alone: bool = False) -> None:
    """Note that files and folders of these names are ours, before they are written; the folder is made if need be.

    See `check` for what may not be there.

    Raises
    ------
    NotOursError
        Something would be overwritten that is not ours, or the path is a file.
    OSError
        The folder cannot be made or written.
    """
    names = {*names}
    ours = check(path, names, alone=alone)
    if ours is None or not ours >= names:
        folder = place_of(path)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / LEDGER, {"format": FORMAT, "files": sorted((ours or set()) | names)})


def check(path: str | os.PathLike[str], names: Iterable[str], *, alone: bool = False) -> set[str] | None:
    """See that files and folders of these names may be written into a folder, which is left as it is.

    Parameters
    ----------
    path
        The folder.
    names
        Relative to it; what is there under them must be in the ledger already.
    alone
        Whether a folder that holds anything must have a ledger, whatever it holds.

    Returns the names that are in its ledger; ``None`` where it has none.

    Raises
    ------
    NotOursError
        Something would be overwritten that is not ours, or the path is a file.
    OSError
        The folder cannot be read.
    """
    folder, given = place_of(path), shown(os.fspath(path))
    if not os.path.lexists(folder):
        return None
    if not folder.is_dir():
        raise NotOursError(f"{given} is a file, not a folder; give another place")
    ours = _read(folder)
    if alone and ours is None and (found := sorted(entry.name for entry in os.scandir(folder))):
        raise NotOursError(f"{given} holds {shown(found[0], 80)!r}, and zerokeep did not begin that folder: give a new "
                           "or an empty one")
    for name in names:
        if name not in (ours or ()) and os.path.lexists(folder / name):
            raise NotOursError(f"{given} holds {shown(name, 80)!r}, which zerokeep did not write there and would "
                               "overwrite: give another folder, or move it away")
    return ours


def _read(folder: os.PathLike[str]) -> set[str] | None:
    """The names in a folder's ledger; ``None`` where it has none."""
    path = os.path.join(folder, LEDGER)
    if not os.path.lexists(path):
        return None
    try:
        document = read_json(path)
    except ReadError as error:
        raise NotOursError(f"{error}; it should say which files are zerokeep's: give another folder") from None
    files = document.get("files") if isinstance(document, dict) and document.get("format") == FORMAT else None
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise NotOursError(f"{shown(path)} is no ledger of zerokeep's: give another folder")
    return set(files)
