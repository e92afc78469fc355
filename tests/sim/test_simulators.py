"""Finding simulators, and the cache of builds."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.sim.echo import echo_build, echo_design

from cosim import simulators
from cosim.simulators import build, cache_key, find_simulator
from zeroskip.verilog import GeneratedDesign, ToolError


def test_a_second_build_is_none() -> None:
    first = echo_build()
    again = echo_build()
    assert not again.fresh and again.folder == first.folder and (again.folder / "done").is_file()


def test_the_key_is_of_verilog_version_and_waves() -> None:
    design, simulator = echo_design(), find_simulator()
    keys = {cache_key(design, simulator, waves=False), cache_key(design, simulator, waves=True),
            cache_key(replace(design, digest="other"), simulator, waves=False),
            cache_key(design, replace(simulator, version="other"), waves=False)}
    assert len(keys) == 4


def test_a_build_that_is_not_whole_is_made_again() -> None:
    first = echo_build(delay=6)
    (first.folder / "done").unlink()
    (first.folder / "echo_6").write_text("cut short")
    again = echo_build(delay=6)
    assert again.fresh and again.folder == first.folder and (again.folder / "echo_6").stat().st_size > 10_000


def test_verilog_that_does_not_compile_is_quoted(tmp_path: Path) -> None:
    bad = tmp_path / "bad.v"
    bad.write_text("module bad(input clk); nonsense here; endmodule\n")
    sidecar = tmp_path / "bad.json"
    sidecar.write_text('{"ports": {"clk": {"width": 1, "direction": "input"}}}')
    design = GeneratedDesign(verilog=bad, sidecar=sidecar, top="bad", digest="0")
    with pytest.raises(ToolError, match=r"verilator could not build bad: .*nonsense"):
        build(design, find_simulator(), tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("bad-*")) and not list((tmp_path / "cache").glob(".build-*"))


def test_an_unknown_simulator_is_refused() -> None:
    with pytest.raises(ValueError, match="simulator must be one of verilator, icarus, not 'modelsim'"):
        find_simulator("modelsim")


@pytest.mark.parametrize(("name", "tool", "text"), [
    ("icarus", "iverilog", "iverilog was not found: install Icarus Verilog"),
    ("verilator", "make", "make was not found: verilator needs it"),
    ("verilator", "g++", r"g\+\+ was not found: verilator needs it"),
])
def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch, name: str, tool: str, text: str) -> None:
    real = simulators.shutil.which
    monkeypatch.setattr(simulators.shutil, "which", lambda what, **more: None if what == tool else real(what, **more))
    with pytest.raises(ToolError, match=text):
        find_simulator(name)
