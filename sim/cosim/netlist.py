"""The ECP5 netlist of a generated design as a design of its own, to be simulated with the same testbench."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import re
import shutil
import tempfile
from pathlib import Path

from cosim.designs import load
from cosim.simulators import move_into_place
from zeroskip.synth import synthesise
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
    parts = (design.digest, design.top, importlib.metadata.version("pyosys"), cells)
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    target = Path(cache) / f"{design.top}-netlist-{key}"
    if (found := load(target)) is not None:
        return found
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".netlist-"))
    try:
        about = json.loads(design.sidecar.read_text())
        verilog = scratch / f"{design.top}.v"
        resources = synthesise(design.verilog, design.top, multipliers=about["multipliers"], netlist=verilog)
        text = cells + without_initial_zeros(verilog.read_text())
        verilog.write_text(text)
        about |= {"sha256": hashlib.sha256(text.encode()).hexdigest(), "verilog": verilog.name,
                  "resources": resources["total"]}
        (scratch / f"{design.top}.json").write_text(json.dumps(about, indent=1) + "\n")
        move_into_place(scratch, target, lambda: load(target) is not None)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    found = load(target)
    assert found is not None
    return found
