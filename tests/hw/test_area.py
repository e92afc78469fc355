"""The area model: counted memories and multipliers, and LUTs against what yosys gave."""

from __future__ import annotations

import pytest

from zeroskip.area import blocks, estimate, in_luts, lut_cells, luts_of
from zeroskip.config import PRESETS, derive

MEASURED = {  # groups, lanes, pixels, columns, units: LUTs, multipliers and block memories by yosys 0.70
    (1, 1, 1, 2, 1): (4833, 3, 54), (1, 4, 1, 2, 1): (7674, 6, 90), (4, 2, 1, 2, 4): (13800, 16, 144),
    (1, 4, 1, 1, 1): (6857, 6, 86), (2, 4, 2, 1, 2): (11515, 24, 140), (2, 2, 4, 1, 1): (9029, 24, 98),
    (1, 8, 4, 1, 1): (12884, 40, 154), (1, 2, 8, 1, 1): (10342, 32, 86), (2, 4, 8, 1, 2): (23499, 96, 208),
    (4, 4, 4, 1, 4): (24391, 96, 208),
}


@pytest.mark.parametrize("shape", MEASURED)
def test_against_yosys(shape):
    """Multipliers and memories to the last one, LUTs within 5 %."""
    groups, lanes, pixels, columns, units = shape
    luts, multipliers, memories = MEASURED[shape]
    found = estimate(derive(groups=groups, lanes=lanes, pixels=pixels, columns=columns, output_units=units))
    assert (found.multipliers, found.memories) == (multipliers, memories)
    assert found.luts == pytest.approx(luts, rel=0.05)


def test_presets():
    """The table of the memories' page."""
    found = {name: estimate(config) for name, config in PRESETS.items()}
    assert {name: (area.multipliers, area.memories) for name, area in found.items()} == {
        "tiny": (8, 44), "small": (24, 98), "base": (96, 208), "large": (144, 208), "fine": (96, 648)}


@pytest.mark.parametrize(("rows", "bits", "count"), [
    (512, 36, 1), (512, 37, 2), (1024, 18, 1), (2048, 16, 2), (4096, 12, 3), (4096, 128, 30), (16384, 1, 1),
    (16, 56, 2), (32768, 1, 2),
])
def test_blocks(rows, bits, count):
    """In the best shape: 4096 x 128 in two halves of 9 bits, not in one of 4."""
    assert blocks(rows, bits) == count


@pytest.mark.parametrize(("rows", "bits", "luts"), [
    (64, 16, True), (128, 16, False), (32, 112, True), (64, 56, False), (16, 128, True),
])
def test_small_memories_are_luts(rows, bits, luts):
    assert in_luts(rows, bits) is luts


def test_lut_cells():
    assert [lut_cells(*size) for size in ((16, 4), (17, 4), (16, 5), (64, 16))] == [1, 2, 2, 16]
    assert luts_of({"LUT4": 100, "CCU2C": 10, "DPR16X4": 5}) == 150
    small, large = (estimate(derive(groups=1, lanes=1, pixels=4, result_rows=rows)) for rows in (32, 512))
    assert (small.memories, small.luts) == (large.memories - 4, large.luts + 6 * lut_cells(32, 112))
