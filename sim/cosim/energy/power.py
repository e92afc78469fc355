"""The power of a netlist at the activity of a simulation, by OpenSTA; and its slowest path.

Debian's OpenSTA is of 2019. What must be known of it, each of which a test shows on a few cells:

- It reads no activity files, and its own command for a pin's activity is broken, so every pin is set one by one by the
  command below it. A pin that is not set gets a guess: the share of pins that are set is part of every result.
- It ignores what was set where no clock arrives. So what comes from ports and memories is driven by registers that are
  put there, and whose own cost is taken off.
- The energy inside of a cell it adds up over rise and fall where it should take the mean, but at the data pins of
  registers: it is halved here, and what it says at those pins is found by a run without them.
- It knows no clock tree: every register is put at the port of the clock, as a tree would drive it. What its clock costs
  is measured by a run in which nothing else switches, and counted for the cycles in which its gate was open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.energy.activity import PERIOD_NS, Activity
from cosim.energy.library import CLOCK_PIN, LIBERTY, VOLTS, Cell, cells, find
from cosim.energy.netlist import Instance, instances, net_name
from zeroskip.files.process import run
from zeroskip.files.reading import read_text
from zeroskip.files.workplace import link, workplace
from zeroskip.synth import VERILOG_BYTES
from zeroskip.verilog import ToolError

_ROW = re.compile(r"^(Sequential|Combinational|Macro|Pad|Total)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)", re.MULTILINE)
_ARRIVAL = re.compile(r"(\S+)\s+data arrival time")
_BOX = re.compile(r"^  memory_box #\(.*?^  \);\n", re.MULTILINE | re.DOTALL)
_ALIAS = re.compile(r"^  assign .*\{.*;\n", re.MULTILINE)
"""Second names of nets, which no cell uses; OpenSTA cannot read them."""
_ASSIGN = re.compile(r"^  assign (\\\S+ |\w+)\s*(?:\[(\d+)(?::(\d+))?\])? =", re.MULTILINE)
_INPUT = re.compile(r"^  input (?:\[\d+:\d+\] )?(\\\S+ |\w+) ?;\n", re.MULTILINE)
_HEAD = re.compile(r"^module (\S+?) ?\((.*?)\);\n", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"_\d+(?=\.|$)")
CLOCK = "clk"
REGISTERS = ("DFFPOSX1", "DFFNEGX1")
_CLOCKED = re.compile(rf"(  (?:{'|'.join(REGISTERS)}) \S+ \(\n\s*)\.{CLOCK_PIN}\([^)]*\)")


@dataclass(frozen=True, kw_only=True)
class Power:
    """Picojoules in each cycle, and what they were measured on.

    ``sequential``, ``combinational``: of cells, with the nets that they drive, and leakage. ``clock``: charging the
    clock pins of registers, in cycles in which their gates are open; the wires and buffers of a tree are not in it.
    ``by_part``: of registers by submodule, equal ones together: how many, and what it costs to clock them, on their
    pins and inside, which is most of ``sequential``.
    ``annotated``: the share of the cells' pins whose activity was simulated. ``area`` in square micrometres,
    ``delay_ns`` of the slowest path.
    """

    sequential: float
    combinational: float
    clock: float
    annotated: float
    area: float
    delay_ns: float
    by_part: dict[str, tuple[int, float]]

    @property
    def total(self) -> float:
        """All of it."""
        return self.sequential + self.combinational + self.clock


@dataclass(frozen=True)
class _Report:
    """Picojoules a cycle of one group of cells, as OpenSTA says them."""

    internal: float
    switching: float
    leakage: float


def measure(netlist: Path, top: str, activity: Activity) -> Power:
    """Picojoules a cycle.

    Parameters
    ----------
    netlist
        Flat, of the library's cells.
    top
        Its module, with the clock ``clk``.
    activity
        Of its nets.

    Raises
    ------
    ToolError
        OpenSTA is missing or failed.
    """
    library = cells()
    text = _ALIAS.sub("", _BOX.sub("", read_text(netlist, VERILOG_BYTES)))
    found = list(instances(text, library))
    pins = {f"{own.name}/{pin}": _known(net, activity) for own in found for pin, net in own.pins.items()}
    known = {pin: own for pin, own in pins.items() if own is not None}
    text, sources = with_sources(_CLOCKED.sub(rf"\g<1>.{CLOCK_PIN}({CLOCK})", text), top, found, library)
    driven = {f"{name}/Q": does for name, net in sources.items() if (does := _known(net, activity)) is not None}
    data = {f"{own.name}/D" for own in found if library[own.kind].state is not None}
    quiet = dict.fromkeys([*known, *driven], (0, 0.5))
    (idle, busy, still, outside), delay = _reports(text, top, [
        quiet, known | driven, dict.fromkeys(known.keys() & data, (0, 0.5)), quiet | driven], activity.cycles,
        latches=[own.name for own in found if library[own.kind].state == "high"])
    registers = [own for own in found if own.kind in REGISTERS]
    each = (idle["Sequential"].internal / 2 + idle["Sequential"].leakage) / (len(registers) + len(sources))
    closed = clock = 0.0
    parts: dict[str, tuple[int, float]] = {}
    for own in registers:
        changes = _known(own.pins[CLOCK_PIN], activity)
        open_ = changes[0] / activity.cycles / 2 if changes is not None else 1.0
        pin = library[own.kind].loads[CLOCK_PIN] * VOLTS**2
        closed += each * (1 - open_)
        clock += pin * open_
        part = _NUMBER.sub("", net_name(own.pins["Q"]).rpartition(".")[0])
        count, spent = parts.get(part, (0, 0.0))
        parts[part] = count + 1, spent + (each + pin) * open_

    def whole(group: str) -> float:
        at_data = busy[group].internal - still[group].internal
        return still[group].internal / 2 + at_data + busy[group].switching + busy[group].leakage

    added = (outside["Sequential"].internal - idle["Sequential"].internal) / 2 + outside["Sequential"].switching
    sequential = whole("Sequential") - added - len(sources) * each - closed
    return Power(sequential=sequential, combinational=whole("Combinational"), clock=clock,
                 annotated=len(known) / len(pins), area=sum(library[own.kind].area for own in found), delay_ns=delay,
                 by_part=dict(sorted(parts.items(), key=lambda item: -item[1][1])))


def with_sources(text: str, top: str, found: Sequence[Instance], library: Mapping[str, Cell]
                 ) -> tuple[str, dict[str, str]]:
    """The netlist with a register at every net that no cell drives, inputs among them; their nets by name."""
    driven, taken = {CLOCK}, dict[str, str]()
    for own in found:
        for pin, net in own.pins.items():
            if pin in library[own.kind].loads:
                taken.setdefault(net_name(net), net)
            else:
                driven.add(net_name(net))
    for name, first, last in _ASSIGN.findall(text):  # a second name of what is driven
        bits = range(int(last or first), int(first) + 1) if first else ()
        driven |= {f"{net_name(name)}[{bit}]" for bit in bits} or {net_name(name)}
    sources = {f"source_{number}": net for number, (name, net) in enumerate(taken.items())
               if not {name, name.partition("[")[0]} & driven and "'" not in name}
    inputs = [name for name in _INPUT.findall(text) if name.strip() != CLOCK]
    text = _INPUT.sub(lambda match: match[0] if match[1].strip() == CLOCK else "", text)
    head = _HEAD.search(text)
    if head is None or head[1].lstrip("\\").strip() != top:
        raise ToolError(f"the netlist does not begin with module {top}")
    ports = [port for port in re.split(r",\s*", head[2]) if port.strip() not in {name.strip() for name in inputs}]
    added = "".join(f"  DFFPOSX1 {name} (.CLK({CLOCK}), .D(1'h0), .Q({net}));\n" for name, net in sources.items())
    body = f"{text[head.end():].rpartition('endmodule')[0]}{added}endmodule\n"
    return f"{text[:head.start()]}module {head[1]}({', '.join(ports)});\n{body}", sources


def _reports(netlist: str, top: str, activities: Sequence[Mapping[str, tuple[int, float]]], cycles: int,
             latches: Sequence[str]) -> tuple[list[dict[str, _Report]], float]:
    """Groups of cells at one activity after the other, each on top of those before; the slowest path's delay.

    That is one from register to register: the latches of the clocks' gates have half a cycle, and are left out.
    """
    lines = ["read_liberty cells.lib", "read_verilog clocked.v", f"link_design {top}",
             f"create_clock -period {PERIOD_NS} -name {CLOCK} [get_ports {CLOCK}]"]
    for activity in activities:
        lines += [f"sta::set_power_pin_activity [get_pins {{{pin}}}] {changes / cycles:.6f} {high:.6f}"
                  for pin, (changes, high) in activity.items()]
        lines.append("report_power -digits 8")
    lines += [f"set_false_path -to [get_pins {{{name}/D}}]" for name in latches]
    with workplace() as place:
        link(place / "cells.lib", LIBERTY)
        (place / "clocked.v").write_text(netlist, encoding="utf-8")
        (place / "power.tcl").write_text("\n".join([*lines, "report_checks -digits 4", "exit"]) + "\n")
        done = run([find(), "-no_splash", "-exit", "power.tcl"], folder=place, name="OpenSTA")
    said = done.said
    tables = [{row[0]: _Report(*(float(value) * PERIOD_NS * 1e3 for value in row[1:4])) for row in _ROW.findall(part)}
              for part in said.split("Group ")[1:]]
    arrival = _ARRIVAL.search(said)
    if "Error" in said or len(tables) != len(activities) or arrival is None:
        raise ToolError(f"OpenSTA gave no power, it {done.why()}")
    return tables, float(arrival.group(1))


def _known(net: str, activity: Activity) -> tuple[int, float] | None:
    """Changes of a net and its share of time high; of one that is tied, too."""
    tied = {"1'h0": (0, 0.0), "1'h1": (0, 1.0)}.get(net)
    return tied or activity.nets.get(net_name(net))
