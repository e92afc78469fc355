"""The ECP5 netlist of a generated design as a design of its own, to be simulated with the same testbench."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import re
from pathlib import Path

from cosim.designs import load
from zeroskip.files.cache import entry, key_of
from zeroskip.files.reading import read_json, read_text
from zeroskip.files.workplace import workplace
from zeroskip.files.writing import write_json, write_text
from zeroskip.synth import VERILOG_BYTES, synthesise
from zeroskip.verilog import GeneratedDesign, ToolError

CELLS = Path(__file__).with_name("ecp5_cells.v")
"""Twins of the cells that yosys has no model of."""
MODELS = ("common_sim.vh", "ccu2c_sim.vh")
"""Yosys' own models: LUTs and their multiplexers, flip-flops, LUT memories; carry chains."""
_INITIAL = re.compile(r"^    \.INITVAL_..\(320'h([0-9a-f]+)\),?\n", re.MULTILINE)
_SPECIFY = re.compile(r"^\s*specify\b.*?\bendspecify\b", re.MULTILINE | re.DOTALL)


def models() -> str:
    """Verilog of every cell: yosys' models without their timing, and the twins."""
    spec = importlib.util.find_spec("pyosys")
    if spec is None or spec.origin is None:
        raise ToolError("yosys was not found: install it with `pip install pyosys`")
    folder = Path(spec.origin).parent / "share" / "ecp5"
    theirs = [_SPECIFY.sub("", (folder / name).read_text()) for name in MODELS]
    return "\n".join(["`define NO_INCLUDES", *theirs, CELLS.read_text()])


def without_initial_zeros(netlist: str) -> str:
    """The netlist without the contents of block memories, which are zero.

    Raises
    ------
    ToolError
        One is not: the twin of the memory begins with zeros.
    """
    if any(set(contents) != {"0"} for contents in _INITIAL.findall(netlist)):
        raise ToolError("a block memory of the netlist does not begin with zeros, as its model for simulation does")
    return _INITIAL.sub("", netlist)


def synthesised(design: GeneratedDesign, cache: Path) -> GeneratedDesign:
    """Synthesise a design for ECP5, or take the netlist from the folder `cache`; sidecar and top are the design's."""
    cells = models()

    def make(folder: Path) -> None:
        about = read_json(design.sidecar)
        with workplace() as place:
            netlist = place / "netlist.v"
            resources = synthesise(design.verilog, design.top, multipliers=about["multipliers"], netlist=netlist)
            text = cells + without_initial_zeros(read_text(netlist, VERILOG_BYTES))
        write_text(folder / "netlist.v", text)
        write_json(folder / "netlist.json", about | {
            "sha256": hashlib.sha256(text.encode()).hexdigest(), "verilog": "netlist.v",
            "resources": resources["total"]})

    key = key_of(design.digest, design.top, importlib.metadata.version("pyosys"), cells)
    return load(entry(cache, f"{design.top}-netlist", key, make))
