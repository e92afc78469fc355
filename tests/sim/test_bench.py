"""The testbench on an engine that echoes: what it accepts, and that it sees what is wrong."""

import errno
import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.hw.echo_engine import REFUSED
from tests.sim.echo import echo_build, echo_job, needs_icarus

from cosim import runner
from cosim.account import account
from cosim.job import Outcome
from cosim.runner import NOT_RUN, run_jobs
from cosim.simulators import PROGRAM, Build
from zeroskip.spec.axi import IDENTITY, REGISTERS
from zeroskip.spec.program import ERRORS
from zeroskip.verilog import ToolError

BEYOND = 4 * len(REGISTERS)
"""The first address without a register."""
SIMULATORS = ["verilator", pytest.param("icarus", marks=pytest.mark.skipif(needs_icarus, reason="no iverilog"))]
JOBS = [echo_job("first"), echo_job("one", program=1, beats=1, seed=1), echo_job("reset", seed=2, reset=True),
        echo_job("long", program=9, beats=70, seed=3)]


def assert_echoes(jobs, outcomes: list[Outcome]) -> None:
    for job, outcome in zip(jobs, outcomes, strict=True):
        assert outcome.error is None and outcome.name == job.name
        np.testing.assert_array_equal(outcome.result, 255 - job.map)
        beats = len(job.map)
        expected = {"load": len(job.program), "map_beats": beats, "result_beats": beats, "multiplications": 3 * beats,
                    "gated": beats}
        assert {name: outcome.counters[name] for name in expected} == expected


def with_sidecar(build: Build, folder: Path, change) -> Build:
    """The same simulator, told something else about its hardware."""
    about = json.loads(build.design.sidecar.read_text())
    change(about)
    sidecar = folder / "changed.json"
    sidecar.write_text(json.dumps(about))
    return replace(build, design=replace(build.design, sidecar=sidecar))


def names_in_fst(path: Path) -> str:
    """The names of a wave file: its block of that kind (LZ4, or gzip of Icarus), undone."""
    raw, at = path.read_bytes(), 0
    while at < len(raw):
        kind, size = raw[at], int.from_bytes(raw[at + 1 : at + 9], "big")
        body = raw[at + 17 : at + 1 + size]
        if kind in (4, 6):
            text = gzip.decompress(body) if kind == 4 else body
            return text.decode("latin-1")
        at += 1 + size
    return ""


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_several_programs_in_one_process(simulator: str) -> None:
    outcomes = run_jobs(echo_build(simulator), JOBS)
    assert_echoes(JOBS, outcomes)
    # one beat in five cycles; the last beat is answered in the cycle after it was taken
    assert [o.counters["total"] for o in outcomes] == [5 * (len(job.map) - 1) + 2 for job in JOBS]
    assert all(o.counters["stalled"] == 0 for o in outcomes)
    slots = [account(o.counters) for o in outcomes]
    assert [own["bubble"] for own in slots] == [4 * o.counters["total"] - 3 * len(job.map)
                                                for o, job in zip(outcomes, JOBS, strict=True)]


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_pauses_lose_cycles_but_no_beats(simulator: str) -> None:
    runs = [run_jobs(echo_build(simulator), JOBS, stall=0.5, seed=seed) for seed in (1, 1, 2)]
    for outcomes in runs:
        assert_echoes(JOBS, outcomes)
        stalled = outcomes[-1].counters["stalled"]
        assert stalled > 10 and account(outcomes[-1].counters)["stalled"] == 4 * stalled
    totals = [[o.counters["total"] for o in outcomes] for outcomes in runs]
    assert totals[0] == totals[1] != totals[2]


def test_a_reset_in_mid_layer_leaves_nothing_behind() -> None:
    jobs = [echo_job(f"cut {cycles}", beats=40, seed=cycles, abort_after=cycles) for cycles in (1, 3, 5, 6, 40, 97)]
    jobs = [job for cut in jobs for job in (cut, echo_job("after", seed=9))]
    outcomes = run_jobs(echo_build(), jobs, stall=0.2)
    assert [o.error for o in outcomes] == [None] * len(jobs)
    assert_echoes(jobs[1::2], outcomes[1::2])


def test_a_hang_is_said_with_what_came() -> None:
    hangs, after = echo_job("hangs", program=3, beats=6, patience=2), echo_job("after")
    outcomes = run_jobs(echo_build(), [hangs, after])
    assert outcomes[0].error is not None and outcomes[1].error == NOT_RUN
    assert "no beat on any stream for 2 cycles: taken 3 of 3 program beats and" in outcomes[0].error
    assert "of 6 result beats" in outcomes[0].error


@pytest.mark.parametrize(("expected", "text"), [
    (10, "tlast stood on result beat 9, expected 10 beats"), (8, "tlast stood on result beat 9, expected 8 beats"),
])
def test_a_wrong_number_of_beats_is_seen(expected: int, text: str) -> None:
    (outcome,) = run_jobs(echo_build(), [echo_job("wrong", beats=9, result_beats=expected)])
    assert outcome.error == text


def test_a_beat_after_the_last_is_seen() -> None:
    (outcome,) = run_jobs(echo_build(extra=True), [echo_job("extra", beats=4)])
    assert outcome.error == "5 beats moved on the result stream, expected 4"


def test_counters_that_differ_from_the_wires_are_seen(tmp_path: Path) -> None:
    def swap(about) -> None:
        registers = about["registers"]
        registers["total"], registers["compute"] = registers["compute"], registers["total"]

    (outcome,) = run_jobs(with_sidecar(echo_build(), tmp_path, swap), [echo_job("swapped", beats=4)])
    assert outcome.error == "counter total: the hardware says 3, the wires 17"


def test_slots_that_do_not_add_up_are_seen(tmp_path: Path) -> None:
    def swap(about) -> None:
        registers = about["registers"]
        registers["slots_tail"], registers["slots_bubble"] = registers["slots_drain"], registers["load"]

    (outcome,) = run_jobs(with_sidecar(echo_build(), tmp_path, swap), [echo_job("lost", program=3, beats=4)])
    assert outcome.error == ("the classes of the multipliers' slots make 15, expected 68: 17 cycles of 4 multipliers")


def test_numbered_beats_are_put_in_order() -> None:
    """Two results of six beats, which come in pairs that are exchanged."""
    jobs = [echo_job(name, beats=12, seed=seed, results=2) for seed, name in enumerate(("one", "two"))]
    for stall in (0.0, 0.4):
        for job, outcome in zip(jobs, run_jobs(echo_build(numbered=6), jobs, stall=stall), strict=True):
            assert outcome.error is None
            expected = (255 - job.map).reshape(6, 2, 16)[:, ::-1].reshape(12, 16)
            np.testing.assert_array_equal(outcome.result, expected)
            first, last = outcome.lasts
            assert first < last == outcome.counters["total"]


def test_a_number_that_no_beat_has_is_seen() -> None:
    (outcome,) = run_jobs(echo_build(numbered=5), [echo_job("odd", beats=5)])
    assert outcome.error == "the 5 beats of a result are numbered [1, 0, 3, 2, 5] ..."


@pytest.mark.parametrize("error", [4, 7])
def test_a_program_that_the_engine_refuses_is_said(error: int) -> None:
    job = echo_job("refused", program=2, patience=100)
    job.program[-1, :4] = np.frombuffer((REFUSED + error).to_bytes(4, "little"), np.uint8)
    (outcome,) = run_jobs(echo_build(), [job])
    assert outcome.error is not None and outcome.error.startswith("no beat on any stream for 100 cycles: taken 2 of 2")
    assert outcome.error.endswith(f"; the engine says of the program: {ERRORS[error]}")


def test_another_device_is_refused(tmp_path: Path) -> None:
    build = with_sidecar(echo_build(), tmp_path, lambda about: about.update(identity=IDENTITY - 1))
    (outcome,) = run_jobs(build, [echo_job("any")])
    assert outcome.error == f"register id: found {IDENTITY:#010x}, expected {IDENTITY - 1:#010x}"


def test_a_register_that_is_not_there_is_said(tmp_path: Path) -> None:
    def move(name: str):
        return lambda about: about["registers"][name].update(address=BEYOND)

    build = with_sidecar(echo_build(), tmp_path, move("control"))
    first, second = run_jobs(build, [echo_job("plain"), echo_job("reset", reset=True)])
    assert first.error is None and second.error == f"register control at {BEYOND:#x}: answered SLVERR"
    (outcome,) = run_jobs(with_sidecar(echo_build(), tmp_path, move("gated")), [echo_job("any")])
    assert outcome.error == f"register gated at {BEYOND:#x}: answered SLVERR"


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_waves_on_request(simulator: str, tmp_path: Path) -> None:
    waves = tmp_path / "deep" / "waves.fst"
    assert_echoes(JOBS[:1], run_jobs(echo_build(simulator, waves=True), JOBS[:1], waves=waves))
    assert "s_axis_map_tdata" in names_in_fst(waves)


def test_a_simulator_that_does_not_start_is_said(tmp_path: Path) -> None:
    build = replace(echo_build(), folder=tmp_path)
    with pytest.raises(ToolError, match="verilator could not be started: No such file or directory"):
        run_jobs(build, JOBS[:1])
    (tmp_path / PROGRAM).write_text("#!/bin/sh\necho it broke; kill -9 $$\n")
    (tmp_path / PROGRAM).chmod(0o755)
    with pytest.raises(ToolError, match=r"(?s)verilator did not run echo_5 to the end \(0 tests, 0 failed\) .*: it was "
                                        r"killed by signal 9 \(out of memory\?\): it broke"):
        run_jobs(build, JOBS[:1])


@pytest.mark.parametrize("stall", [-0.1, 1.0, float("nan")])
def test_refuses_a_stall_out_of_range(stall: float) -> None:
    with pytest.raises(ValueError, match=r"stall must be from 0 to less than 1, not"):
        run_jobs(echo_build(), JOBS[:1], stall=stall)


def test_waves_on_a_full_disk_leave_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, target = echo_build(waves=True), tmp_path / "waves.fst"
    target.write_text("earlier")

    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runner.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left on device"):
        run_jobs(build, JOBS[:1], waves=target)
    assert target.read_text() == "earlier" and list(tmp_path.iterdir()) == [target]
    monkeypatch.undo()
    with pytest.raises(OSError, match="folder"):
        run_jobs(build, JOBS[:1], waves=tmp_path)
