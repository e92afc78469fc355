"""The power of a netlist at the activity of a simulation, by OpenSTA; and its slowest path.

Debian's OpenSTA is of 2019: it reads no activity files, and its own command for a pin's activity is broken, so every
pin is set one by one by the command below it. A pin that is not set gets a guess: the share of pins that are set is
part of every result.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cosim.energy.activity import PERIOD_NS, Activity
from cosim.energy.library import LIBERTY, VOLTS, cells, find
from cosim.energy.netlist import instances
from zeroskip.verilog import ToolError

_ROW = re.compile(r"^(Sequential|Combinational|Macro|Pad|Total)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)", re.MULTILINE)
_ARRIVAL = re.compile(r"(\S+)\s+data arrival time")
CLOCK_PIN = "CLK"


@dataclass(frozen=True, kw_only=True)
class Power:
    """Picojoules in each cycle, and what they were measured on.

    ``sequential``, ``combinational``: of cells, with the nets that they drive; ``clock``: charging the clock's pins,
    which no cell drives here; ``leakage`` is in the first two. ``annotated``: the share of the cells' pins whose
    activity was simulated. ``area`` in square micrometres, ``delay_ns`` of the slowest path.
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
    commands, pins, set_, area, clocked = [], 0, 0, 0.0, 0.0
    for instance in instances(netlist.read_text(encoding="utf-8"), library):
        cell = library[instance.kind]
        area += cell.area
        clocked += cell.loads.get(CLOCK_PIN, 0.0)
        for pin, net in instance.pins.items():
            if pin == CLOCK_PIN:
                continue
            pins += 1
            known = _constant(net) or activity.nets.get(net)
            if known is not None:
                set_ += 1
                changes, high = known
                commands.append(f"sta::set_power_pin_activity [get_pins {{{instance.name}/{pin}}}] "
                                f"{changes / activity.cycles:.6f} {high:.6f}")
    script = folder / "power.tcl"
    script.write_text("\n".join([
        f"read_liberty {LIBERTY}", f"read_verilog {netlist.absolute()}", f"link_design {top}",
        f"create_clock -period {PERIOD_NS} -name clk [get_ports clk]", "set_input_transition 0.1 [all_inputs]",
        *commands, "report_power -digits 8", "report_checks -digits 4", "exit"]) + "\n")
    done = subprocess.run([find(), "-no_splash", "-exit", str(script)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    rows = {match[0]: float(match[4]) for match in _ROW.findall(said)}
    arrival = _ARRIVAL.search(said)
    if "Error" in said or "Total" not in rows or arrival is None or not pins:
        raise ToolError(f"OpenSTA gave no power: {said.strip()[-500:]}")
    joules = PERIOD_NS * 1e-9 * 1e12
    return Power(sequential=rows["Sequential"] * joules, combinational=rows["Combinational"] * joules,
                 clock=clocked * VOLTS**2, annotated=set_ / pins, area=area, delay_ns=float(arrival.group(1)))


def _constant(net: str) -> tuple[int, float] | None:
    """The activity of a net that is tied."""
    return {"1'h0": (0, 0.0), "1'h1": (0, 1.0)}.get(net)
