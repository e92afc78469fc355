"""Run jobs on a built design in one simulator process."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import find_libpython
import numpy as np
from cocotb_tools.check_results import get_results

from cosim.job import ENVIRONMENT, Job, Outcome, read_outcomes, write_jobs
from cosim.simulators import PROGRAM, Build, cocotb_package
from zeroskip.files.process import find, python_environment, run
from zeroskip.files.reading import read_json
from zeroskip.files.workplace import link, workplace
from zeroskip.files.writing import whole_file
from zeroskip.spec.axi import COUNTERS
from zeroskip.verilog import ToolError

_SETTINGS = {
    "COCOTB_LOG_LEVEL": "WARNING",
    # Else pytest's hook, for assertions that our bench has not, compiles every module anew: two thirds of a short run.
    "COCOTB_REWRITE_ASSERTION_FILES": "",
}
_VERILATOR = {"COCOTB_TRUST_INERTIAL_WRITES": "1"}
"""As cocotb's own runner has it."""
_WAVES, _COVERAGE, _RESULTS, _LOG = "waves.fst", "coverage.dat", "results.xml", "run.log"
NOT_RUN = "not run, after an error in the same simulation"


def check_stall(stall: float) -> float:
    """A probability below 1, or a ValueError."""
    if not 0.0 <= stall < 1.0:
        raise ValueError(f"stall must be from 0 to less than 1, not {stall}")
    return stall


def run_jobs(build: Build, jobs: Sequence[Job], *, stall: float = 0.0, seed: int = 0, waves: Path | None = None,
             folder: Path | None = None) -> list[Outcome]:
    """Run the jobs one after the other and give one outcome for each; those after an error were not run.

    Parameters
    ----------
    build
        What :func:`cosim.simulators.build` gave; made with ``waves=True`` where `waves` is given.
    jobs
        At least one.
    stall
        Probability per cycle with which each stream pauses, 0 to less than 1.
    seed
        Of the pauses.
    waves
        File to write the waves to.
    folder
        An empty workplace to run in, and to leave what the simulator writes; default a temporary one.

    Raises
    ------
    ToolError
        The simulator did not run to its end: its log is quoted.
    OSError
        The waves cannot be written.
    """
    check_stall(stall)
    sidecar = read_json(build.design.sidecar)
    settings = {
        "stall": stall, "seed": seed, "identity": sidecar["identity"],
        "registers": {name: register["address"] for name, register in sidecar["registers"].items()},
        "inputs": [name for name, port in sidecar["ports"].items() if port["direction"] == "input" and name != "clk"],
        "multipliers": sidecar["multipliers"], "beat_bytes": sidecar["beat_bytes"],
        "number_bits": sidecar["number_bits"], "watch": sidecar["watch"],
        "counters": [name for name in sidecar["registers"] if name in COUNTERS],
    }
    with workplace() if folder is None else nullcontext(folder) as place:
        write_jobs(place, jobs, settings)
        run_bench(build, place, "cosim.bench", waves=build.waves or build.activity)
        outcomes = read_outcomes(place)
        if waves is not None:
            _keep(place / _WAVES, waves, f"{build.simulator.name} wrote no waves")
    nothing = np.zeros((0, sidecar["beat_bytes"]), np.uint8)
    skipped = jobs[len(outcomes) :]
    return outcomes + [Outcome(name=job.name, result=nothing, error=NOT_RUN) for job in skipped]


def run_bench(build: Build, folder: Path, module: str, *, waves: bool = False) -> None:
    """Run the simulator with the jobs in `folder`; what counts is the results file, not how the process ended.

    Parameters
    ----------
    build
        What to run.
    folder
        A workplace, with the jobs.
    module
        The testbench, a module of Python.
    waves
        Whether to write the waves or the activity for which it was built.

    Raises
    ------
    ToolError
        It did not run to its end.
    """
    cocotb = cocotb_package(folder)
    link(folder / PROGRAM, build.folder / PROGRAM)
    done = run(_command(build, folder, cocotb, waves=waves), folder=folder, output=folder / _LOG,
               environment=_environment(build, folder, cocotb, module), name=build.simulator.name)
    try:
        tests, failed = get_results(folder / _RESULTS)
        problem = ""
    except (RuntimeError, OSError, SyntaxError) as error:
        tests, failed, problem = 0, 0, str(error)
    if tests != 1 or failed or not (folder / "outcome.json").is_file():
        raise ToolError(f"{build.simulator.name} did not run {build.design.top} to the end "
                        f"({tests} tests, {failed} failed) {problem}: it {done.why()}")
    if build.coverage is not None:
        _keep(folder / _COVERAGE, build.coverage, f"{build.simulator.name} wrote no coverage")


def _command(build: Build, folder: Path, cocotb: Path, *, waves: bool) -> list[str]:
    program = str(folder / PROGRAM)
    if build.simulator.name == "icarus":
        return [find("vvp") or "vvp", "-m", str(cocotb / "libs" / "libcocotbvpi_icarus.so"), program,
                "-fst" if waves else "-none"]
    return [program, *(["--trace"] if waves else []), *(["--trace-file", _WAVES] if waves and build.waves else []),
            *([f"+verilator+coverage+file+{_COVERAGE}"] if build.coverage is not None else [])]


def _environment(build: Build, folder: Path, cocotb: Path, module: str) -> dict[str, str]:
    """What cocotb's libraries and its Python are told, with paths through links: it splits some at commas."""
    python = os.environ.get("LIBPYTHON_LOC") or find_libpython.find_libpython()
    if python is None:
        raise ToolError("libpython was not found: install Python's shared library (Debian: libpython3-dev)")
    link(folder / "libpython.so", python)
    entry = next(cocotb.glob("simulator.*.so"))
    environment = python_environment()
    libraries = [str(cocotb / "libs"), *filter(None, [environment.get("LD_LIBRARY_PATH")])]
    return environment | _SETTINGS | (_VERILATOR if build.simulator.name == "verilator" else {}) | {
        "LD_LIBRARY_PATH": os.pathsep.join(libraries), "GPI_USERS": f"{folder / 'libpython.so'};{entry},initialize",
        "PYGPI_PYTHON_BIN": sys.executable, "COCOTB_TOPLEVEL": build.design.top, "COCOTB_TEST_MODULES": module,
        "COCOTB_RESULTS_FILE": str(folder / _RESULTS), "TOPLEVEL_LANG": "verilog", ENVIRONMENT: str(folder)}


def _keep(found: Path, target: Path, missing: str) -> None:
    """Copy what the simulator wrote to its place, whole or not at all."""
    if not found.is_file():
        raise ToolError(missing)
    target.parent.mkdir(parents=True, exist_ok=True)
    with found.open("rb") as file, whole_file(target) as copy:
        shutil.copyfileobj(file, copy)
