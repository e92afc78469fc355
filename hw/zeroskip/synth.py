"""Resources of generated Verilog on an FPGA, by yosys."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from zeroskip.families import ECP5, Family
from zeroskip.synth_verilog import prepare, share_modules
from zeroskip.verilog import ToolError

_ERROR = re.compile(r"^.*\b(?:ERROR|Error)\b.*$", re.MULTILINE)
_NUMBER = re.compile(r"_\d+(?=\.|$)")


def script(verilog: Path, top: str, keep: list[str], stat: Path, netlist: Path | None, family: Family = ECP5) -> str:
    """The yosys script: map, keep the borders of some modules meanwhile, count, write.

    What a memory reads from a word that is written in the same cycle is don't-care: nothing hangs on it
    (``tests/sim/test_collisions.py``), and yosys would build a bypass around every block memory.
    """
    lines = [f"read_verilog {verilog}", f"hierarchy -check -top {top}"]
    lines += [f"setattr -mod -set keep_hierarchy 1 {name}" for name in keep]
    lines += [*family.commands(top), f"tee -q -o {stat} stat -json"]
    if netlist is not None:
        write = "write_verilog -noattr" if netlist.suffix == ".v" else "write_json"
        lines += ["setattr -mod -unset keep_hierarchy *", "flatten", "opt_clean -purge", f"{write} {netlist}"]
    return "\n".join(lines) + "\n"


def run_yosys(text: str, log: Path, timeout: float) -> None:
    """Run a script; its log goes to a file, and the script beside it with the ending ``.ys``.

    Raises
    ------
    ToolError
        yosys is missing, ended with an error, or took too long; the message has its last error line.
    """
    if importlib.util.find_spec("pyosys") is None:
        raise ToolError("yosys was not found: install it with `pip install pyosys`")
    path = log.with_suffix(".ys")
    path.write_text(text, encoding="utf-8")
    with log.open("w", encoding="utf-8") as out:
        try:
            done = subprocess.run([sys.executable, "-m", "zeroskip.synth_worker", str(path)], stdout=out,
                                  stderr=subprocess.STDOUT, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise ToolError(f"yosys did not end within {timeout:g} s") from None
    if done.returncode:
        found = _ERROR.findall(log.read_text(encoding="utf-8", errors="replace"))
        raise ToolError(f"yosys failed: {found[-1].strip()[-300:] if found else f'status {done.returncode}'}")


def count_cells(statistics: dict[str, Any], top: str, family: Family = ECP5) -> dict[str, dict[str, int]]:
    """Cells by part: "" for all of the design, else the path of a kept module without numbers.

    Each entry has `count`, the number of such modules, and their sums, with all that is inside; ``COMB``, the LUTs of
    all of them.
    """
    modules = {name.lstrip("\\"): data["num_cells_by_type"] for name, data in statistics["modules"].items()}
    parts: dict[str, dict[str, int]] = {}
    counted = (*family.names, "COMB")

    def total(name: str, places: int) -> dict[str, int]:
        found = dict.fromkeys(counted, 0)
        for cell, number in modules[name].items():
            inner = cell.lstrip("\\")
            if inner in modules:
                for key, value in total(inner, places * number).items():
                    found[key] += number * value
            elif (own := family.kind(cell)) is not None:
                key, units, luts = own
                found[key] += number * units
                found["COMB"] += number * luts
        entry = parts.setdefault(_NUMBER.sub("", name[len(top) + 1 :]), dict.fromkeys(("count", *counted), 0))
        entry["count"] += places
        for key, value in found.items():
            entry[key] += places * value
        return found

    total(top, 1)
    return dict(sorted(parts.items(), key=lambda item: -item[1]["COMB"]))


def synthesise(verilog: Path, top: str, *, multipliers: int, netlist: Path | None = None, log: Path | None = None,
               timeout: float = 1800.0, family: Family = ECP5) -> dict[str, Any]:
    """Synthesise Verilog for a family of FPGAs and count.

    Parameters
    ----------
    verilog, top
        The file and its top module.
    multipliers
        Lanes: the size of the array, by which ``per_lane`` divides.
    netlist
        Where the flattened netlist goes: JSON for place and route, Verilog where it ends with ``.v``; default: nowhere.
    log
        Where yosys' log goes; default: nowhere.
    timeout
        Seconds.
    family
        Of ``zeroskip.families``.

    Returns
    -------
    dict
        ``total``; ``per_lane``, the total (boundary, loader, memories and output included) divided by the multipliers;
        ``parts`` by submodule, equal ones summed, with ``count``; ``seconds``; ``tool``.

    Raises
    ------
    ToolError
        The file cannot be read, or yosys failed.
    """
    begun = time.monotonic()
    try:
        source_text = Path(verilog).read_text(encoding="utf-8")
    except OSError as error:
        raise ToolError(f"cannot read {verilog}: {error.strerror or error}") from None
    text, keep = share_modules(prepare(source_text), top)
    with tempfile.TemporaryDirectory(prefix="zeroskip-synth-") as scratch:
        folder = Path(scratch)
        source, stat = folder / "design.v", folder / "stat.json"
        source.write_text(text, encoding="utf-8")
        run_yosys(script(source, top, keep, stat, netlist, family), log or folder / "yosys.log", timeout)
        parts = count_cells(json.loads(stat.read_text(encoding="utf-8")), top, family)
    whole = parts.pop("")
    whole.pop("count")
    return {
        "total": whole,
        "per_lane": {key: round(value / multipliers, 2) for key, value in whole.items()},
        "parts": parts,
        "seconds": round(time.monotonic() - begun, 1),
        "tool": f"yosys {importlib.metadata.version('pyosys')} synth_{family.name.rstrip('7')}",
    }
