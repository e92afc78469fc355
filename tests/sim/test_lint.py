"""Verilator's lint with all warnings, of every array of every preset: no latch, no combinational loop.

The zero-skip arrays of ``large`` and ``fine`` take two minutes: they are linted with two groups, all else the same, and
as they are where ``ZEROKEEP_ALL`` is set, as ``make prove`` does.
"""

import os
from dataclasses import replace

import pytest
from tests.sim.echo import CACHE

from cosim.designs import cached
from zeroskip.spec.config import PRESETS, EngineConfig
from zeroskip.engines import ENGINE_KINDS
from zeroskip.verilog import lint

LARGE = ("large", "fine")


def with_two_groups(config: EngineConfig) -> EngineConfig:
    """The same array, the dense one beside it as small."""
    multipliers = 2 * config.lanes * config.pixels
    pixels = min(8, multipliers // 2)
    return replace(config, groups=2, output_units=min(config.output_units, 2), dense_pixels=pixels,
                   dense_filters=multipliers // pixels)


@pytest.mark.parametrize("kind", ENGINE_KINDS)
@pytest.mark.parametrize("preset", PRESETS)
def test_clean(preset: str, kind: str) -> None:
    config = PRESETS[preset]
    if kind == "zero-skip" and preset in LARGE and not os.environ.get("ZEROKEEP_ALL"):
        config = with_two_groups(config)
    design = cached(config, kind, CACHE / "verilog")
    assert lint(design.verilog, design.top) == []
