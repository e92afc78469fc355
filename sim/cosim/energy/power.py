"""The power of a netlist at the activity of a simulation, by OpenSTA; and its slowest path.

Debian's OpenSTA is of 2019: it reads no activity files, and its own command for a pin's activity is broken, so every
pin is set one by one by the command below it. A pin that is not set gets a guess: the share of pins that are set is
part of every result. It takes every pin behind a clock to switch in every cycle, gated or not: what a register's clock
costs, measured by a run in which nothing else switches, is taken off for the cycles in which its gate was closed.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cosim.energy.activity import PERIOD_NS, Activity
from cosim.energy.library import CLOCK_PIN, LIBERTY, VOLTS, cells, find
from cosim.energy.netlist import instances
from zeroskip.verilog import ToolError

_ROW = re.compile(r"^(Sequential|Combinational|Macro|Pad|Total)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)", re.MULTILINE)
_ARRIVAL = re.compile(r"(\S+)\s+data arrival time")
_BOX = re.compile(r"^  memory_box #\(.*?^  \);\n", re.MULTILINE | re.DOTALL)
CLOCK = "clk"


@dataclass(frozen=True, kw_only=True)
class Power:
    """Picojoules in each cycle, and what they were measured on.

    ``sequential``, ``combinational``: of cells, with the nets that they drive; ``clock``: charging the pins at the
    port of the clock, which no cell drives here; leakage is in the first two. ``annotated``: the share of the cells'
    pins whose activity was simulated. ``area`` in square micrometres, ``delay_ns`` of the slowest path.
    """

    sequential: float
    combinational: float
    clock: float
    annotated: float
    area: float
    delay_ns: float

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
    text = _BOX.sub("", netlist.read_text(encoding="utf-8"))
    plain = folder / "cells_only.v"
    plain.write_text(text, encoding="utf-8")
    found = list(instances(text, library))
    pins = {f"{own.name}/{pin}": _known(net, activity) for own in found for pin, net in own.pins.items()}
    known = {pin: own for pin, own in pins.items() if own is not None}
    idle, busy, delay = _report(plain, top, known, activity.cycles, folder)
    states = [own for own in found if library[own.kind].state is not None]
    each = idle["Sequential"] / len(states)
    clocked = gated = 0.0
    for own in states:
        net, charge = own.pins[CLOCK_PIN], library[own.kind].loads[CLOCK_PIN] * VOLTS**2
        if net == CLOCK:
            clocked += charge
        elif (changes := _known(net, activity)) is not None:
            gated += (each + charge) * max(0.0, 1 - changes[0] / activity.cycles / 2)
    return Power(sequential=busy["Sequential"] - gated, combinational=busy["Combinational"], clock=clocked,
                 annotated=len(known) / len(pins), area=sum(library[own.kind].area for own in found), delay_ns=delay)


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
    return tied or activity.nets.get(net.removeprefix("\\"))
