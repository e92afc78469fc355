"""A design made of the library's cells, by yosys, and the same as Verilog that simulates quickly."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosim.energy.library import LIBERTY, Cell
from zeroskip.files.reading import read_bytes
from zeroskip.files.workplace import link, workplace
from zeroskip.files.writing import write_bytes
from zeroskip.synth import run_yosys
from zeroskip.verilog import copy_input

HERE = Path(__file__).parent
MEMORY_MAP, MEMORY_BOX, CLOCK_GATE = (HERE / name for name in ("memory_map.v", "memory_box.v", "clock_gate.v"))
CONSTRAINTS = HERE / "abc.constr"
"""What drives and loads the design: with these abc puts buffers behind what drives many, and sizes cells."""
GATED_TOGETHER = 4
"""Registers that share an enable, from which on a gate is worth more than their multiplexers."""
DELAY_PS = 8000
"""What abc aims at: 100 MHz with a margin."""
_INSTANCE = re.compile(r"^  (\w+) (\\\S+ |\w+) \(\n(.*?)\n  \);\n", re.MULTILINE | re.DOTALL)
_CONNECTION = re.compile(r"\.(\w+)\((.*?)\)(?:,|$)", re.MULTILINE)


@dataclass(frozen=True)
class Instance:
    """A cell of the netlist: its kind, its name, and the net at each pin, as Verilog writes them.

    After a name with a backslash there is a blank.
    """

    kind: str
    name: str
    pins: dict[str, str]


def map_cells(verilog: Path, top: str, netlist: Path, *, timeout: float = 1800.0) -> None:
    """Write `top` of a Verilog file as a flat netlist of the library's cells, clocks gated, memories in boxes.

    Raises
    ------
    ToolError
        yosys failed.
    """
    with workplace() as place:
        copy_input(verilog, place / "design.v")
        for path in (MEMORY_MAP, CLOCK_GATE, CONSTRAINTS):
            shutil.copyfile(path, place / path.name)
        link(place / "cells.lib", LIBERTY)
        run_yosys("\n".join([
            "read_verilog design.v", f"hierarchy -check -top {top}", "proc", "opt_clean", "memory -nomap", "opt_clean",
            f"techmap -map {MEMORY_MAP.name}", f"read_verilog -lib {MEMORY_MAP.name}", f"synth -flatten -top {top}",
            f"techmap -map {CLOCK_GATE.name}", "simplemap", "opt -fast",
            f"clockgate -pos clock_gate E:CLK:GCLK -min_net_size {GATED_TOGETHER}", f"techmap -map {CLOCK_GATE.name}",
            "simplemap", "dfflibmap -liberty cells.lib",
            f"abc -liberty cells.lib -constr {CONSTRAINTS.name} -D {DELAY_PS}",
            "opt_clean -purge", "write_verilog -noattr -noexpr netlist.v",
        ]) + "\n", place, timeout)
        write_bytes(netlist, read_bytes(place / "netlist.v"))


def instances(netlist: str, library: dict[str, Cell]) -> Iterator[Instance]:
    """The cells in the text of a flat netlist; what is no cell of the library is left out."""
    for match in _INSTANCE.finditer(netlist):
        if match[1] in library:
            yield _instance(match)


def _instance(match: re.Match[str]) -> Instance:
    pins = {pin: f"{net.strip()} " if "\\" in net else net.strip() for pin, net in _CONNECTION.findall(match[3])}
    return Instance(match[1], match[2].strip().removeprefix("\\"), pins)


def simulation(netlist: str, library: dict[str, Cell]) -> str:
    """The netlist with what each cell computes in the cell's place: the same nets, and nothing that is not one.

    Raises
    ------
    KeyError
        A cell of a kind whose behaviour is not known here.
    """
    number = iter(range(len(netlist)))

    def behaviour(match: re.Match[str]) -> str:
        if match[1] not in library:
            return match[0]
        cell, own = library[match[1]], _instance(match)
        if cell.state is None:
            return "".join(f"  assign {own.pins[pin]} = {_with_nets(function, own.pins)};\n"
                           for pin, function in cell.functions.items() if pin in own.pins)
        clock, state = own.pins[cell.clock], f"state_{next(number)}"
        when = {"rise": f"always @(posedge {clock}) {state} <= {own.pins['D']};",
                "fall": f"always @(negedge {clock}) {state} <= {own.pins['D']};",
                "high": f"always @* if ({clock}) {state} = {own.pins['D']};"}[cell.state]
        return f"  reg {state} = 0;\n  {when}\n  assign {own.pins['Q']} = {state};\n"

    return _INSTANCE.sub(behaviour, netlist)


def _with_nets(function: str, pins: dict[str, str]) -> str:
    """A function of the library in Verilog: blanks are AND there, plus is OR.

    >>> _with_nets("(!((A B)+C))", {"A": "x", "B": "y[1]", "C": "z"})
    '(~((x & y[1])|z))'
    """
    text = re.sub(r"(?<=[\w)]) +(?=[\w(!])", " & ", function).replace("+", "|").replace("!", "~")
    text = re.sub(r"\s*\|\s*", "|", text)
    return re.sub(r"[A-Z]\w*", lambda name: pins[name[0]], text)


def net_name(net: str) -> str:
    r"""A net as activity files call it.

    >>> net_name("\\a.b [3] ")
    'a.b[3]'
    """
    return net.replace("\\", "").replace(" ", "")
