"""Finding simulators, and the cache of builds."""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sim.echo import echo_build, echo_design, echo_job

from cosim import simulators
from cosim.runner import run_jobs
from cosim.simulators import PROGRAM, build, cache_key, find_simulator
from zeroskip.verilog import GeneratedDesign, ToolError


def test_a_second_build_is_none() -> None:
    first = echo_build()
    again = echo_build()
    assert not again.fresh and again.folder == first.folder
    assert sorted(path.name for path in again.folder.iterdir()) == ["entry.json", PROGRAM]


def test_the_key_is_of_verilog_version_and_waves() -> None:
    design, simulator = echo_design(), find_simulator()
    keys = {cache_key(design, simulator, waves=False), cache_key(design, simulator, waves=True),
            cache_key(replace(design, digest="other"), simulator, waves=False),
            cache_key(design, replace(simulator, version="other"), waves=False)}
    assert len(keys) == 4


def test_how_hard_the_compiler_optimises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the environment: the build is another one, and a level that there is not is named."""
    design, simulator = echo_design(), find_simulator()
    keys = set()
    for level in simulators.OPTIMISE:
        monkeypatch.setenv(simulators.ENVIRONMENT, level)
        keys.add(cache_key(design, simulator, waves=False))
    assert len(keys) == 5
    monkeypatch.delenv(simulators.ENVIRONMENT)
    assert cache_key(design, simulator, waves=False) in keys
    commands: list[list[str]] = []
    ran = simulators.run
    monkeypatch.setattr(simulators, "run", lambda command, **own: commands.append(command) or ran(command, **own))
    monkeypatch.setenv(simulators.ENVIRONMENT, "1")
    build(design, simulator, tmp_path)
    assert "OPT_FAST=-O1" in commands[-1]
    monkeypatch.setenv(simulators.ENVIRONMENT, "fast")
    with pytest.raises(ToolError, match="ZEROKEEP_OPTIMISE must be one of 0, g, 1, 2, 3, not 'fast'"):
        build(design, simulator, tmp_path)


def test_a_build_that_is_not_whole_is_made_again() -> None:
    first = echo_build(delay=6)
    (first.folder / PROGRAM).write_text("cut short")
    again = echo_build(delay=6)
    assert again.fresh and again.folder == first.folder and (again.folder / PROGRAM).stat().st_size > 10_000
    assert not echo_build(delay=6).fresh


def test_a_build_knows_no_path_of_where_it_was_made() -> None:
    """It may be moved, and what it was built beside may go."""
    found = (echo_build().folder / PROGRAM).read_bytes()
    for folder in (Path(simulators.__file__).parents[2], Path(tempfile.gettempdir()), Path(sys.prefix)):
        assert os.fsencode(folder) + b"/" not in found, folder


def test_damaged_objects_of_the_library_are_made_again(tmp_path: Path) -> None:
    """One entry for all designs: what is damaged in it never gets into a build."""
    simulator = find_simulator()
    build(echo_design(), simulator, tmp_path)
    (support,) = tmp_path.glob("support-*")
    for path in support.glob("*.o"):
        path.write_bytes(b"no object")
    again = build(echo_design(6), simulator, tmp_path)
    (outcome,) = run_jobs(again, [echo_job("one")])
    assert again.fresh and outcome.error is None
    assert all(path.read_bytes() != b"no object" for path in support.glob("*.o"))


def test_verilog_that_does_not_compile_is_quoted(tmp_path: Path) -> None:
    bad = tmp_path / "bad.v"
    bad.write_text("module bad(input clk); nonsense here; endmodule\n")
    sidecar = tmp_path / "bad.json"
    sidecar.write_text('{"ports": {"clk": {"width": 1, "direction": "input"}}}')
    design = GeneratedDesign(verilog=bad, sidecar=sidecar, top="bad", digest="0")
    with pytest.raises(ToolError, match=r"verilator could not build bad: .*nonsense"):
        build(design, find_simulator(), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_compiler_that_was_killed_or_had_no_room_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """make passes on what the compiler died of, in its own words."""
    for text, said in (("kill -9 $$", "Killed"), ("echo 'write: No space left on device' >&2; exit 1", "is full")):
        compiler = tmp_path / "g++"
        compiler.write_text(f"#!/bin/sh\n{text}\n")
        compiler.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        with pytest.raises(ToolError, match=rf"(?s)verilator could not build echo_5: make ended with .*{said}"):
            build(echo_design(), find_simulator(), tmp_path / said.replace(" ", ""))


def test_an_unknown_simulator_is_refused() -> None:
    with pytest.raises(ValueError, match="simulator must be one of verilator, icarus, not 'modelsim'"):
        find_simulator("modelsim")


@pytest.mark.parametrize(("name", "tool", "text"), [
    ("icarus", "iverilog", "iverilog was not found: install Icarus Verilog"),
    ("verilator", "make", "make was not found: verilator needs it"),
    ("verilator", "g++", r"g\+\+ was not found: verilator needs it"),
    ("verilator", "perl", "perl was not found: verilator needs it"),
])
def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch, name: str, tool: str, text: str) -> None:
    real = simulators.find
    monkeypatch.setattr(simulators, "find", lambda what, *more: None if what == tool else real(what, *more))
    with pytest.raises(ToolError, match=text):
        find_simulator(name)


def test_no_path_for_programs_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = find_simulator()
    monkeypatch.delenv("PATH")
    assert find_simulator() == expected
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError, match="make was not found"):
        find_simulator()


def test_a_simulator_that_does_not_run_has_no_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its complaint would else be a part of the key of every build."""
    perl = tmp_path / "perl"
    perl.write_text("#!/bin/sh\necho broken >&2; exit 3\n")
    perl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ToolError, match=r"verilator does not say its version, it ended with status 3: broken"):
        find_simulator()
