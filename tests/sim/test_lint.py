"""Verilator's lint with all warnings, of every array of every preset: no latch, no combinational loop."""

import pytest
from tests.sim.echo import CACHE

from cosim.designs import cached
from zeroskip.config import PRESETS
from zeroskip.engines import ENGINE_KINDS
from zeroskip.verilog import lint


@pytest.mark.parametrize("kind", ENGINE_KINDS)
@pytest.mark.parametrize("preset", PRESETS)
def test_clean(preset: str, kind: str) -> None:
    design = cached(PRESETS[preset], kind, CACHE / "verilog")
    assert lint(design.verilog, design.top) == []
