"""Verilator's lint with all warnings, of every engine: no latch, no combinational loop.

That of ``tiny`` always; those of the other presets take minutes, and are made where ``ZEROKEEP_ALL`` is set, as
``make prove`` does.
"""

import os
from pathlib import Path

import pytest
from tests.sim.echo import CACHE

from cosim.designs import cached
from zeroskip.spec.config import PRESETS
from zeroskip.spec.engines import ENGINE_KINDS
from zeroskip.verilog import lint

LINTED = PRESETS if os.environ.get("ZEROKEEP_ALL") else ("tiny",)


@pytest.mark.parametrize("kind", ENGINE_KINDS)
@pytest.mark.parametrize("preset", LINTED)
def test_clean(preset: str, kind: str) -> None:
    design = cached(PRESETS[preset], kind, CACHE / "verilog")
    assert lint(design.verilog, design.top) == []


@pytest.mark.parametrize(("fault", "rule"), [
    ("always @* if (clk) latched = 1'h1;\n  reg latched;", "LATCH"),
    ("wire [1:0] around;\n  assign around = {around[0] ^ clk, ~around[1]};\n  assign out = around[0];", "UNOPTFLAT"),
    ("wire nobody;\n  wire reads = nobody ^ clk;", "UNDRIVEN"),
])
def test_a_fault_is_seen(fault: str, rule: str, tmp_path: Path) -> None:
    """The waivers hide none of what the lint is for."""
    verilog = tmp_path / "faulty.v"
    verilog.write_text(f"module top(input clk, output out);\n  {fault}\nendmodule\n")
    assert any(f"-{rule}:" in line for line in lint(verilog, "top"))
