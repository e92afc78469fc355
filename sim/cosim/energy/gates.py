"""An engine on gates: its netlist of the library's cells, and the same as a design that cocotb can run."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cosim.designs import cached
from cosim.energy.activity import DUT
from cosim.energy.library import LIBERTY, cells
from cosim.energy.netlist import MEMORY_BOX, map_cells, simulation
from cosim.simulators import move_into_place
from zeroskip.config import ArrayConfig
from zeroskip.verilog import GeneratedDesign

GATES = "gates"
"""The module of the netlist."""
_WINDOW = """  bit begun;
  integer cycles = 0, file;
  always_comb running = begun | (s_axis_weights_tvalid & s_axis_weights_tready);
  always @(posedge clk) begin
    begun <= running & ~(m_axis_result_tvalid & m_axis_result_tready & m_axis_result_tlast);
    cycles <= cycles + running;
  end
  final begin
    file = $fopen("window.txt", "w");
    $fdisplay(file, "%0d", cycles);
    $fclose(file);
  end
"""
_NETLIST, _SIMULATION, _SIDECAR = "netlist.v", "gates.v", "gates.json"


@dataclass(frozen=True, kw_only=True)
class Gates:
    """``netlist``: flat, of the module ``GATES``; ``design``: a top around it, under the engine's own ports."""

    netlist: Path
    design: GeneratedDesign


def gates(config: ArrayConfig, kind: str, cache: Path) -> Gates:
    """An engine of one kind on gates, or from the folder `cache` where nothing that it is made of has changed.

    Raises
    ------
    ToolError
        A tool is missing or failed.
    """
    engine = cached(config, kind, cache / "verilog")
    target = cache / "gates" / f"{engine.top}-{_recipe(engine)}"
    if not (target / _SIDECAR).is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".gates-"))
        try:
            _write(engine, scratch)
            move_into_place(scratch, target, lambda: (target / _SIDECAR).is_file())
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    verilog = target / _SIMULATION
    digest = hashlib.sha256(verilog.read_bytes()).hexdigest()
    return Gates(netlist=target / _NETLIST, design=GeneratedDesign(
        verilog=verilog, sidecar=target / _SIDECAR, top=engine.top, digest=digest))


def _recipe(engine: GeneratedDesign) -> str:
    """What must be equal for a netlist to be used again: the engine, the library, and the sources here."""
    digest = hashlib.sha256(engine.digest.encode() + LIBERTY.read_bytes())
    digest.update(importlib.metadata.version("pyosys").encode())
    for path in sorted(Path(__file__).parent.glob("*")):
        if path.suffix in (".v", ".constr") or path.name in ("gates.py", "netlist.py", "library.py"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _write(engine: GeneratedDesign, folder: Path) -> None:
    """The three files; the sidecar last, so that it stands for all."""
    netlist = folder / _NETLIST
    map_cells(engine.verilog, engine.top, netlist)
    text = netlist.read_text(encoding="utf-8").replace(f"module {engine.top}(", f"module {GATES}(", 1)
    netlist.write_text(text, encoding="utf-8")
    sidecar = json.loads(engine.sidecar.read_text())
    (folder / _SIMULATION).write_text("\n".join(
        [_wrapper(engine.top, sidecar["ports"]), simulation(text, cells()), MEMORY_BOX.read_text()]), encoding="utf-8")
    (folder / _SIDECAR).write_text(json.dumps(sidecar | {"verilog": _SIMULATION}, indent=1))


def _wrapper(top: str, ports: dict[str, dict[str, int | str]]) -> str:
    """A module around the netlist, so that its nets lie in an instance of their own; and when a program runs.

    That is from the first beat of its weights to the last of its result; ``window.txt`` has the cycles.
    """
    declared = ", ".join(f"{port['direction']} [{int(port['width']) - 1}:0] {name}" for name, port in ports.items())
    joined = ", ".join(f".{name}({name})" for name in ports)
    return f"bit running;\nmodule {top}({declared});\n  {GATES} {DUT}({joined});\n{_WINDOW}endmodule\n"
