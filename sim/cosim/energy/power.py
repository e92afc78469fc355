"""The power of a netlist at the activity of a simulation, by OpenSTA; and its slowest path.

Debian's OpenSTA is of 2019: it reads no activity files, and its own command for a pin's activity is broken, so every
pin is set one by one by the command below it. A pin that is not set gets a guess: the share of pins that are set is
part of every result. It knows no clock tree: every register is put at the port of the clock, as a tree would drive it,
what its clock costs is measured by a run in which nothing else switches, and counted for the cycles in which its gate
was open, as simulated.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cosim.energy.activity import PERIOD_NS, Activity
from cosim.energy.library import CLOCK_PIN, LIBERTY, VOLTS, cells, find
from cosim.energy.netlist import instances, net_name
from zeroskip.verilog import ToolError

_ROW = re.compile(r"^(Sequential|Combinational|Macro|Pad|Total)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)", re.MULTILINE)
_ARRIVAL = re.compile(r"(\S+)\s+data arrival time")
_BOX = re.compile(r"^  memory_box #\(.*?^  \);\n", re.MULTILINE | re.DOTALL)
_ALIAS = re.compile(r"^  assign .*\{.*;\n", re.MULTILINE)
"""Second names of nets, which no cell uses; OpenSTA cannot read them."""
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


def measure(netlist: Path, top: str, activity: Activity, folder: Path) -> Power:
    """Picojoules a cycle.

    Parameters
    ----------
    netlist
        Flat, of the library's cells.
    top
        Its module, with the clock ``clk``.
    activity
        Of its nets.
    folder
        For the script.

    Raises
    ------
    ToolError
        OpenSTA is missing or failed.
    """
    library = cells()
    text = _ALIAS.sub("", _BOX.sub("", netlist.read_text(encoding="utf-8")))
    found = list(instances(text, library))
    pins = {f"{own.name}/{pin}": _known(net, activity) for own in found for pin, net in own.pins.items()}
    known = {pin: own for pin, own in pins.items() if own is not None}
    plain = folder / "clocked.v"
    plain.write_text(_CLOCKED.sub(rf"\g<1>.{CLOCK_PIN}({CLOCK})", text), encoding="utf-8")
    idle, busy, delay = _report(plain, top, known, activity.cycles, folder)
    registers = [own for own in found if own.kind in REGISTERS]
    each = idle["Sequential"] / len(registers)
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
    return Power(sequential=busy["Sequential"] - closed, combinational=busy["Combinational"], clock=clock,
                 annotated=len(known) / len(pins), area=sum(library[own.kind].area for own in found), delay_ns=delay,
                 by_part=dict(sorted(parts.items(), key=lambda item: -item[1][1])))


def _report(plain: Path, top: str, known: dict[str, tuple[int, float]], cycles: int, folder: Path
            ) -> tuple[dict[str, float], dict[str, float], float]:
    """Picojoules a cycle where nothing but the clock switches, and at the known activity; the slowest path's delay."""
    script = folder / "power.tcl"
    script.write_text("\n".join([
        f"read_liberty {LIBERTY}", f"read_verilog {plain.absolute()}", f"link_design {top}",
        f"create_clock -period {PERIOD_NS} -name {CLOCK} [get_ports {CLOCK}]", "set_input_transition 0.1 [all_inputs]",
        *(f"sta::set_power_pin_activity [get_pins {{{pin}}}] 0 0.5" for pin in known), "report_power -digits 8",
        *(f"sta::set_power_pin_activity [get_pins {{{pin}}}] {changes / cycles:.6f} {high:.6f}"
          for pin, (changes, high) in known.items()), "report_power -digits 8", "report_checks -digits 4", "exit",
    ]) + "\n")
    done = subprocess.run([find(), "-no_splash", "-exit", str(script)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    tables = [{row[0]: float(row[4]) * PERIOD_NS * 1e3 for row in _ROW.findall(part)}
              for part in said.split("Group ")[1:]]
    arrival = _ARRIVAL.search(said)
    if "Error" in said or len(tables) != 2 or arrival is None:
        raise ToolError(f"OpenSTA gave no power: {said.strip()[-500:]}")
    return tables[0], tables[1], float(arrival.group(1))


def _known(net: str, activity: Activity) -> tuple[int, float] | None:
    """Changes of a net and its share of time high; of one that is tied, too."""
    tied = {"1'h0": (0, 0.0), "1'h1": (0, 1.0)}.get(net)
    return tied or activity.nets.get(net_name(net))
