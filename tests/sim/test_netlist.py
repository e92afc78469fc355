"""After synthesis: the ECP5 netlist of ``tiny`` beside its RTL, the same layers, beats and counters."""

import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.sim.echo import CACHE

from cosim.designs import cached
from cosim.fuzz_cases import Session, jobs, make_session, verdicts
from cosim.netlist import CELLS, synthesised, without_initial_zeros
from cosim.runner import run_jobs
from cosim.simulators import Build, build, find_simulator
from zeroskip.spec.config import PRESETS
from zeroskip.packing import pack
from zeroskip.verilog import ToolError, verilator_environment

SEED = 7
KIND = "zero-skip"
CHECK = Path(__file__).with_name("ecp5_cells_check.v")
MAKE = ("CFG_CXXFLAGS_STD=-std=c++20 CFG_CXXFLAGS_COROUTINES=-fcoroutines CFG_LDLIBS_THREADS=-pthread "
        "VM_PARALLEL_BUILDS=0 OPT_FAST=-Og OPT_GLOBAL=-O0")


@cache
def built(*, netlist: bool) -> Build:
    design = cached(PRESETS["tiny"], KIND, CACHE / "verilog")
    if netlist:
        design = synthesised(design, CACHE / "verilog")
    return build(design, find_simulator(), CACHE / "simulators")


def sessions() -> list[Session]:
    """Random layers without pauses and with, resets in mid-layer among them."""
    return [make_session(SEED, number, ("tiny", KIND), 8, []) for number in range(3)]


@pytest.mark.parametrize("number", range(3))
def test_same_beats_and_counters_as_the_rtl(number: int) -> None:
    session = sessions()[number]
    own = [job for step in session.steps
           for job in jobs(session, step, pack(step.layer, session.config, step.engine))]
    rtl, netlist = (run_jobs(built(netlist=which), own, stall=session.stall, seed=session.seed)
                    for which in (False, True))
    assert sum(outcome.counters.get("total", 0) for outcome in rtl) > 1000
    for job, one, other in zip(own, rtl, netlist, strict=True):
        assert one.error is None and other.error is None, job.name
        np.testing.assert_array_equal(one.result, other.result, err_msg=job.name)
        assert one.counters == other.counters and one.observed == other.observed, job.name


@pytest.mark.parametrize("number", range(3))
def test_the_netlist_equals_the_reference(number: int) -> None:
    session = sessions()[number]
    found = verdicts(session, built(netlist=True))
    assert len(found) == len(session.steps)
    assert [verdict.wrong for verdict in found if verdict is not None] == [None] * 8


def test_the_netlist_is_one() -> None:
    """Cells of the ECP5 and nothing else."""
    text = built(netlist=True).design.verilog.read_text()
    top = text[text.index(f"module {built(netlist=True).design.top}"):]
    assert "always" not in top
    for cell in ("LUT4", "TRELLIS_FF", "CCU2C", "TRELLIS_DPR16X4", "DP16KD", "MULT18X18D"):
        assert f"  {cell} " in top, cell


def check_cells(folder: Path, cells: Path) -> subprocess.CompletedProcess[str]:
    """Build and run the checker."""
    command = ["verilator", "--binary", "--timing", "-Wno-fatal", "-Wno-lint", "-MAKEFLAGS", MAKE, "--Mdir",
               str(folder), "--top-module", "ecp5_cells_check", str(cells), str(CHECK)]
    subprocess.run(command, env=verilator_environment(folder), check=True, capture_output=True, text=True)
    return subprocess.run([folder / "Vecp5_cells_check"], capture_output=True, text=True, check=False)


def test_the_twins_of_the_cells(tmp_path: Path) -> None:
    done = check_cells(tmp_path, CELLS)
    assert done.returncode == 0 and "cells are right" in done.stdout, done.stdout + done.stderr


def test_the_check_of_the_twins_can_fail(tmp_path: Path) -> None:
    cells = tmp_path / "cells.v"
    cells.write_text(CELLS.read_text().replace("{SIGNEDA & A17, A17,", "{1'b0, A17,"))
    done = check_cells(tmp_path / "build", cells)
    assert done.returncode != 0 and "expected" in done.stdout + done.stderr


def test_memories_that_do_not_begin_with_zeros_are_refused() -> None:
    line = "    .INITVAL_0A(320'h{}),\n"
    assert without_initial_zeros("a\n" + line.format("0" * 80) + "b\n") == "a\nb\n"
    with pytest.raises(ToolError, match="does not begin with zeros"):
        without_initial_zeros(line.format("0" * 79 + "1"))
