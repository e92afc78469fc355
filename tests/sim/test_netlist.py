"""After synthesis: the ECP5 netlist of ``tiny`` beside its RTL, the same layers, networks, beats and counters."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.sim.echo import CACHE
from tests.sim.random_networks import Draw

from cosim.designs import cached
from cosim.fuzz_cases import Session, jobs, make_session, verdict_of
from cosim.job import Job, Outcome
from cosim.netlist import CELLS, synthesised, without_initial_zeros
from cosim.parts import jobs_of
from cosim.runner import run_jobs
from cosim.simulators import Build, build, find_simulator
from zerokeep import integer
from zeroskip.compiler.layers import VectorPacked, pack_network
from zeroskip.compiler.packed import whole
from zeroskip.cycles.prediction import modelled
from zeroskip.gateware.primitives.target import Target
from zeroskip.packing import pack
from zeroskip.spec.config import PRESETS
from zeroskip.verilog import ToolError, verilator_environment

SEED = 7
KIND = "zero-skip"
CONFIG = PRESETS["tiny"]
LAYERS = 5
NETWORKS = (7, 14, 35)
"""Seeds: upsampling, pooling, concatenation, three convolutions."""
CHECK = Path(__file__).with_name("ecp5_cells_check.v")
MAKE = ("CFG_CXXFLAGS_STD=-std=c++20 CFG_CXXFLAGS_COROUTINES=-fcoroutines CFG_LDLIBS_THREADS=-pthread "
        "VM_PARALLEL_BUILDS=0 OPT_FAST=-O0 OPT_GLOBAL=-O0")


@cache
def built(*, netlist: bool) -> Build:
    """With the chip's own cells where it is the netlist, else behavioural."""
    design = cached(CONFIG, KIND, CACHE / "verilog", target=Target(family="ecp5") if netlist else None)
    if netlist:
        design = synthesised(design, CACHE / "verilog")
    return build(design, find_simulator(), CACHE / "simulators")


@cache
def session(number: int) -> Session:
    """Random layers without pauses and with, resets in mid-layer among them."""
    return make_session(SEED, number, ("tiny", KIND), LAYERS, [])


def session_jobs(own: Session) -> list[list[Job]]:
    return [jobs(own, step, pack(step.layer, own.config, step.engine)) for step in own.steps]


@cache
def network(seed: int) -> tuple[VectorPacked, np.ndarray]:
    """A random network with images, and what the reference answers."""
    draw = Draw(seed)
    drawn = draw.network()
    assert drawn is not None
    images = draw.images(drawn)
    return pack_network(drawn, CONFIG, images, look=True), integer.run(drawn, images)


def run(own: list[Job], *, netlist: bool, stall: float, seed: int) -> list[Outcome]:
    return run_jobs(built(netlist=netlist), own, stall=stall, seed=seed)


def compare(own: list[Job], *, stall: float, seed: int) -> list[Outcome]:
    """Beats, counters and the testbench's own counts are alike; the netlist's outcomes."""
    rtl, netlist = (run(own, netlist=which, stall=stall, seed=seed) for which in (False, True))
    assert sum(outcome.counters.get("total", 0) for outcome in rtl) > 1000
    for job, one, other in zip(own, rtl, netlist, strict=True):
        assert one.error is None and other.error is None, (job.name, one.error, other.error)
        np.testing.assert_array_equal(one.result, other.result, err_msg=job.name)
        assert one.counters == other.counters and one.observed == other.observed, job.name
    return netlist


@pytest.mark.parametrize("number", [0, 2])
def test_layers_as_on_the_rtl_and_as_the_reference(number: int) -> None:
    own = session(number)
    steps = session_jobs(own)
    outcomes = iter(compare([job for some in steps for job in some], stall=own.stall, seed=own.seed))
    found = [verdict_of(own, step, [next(outcomes) for _ in some]) for step, some in zip(own.steps, steps, strict=True)]
    assert [verdict.wrong for verdict in found if verdict is not None] == [None] * LAYERS


@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_networks_as_on_the_rtl_and_as_the_reference(stall: float) -> None:
    own = [network(seed) for seed in NETWORKS]
    sent = [job for seed, (packed, _) in zip(NETWORKS, own, strict=True)
            for job in jobs_of(f"network {seed}", whole(packed, "skip-both"), patience=100_000)]
    for (packed, expected), outcome in zip(own, compare(sent, stall=stall, seed=SEED), strict=True):
        np.testing.assert_array_equal(packed.decode(outcome.result), expected, err_msg=outcome.name)
        assert stall or outcome.counters["total"] == modelled(packed)[0].total


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
