"""An engine on gates: its netlist of the library's cells, and the same as a design that cocotb can run."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from cosim.designs import cached
from cosim.energy.activity import DUT
from cosim.energy.library import LIBERTY, cells
from cosim.energy.netlist import MEMORY_BOX, map_cells, simulation
from zeroskip.files.cache import entry
from zeroskip.files.reading import read_json, read_text
from zeroskip.files.writing import write_json, write_text
from zeroskip.spec.config import EngineConfig
from zeroskip.synth import VERILOG_BYTES
from zeroskip.verilog import GeneratedDesign

GATES = "gates"
"""The module of the netlist."""
_WINDOW = """  bit begun;
  reg [$bits(s_axil_awaddr)-1:0] address;
  reg [31:0] value, expected = 1, left = 1;
  integer cycles = 0, file;
  wire packet = m_axis_result_tvalid & m_axis_result_tready & m_axis_result_tlast;
  always_comb running = begun | (s_axis_program_tvalid & s_axis_program_tready);
  always @(posedge clk) begin
    if (s_axil_awvalid & s_axil_awready) address <= s_axil_awaddr;
    if (s_axil_wvalid & s_axil_wready) value <= s_axil_wdata;
    if (s_axil_bvalid & s_axil_bready & address == RESULTS) expected <= value;
    begun <= running & ~(packet & left == 1);
    left <= begun ? left - packet : expected;
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


def gates(config: EngineConfig, kind: str, cache: Path) -> Gates:
    """An engine of one kind on gates, or from the folder `cache` where nothing that it is made of has changed.

    Raises
    ------
    ToolError
        A tool is missing or failed.
    """
    engine = cached(config, kind, cache / "verilog")

    def make(folder: Path) -> None:
        _write(engine, folder)

    place = entry(cache / "gates", engine.top, _recipe(engine), make).folder
    sidecar = place / _SIDECAR
    return Gates(netlist=place / _NETLIST, design=GeneratedDesign(
        verilog=place / _SIMULATION, sidecar=sidecar, top=engine.top, digest=read_json(sidecar)["sha256"]))


def _recipe(engine: GeneratedDesign) -> str:
    """What must be equal for a netlist to be used again: the engine, the library, and the sources here."""
    digest = hashlib.sha256(engine.digest.encode() + LIBERTY.read_bytes())
    digest.update(importlib.metadata.version("pyosys").encode())
    for path in sorted(Path(__file__).parent.glob("*")):
        if path.suffix in (".v", ".constr") or path.name in ("gates.py", "netlist.py", "library.py"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _write(engine: GeneratedDesign, folder: Path) -> None:
    """The three files."""
    netlist = folder / _NETLIST
    map_cells(engine.verilog, engine.top, netlist)
    text = read_text(netlist, VERILOG_BYTES).replace(f"module {engine.top}(", f"module {GATES}(", 1)
    write_text(netlist, text)
    sidecar = read_json(engine.sidecar)
    results = sidecar["registers"]["results"]["address"]
    simulated = "\n".join([_wrapper(engine.top, sidecar["ports"], results), simulation(text, cells()),
                           MEMORY_BOX.read_text()])
    write_text(folder / _SIMULATION, simulated)
    write_json(folder / _SIDECAR, sidecar | {
        "verilog": _SIMULATION, "sha256": hashlib.sha256(simulated.encode()).hexdigest()})


def _wrapper(top: str, ports: dict[str, dict[str, int | str]], results: int) -> str:
    """A module around the netlist, so that its nets lie in an instance of their own; and when a program runs.

    That is from its first beat to the last of its last result, of as many as the register at `results` says;
    ``window.txt`` has the cycles.
    """
    declared = ", ".join(f"{port['direction']} [{int(port['width']) - 1}:0] {name}" for name, port in ports.items())
    joined = ", ".join(f".{name}({name})" for name in ports)
    return (f"bit running;\nmodule {top}({declared});\n  {GATES} {DUT}({joined});\n"
            f"  localparam RESULTS = {results};\n{_WINDOW}endmodule\n")
