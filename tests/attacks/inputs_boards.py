"""Folders of `zerokeep build` for `flash`."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.attacks.case import Case, Content, case, fifo, folder, link_to, sparse

BITS = b"bits"


def _build(bits: Content | None = BITS, **changed: Any) -> dict[str, Content]:
    """A build with other values in its manifest."""
    manifest = {"board": "ulx3s-85f", "sha256": {"top.bit": hashlib.sha256(BITS).hexdigest()}} | changed
    made: dict[str, Content] = {"b/manifest.json": json.dumps(manifest)}
    return made if bits is None else made | {"b/top.bit": bits}


BUILDS: list[tuple[str, dict[str, Content], str]] = [
    ("no folder", {}, "no folder of `zerokeep build`"),
    ("an empty folder", {"b": folder}, "no folder of `zerokeep build`"),
    ("a file", {"b": b"x"}, "no folder of `zerokeep build`"),
    ("a manifest that is no JSON", {"b/manifest.json": "bits"}, "no JSON"),
    ("a manifest of brackets", {"b/manifest.json": "[" * 100_000}, "nested too deeply"),
    ("a manifest {}", {"b/manifest.json": "{}"}, "is no manifest"),
    ("a manifest that is a list", {"b/manifest.json": "[]"}, "is no manifest"),
    ("a manifest that is a FIFO", {"b/manifest.json": fifo}, "found a FIFO"),
    ("a manifest that is a device", {"b/manifest.json": link_to("/dev/zero")}, "found a device"),
    ("a manifest of 1 TB", {"b/manifest.json": sparse(1 << 40)}, "at most 16.0 MB"),
    ("a board that is a list", _build(board=["ulx3s-85f"]), "is no manifest"),
    ("an unknown board", _build(board="../../bin/sh"), "board: found"),
    ("a board of control characters", _build(board="\x1b[2J\n"), "board: found"),
    ("a board that is an option", _build(board="--help"), "board: found"),
    ("hashes that are a list", _build(sha256=[]), "is no manifest"),
    ("no hash of the bitstream", _build(sha256={}), "its manifest says"),
    ("a hash of null", _build(sha256={"top.bit": None}), "its manifest says"),
    ("a hash of control characters", _build(sha256={"top.bit": "\x1b[2J\n"}), "its manifest says"),
    ("hashes of other files", _build(sha256={"../top.bit": "0", "/etc/passwd": "0"}), "its manifest says"),
    ("another bitstream", _build(b"bytes"), "its manifest says"),
    ("no bitstream", _build(None), "no such file"),
    ("a bitstream that is a FIFO", _build(fifo), "found a FIFO"),
    ("a bitstream that is a folder", _build(folder), "found a folder"),
    ("a bitstream that is a device", _build(link_to("/dev/zero")), "found a device"),
    ("a bitstream of 1 TB", _build(sparse(1 << 40)), "at most 64.0 MB"),
]


def cases() -> list[Case]:
    """All with ``--dry-run``, half of them without: none may come to starting the loader."""
    return [case(f"flash, {name}", f"flash b{' --dry-run' if number % 2 else ''}", says, files)
            for number, (name, files, says) in enumerate(BUILDS)]
