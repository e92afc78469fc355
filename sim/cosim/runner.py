"""Run jobs on a built design in one simulator process."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from cocotb_tools.check_results import get_results

from cosim.job import ENVIRONMENT, Job, Outcome, read_outcomes, write_jobs
from cosim.simulators import TIMESCALE, Build
from zeroskip.counters import COUNTERS
from zeroskip.verilog import ToolError
from zeroskip.wire import BEAT_BYTES

_QUICK_START = {"COCOTB_REWRITE_ASSERTION_FILES": ""}
"""Else pytest's hook, for assertions that our bench has not, compiles every module anew: two thirds of a short run."""
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
        An empty one to run in, and to leave what the simulator writes; default a temporary one.

    Raises
    ------
    ToolError
        The simulator did not run to its end: its log is quoted.
    """
    check_stall(stall)
    sidecar = json.loads(build.design.sidecar.read_text())
    settings = {
        "stall": stall, "seed": seed, "identity": sidecar["identity"],
        "registers": {name: register["address"] for name, register in sidecar["registers"].items()},
        "inputs": [name for name, port in sidecar["ports"].items() if port["direction"] == "input" and name != "clk"],
        "multipliers": sidecar["multipliers"],
        "counters": [name for name in sidecar["registers"] if name in COUNTERS],
    }
    with tempfile.TemporaryDirectory(prefix="zerokeep-") if folder is None else nullcontext(folder) as name:
        place = Path(name)
        write_jobs(place, jobs, settings)
        run_bench(build, place, "cosim.bench", waves=build.waves or build.activity)
        outcomes = read_outcomes(place)
        if waves is not None:
            _keep_waves(build, place, waves)
    nothing = np.zeros((0, BEAT_BYTES), np.uint8)
    skipped = jobs[len(outcomes) :]
    return outcomes + [Outcome(name=job.name, result=nothing, error=NOT_RUN) for job in skipped]


def run_bench(build: Build, folder: Path, module: str, *, waves: bool = False) -> None:
    """Run the simulator with the jobs in `folder`; what counts is the results file, not how the process ended.

    Raises
    ------
    ToolError
        It did not run to its end.
    """
    log, results = folder / "run.log", folder / "results.xml"
    problem = ""
    try:
        build.make_runner().test(
            test_module=module, hdl_toplevel=build.design.top, hdl_toplevel_lang="verilog",
            build_dir=build.folder, test_dir=folder, results_xml=str(results), log_file=log, waves=waves,
            timescale=TIMESCALE, plusargs=[f"+dumpfile_path={folder / 'waves.fst'}", *(
                [f"+verilator+coverage+file+{build.coverage.absolute()}"] if build.coverage is not None else [])],
            extra_env={ENVIRONMENT: str(folder), "COCOTB_LOG_LEVEL": "WARNING", **_QUICK_START})
    except (RuntimeError, SystemExit, OSError) as error:
        problem = str(error)
    try:
        tests, failed = get_results(results)
    except (RuntimeError, OSError, SyntaxError) as error:
        tests, failed, problem = 0, 0, problem or str(error)
    if tests != 1 or failed or not (folder / "outcome.json").is_file():
        text = log.read_text(errors="replace").strip() if log.is_file() else ""
        raise ToolError(f"{build.simulator.name} did not run {build.design.top} to the end "
                        f"({tests} tests, {failed} failed) {problem}: {text[-3000:]}")


def _keep_waves(build: Build, folder: Path, target: Path) -> None:
    found = sorted(folder.glob("*.fst"))
    if not found:
        raise ToolError(f"{build.simulator.name} wrote no waves")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(found[0], target)
