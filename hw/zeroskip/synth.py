"""Resources of generated Verilog on an FPGA, by yosys."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from zeroskip.carry_ends import open_unread
from zeroskip.families import ECP5, Family
from zeroskip.files.process import python_environment, run
from zeroskip.files.reading import ReadError, read_json, read_text
from zeroskip.files.workplace import link, workplace
from zeroskip.files.writing import whole_file
from zeroskip.synth_verilog import prepare, share_modules
from zeroskip.verilog import ToolError

VERILOG_BYTES = 1 << 30
"""The most that a file of Verilog may have."""
_ERROR = re.compile(r"^.*\b(?:ERROR|Error)\b.*$", re.MULTILINE)
_NUMBER = re.compile(r"_\d+(?=\.|$)")


def script(top: str, keep: list[str], netlist: str | None, family: Family = ECP5) -> str:
    """The yosys script: map ``design.v``, keep the borders of some modules meanwhile, count, write.

    All files lie in the folder in which it runs, the count in ``stat.json``. What a memory reads from a word that is
    written in the same cycle is don't-care: nothing hangs on it (``tests/sim/test_collisions.py``), and yosys would
    build a bypass around every block memory.
    """
    lines = ["read_verilog design.v", f"hierarchy -top {top}"]
    lines += [f"setattr -mod -set keep_hierarchy 1 {name}" for name in keep]
    lines += [*family.commands(top), "tee -q -o stat.json stat -json"]
    if netlist is not None:
        write = "write_verilog -noattr" if netlist.endswith(".v") else "write_json"
        lines += ["setattr -mod -unset keep_hierarchy *", "flatten", "opt_clean -purge", f"{write} {netlist}"]
    return "\n".join(lines) + "\n"


def run_yosys(text: str, folder: Path, timeout: float, *, family: Family | None = None, log: Path | None = None
              ) -> None:
    """Run a script in a workplace, in which all files that it names lie.

    Parameters
    ----------
    text
        The script; it is kept as ``yosys.ys``, the log as ``yosys.log``.
    folder
        The workplace.
    timeout
        Seconds.
    family
        Whose files are put there, where the script has its commands.
    log
        Where a copy of the log goes, also that of a failure; default: nowhere.

    Raises
    ------
    ToolError
        yosys is missing, ended with an error, or took too long; the message has its last error line.
    """
    package = importlib.util.find_spec("pyosys")
    if package is None or package.origin is None:
        raise ToolError("yosys was not found: install it with `pip install pyosys`")
    for path in family.files if family is not None else ():
        shutil.copyfile(path, folder / path.name)
    if not (folder / "pyosys").is_symlink():
        link(folder / "pyosys", Path(package.origin).parent)
    (folder / "yosys.ys").write_text(text, encoding="utf-8")
    own = folder / "yosys.log"
    try:
        done = run([sys.executable, "-m", "zeroskip.synth_worker", "yosys.ys"], folder=folder, timeout=timeout,
                   environment=python_environment(), output=own, name="yosys")
    finally:
        if log is not None and own.is_file():
            _copy(own, log)
    if done.status:
        found = _ERROR.findall(done.said)
        raise ToolError(f"yosys failed: {found[-1].strip()[-300:]}" if found else f"yosys {done.why()}")


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file, whole_file(target) as copy:
        shutil.copyfileobj(file, copy)


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
        source_text = read_text(verilog, VERILOG_BYTES)
    except ReadError as error:
        raise ToolError(str(error)) from None
    text, keep = share_modules(prepare(source_text), top)
    made = None if netlist is None else f"netlist{'.v' if netlist.suffix == '.v' else '.json'}"
    with workplace() as folder:
        (folder / "design.v").write_text(text, encoding="utf-8")
        run_yosys(script(top, keep, made, family), folder, timeout, family=family, log=log)
        parts = count_cells(read_json(folder / "stat.json", VERILOG_BYTES), top, family)
        if netlist is not None and made is not None:
            if made.endswith(".json"):
                open_unread(folder / made, VERILOG_BYTES)
            _copy(folder / made, netlist)
    whole = parts.pop("")
    whole.pop("count")
    return {
        "total": whole,
        "per_lane": {key: round(value / multipliers, 2) for key, value in whole.items()},
        "parts": parts,
        "seconds": round(time.monotonic() - begun, 1),
        "tool": f"yosys {importlib.metadata.version('pyosys')} synth_{family.name.rstrip('7')}",
    }
