"""A design made of the library's cells, and the library as Verilog, by yosys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosim.energy.library import LIBERTY, Cell
from zeroskip.synth import run_yosys

_INSTANCE = re.compile(r"^  (\w+) (\\\S+ |\w+) \(\n(.*?)\n  \);", re.MULTILINE | re.DOTALL)
_CONNECTION = re.compile(r"\.(\w+)\((.*?)\)(?:,|$)", re.MULTILINE)
DELAY_PS = 5000
"""The delay that abc aims at: that of a multiplier at 100 MHz, with a margin."""


@dataclass(frozen=True)
class Instance:
    """A cell of the netlist: its kind, its name, and the net at each pin."""

    kind: str
    name: str
    pins: dict[str, str]


def map_cells(verilog: Path, top: str, netlist: Path, *, timeout: float = 1800.0) -> None:
    """Write `top` of a Verilog file as a flat netlist of the library's cells.

    Raises
    ------
    ToolError
        yosys failed.
    """
    run_yosys("\n".join([
        f"read_verilog {verilog}", f"synth -flatten -top {top}", f"dfflibmap -liberty {LIBERTY}",
        f"abc -liberty {LIBERTY} -D {DELAY_PS}", "opt_clean -purge", f"write_verilog -noattr -noexpr {netlist}",
    ]) + "\n", netlist.with_suffix(".log"), timeout)


def write_models(path: Path) -> None:
    """The library's cells as Verilog: what each one computes, without delays."""
    run_yosys(f"read_liberty {LIBERTY}\nwrite_verilog -noattr {path}\n", path.with_suffix(".log"), 60.0)


def instances(netlist: str, library: dict[str, Cell]) -> Iterator[Instance]:
    """The cells in the text of a flat netlist; what is no cell of the library is left out."""
    for kind, name, pins in _INSTANCE.findall(netlist):
        if kind in library:
            nets = {pin: net.strip().removeprefix("\\") for pin, net in _CONNECTION.findall(pins)}
            yield Instance(kind, name.strip().removeprefix("\\"), nets)
