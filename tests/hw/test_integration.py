# amaranth: UnusedElaboratable=no
"""What is written for other systems: it compiles, it is linted, it runs where its tool is there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.hw.echo_engine import MULTIPLIERS, EchoEngine

from zeroskip.gateware.axi.top import AxiTop
from zeroskip.integration.registers import c_header, python_map
from zeroskip.integration.write import write_integration
from zeroskip.link.frame import WAITS, Command
from zeroskip.spec.axi import ERROR_AT, IDENTITY, REGISTERS
from zeroskip.spec.program import ERRORS
from zeroskip.verilog import lint, verilator_environment, write_design

EXAMPLE = Path(__file__).parents[2] / "examples" / "litex" / "soc.py"


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    """Of an engine whose beats have 4 bytes and numbers."""
    size = {"beat_bytes": 4, "number_bits": 13}
    boundary = AxiTop(EchoEngine(**size), multipliers=MULTIPLIERS, **size)
    found = write_design(boundary, tmp_path_factory.mktemp("design"), "echo", about={"kind": "echo"})
    return found, write_integration(found)


def test_the_registers_in_python():
    found = {}
    exec(python_map("echo"), found)
    assert found["OFFSETS"] == {name: own.address for name, own in REGISTERS.items()}
    assert found["IDENTITY"] == IDENTITY
    assert found["MEANINGS"]["control"].startswith("write: bit 0")
    assert found["OFFSETS"]["results"] == 12
    status = 4 << ERROR_AT | 1
    assert found["ERRORS"][status >> found["STATUS_ERROR_SHIFT"] & found["STATUS_ERROR_MASK"]] == ERRORS[4]


def test_the_registers_in_c(tmp_path):
    checks = [f"ZEROKEEP_{name.upper()}_OFFSET == {own.address}" for name, own in REGISTERS.items()]
    checks += [f"ZEROKEEP_ID_VALUE == {IDENTITY}u", f"ZEROKEEP_LINK_WAITS == {WAITS}", "ZEROKEEP_RESULTS_OFFSET == 12",
               f"((5u << {ERROR_AT} | 1u) >> ZEROKEEP_STATUS_ERROR_SHIFT & ZEROKEEP_STATUS_ERROR_MASK) == 5u"]
    checks += [f"ZEROKEEP_LINK_COMMAND_{own.name} == {own.value}" for own in Command]
    source = tmp_path / "check.c"
    source.write_text(c_header("echo") + c_header("echo") + "".join(f'_Static_assert({own}, "");\n' for own in checks))
    done = subprocess.run(["g++", "-x", "c", "-std=c11", "-Wall", "-Werror", "-fsyntax-only", str(source)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_wrapper_passes_the_lint(design, tmp_path):
    found, written = design
    assert sorted(path.name for path in written) == ["echo.core", "echo.vlt", "echo_axi.v", "echo_registers.h",
                                                     "echo_registers.py", "echo_tb.v"]
    wrapper = (found.verilog.parent / "echo_axi.v").read_text()
    assert "output [12:0] m_axis_result_tuser" in wrapper and ".m_axis_result_tkeep(m_axis_result_tkeep)" in wrapper
    assert "ASSOCIATED_BUSIF s_axis_program:s_axis_map:m_axis_result:s_axil, ASSOCIATED_RESET aresetn" in wrapper
    both = tmp_path / "both.v"
    both.write_text(found.verilog.read_text() + wrapper)
    assert lint(both, "echo_axi") == []
    both.write_text(found.verilog.read_text() + wrapper.replace("    .s_axil_arvalid(s_axil_arvalid),\n", ""))
    assert any("PINMISSING" in message for message in lint(both, "echo_axi"))


@pytest.mark.parametrize("target", ["lint", "sim"])
def test_the_core_in_fusesoc(design, tmp_path, target):
    pytest.importorskip("fusesoc")
    found, _ = design
    folder = found.verilog.parent
    tool = Path(sys.executable).with_name("fusesoc")
    done = subprocess.run([str(tool), "--cores-root", str(folder), "run", "--build-root", str(tmp_path / "build"),
                           "--target", target, "zerokeep:engines:echo"], cwd=tmp_path, capture_output=True, text=True,
                          env=verilator_environment(tmp_path) | {"HOME": str(tmp_path)}, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    if target == "sim":
        assert f"echo: register id is {IDENTITY:08x}" in done.stdout + done.stderr


def test_the_example_for_litex(design, tmp_path):
    pytest.importorskip("litex")
    found, _ = design
    done = subprocess.run([sys.executable, str(EXAMPLE), str(found.sidecar), "--output", str(tmp_path)], cwd=tmp_path,
                          capture_output=True, text=True, env=dict(os.environ), check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    text = (tmp_path / "soc.v").read_text()
    for port in json.loads(found.sidecar.read_text())["ports"]:
        assert f".{port}" in text
