"""Families of FPGAs: every one maps a small design, and what it takes is counted under the right names."""

from __future__ import annotations

import pytest

from zeroskip.families import ECP5, FAMILIES
from zeroskip.synth import count_cells, synthesise

DESIGN = """
module top(input clk, input signed [7:0] a, input signed [8:0] b, input [17:0] c, input [4:0] at, input [9:0] far,
             input we, output reg signed [16:0] product, output reg [17:0] near, output reg [17:0] away);
  reg [17:0] few [0:31];
  reg [17:0] many [0:1023];
  reg [7:0] a_held;
  reg [8:0] b_held;
  always @(posedge clk) begin
    a_held <= a; b_held <= b; product <= $signed(a_held) * $signed(b_held);
    if (we) begin few[at] <= c; many[far] <= c; end
    near <= few[at] + c;
    away <= many[far];
  end
endmodule
"""
"""A multiplier, a memory of 32 x 18 that is added to, one of 1,024 x 18."""
TAKES = {
    "ecp5": {"MULT": 1, "BRAM": 1, "DPR16X4": 10}, "ice40": {"MULT": 1, "BRAM": 5},
    "gowin": {"MULT": 1, "BRAM": 1, "LUTMEM": 10}, "xilinx7": {"MULT": 1, "BRAM": 1, "LUTMEM": 3},
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_maps(name, tmp_path):
    source = tmp_path / "top.v"
    source.write_text(DESIGN)
    family = FAMILIES[name]
    total = synthesise(source, "top", multipliers=1, family=family)["total"]
    assert {key: total[key] for key in TAKES[name]} == TAKES[name]
    assert set(family.shown) <= set(total)
    assert total["COMB"] >= 18 and total["FF"] >= 18
    assert not family.lacks(total)


def test_cells_are_counted_by_patterns():
    """Wide memories count as two, and LUT memories as the LUTs that they take."""
    statistics = {"modules": {
        "\\t": {"num_cells_by_type": {"LUT6": 3, "RAM32M": 2, "RAMB36E1": 4, "t.a": 2, "BUFG": 1}},
        "\\t.a": {"num_cells_by_type": {"LUT2": 5, "RAMB18E1": 1, "FDRE": 7, "RAM32X1D": 1}},
    }}
    parts = count_cells(statistics, "t", FAMILIES["xilinx7"])
    assert parts[""] == {"count": 1, "LUT": 13, "CARRY": 0, "LUTMEM": 4, "FF": 14, "MULT": 0, "BRAM": 10,
                         "COMB": 3 + 2 * 4 + 2 * (5 + 2)}
    assert parts["a"] == {"count": 2, "LUT": 10, "CARRY": 0, "LUTMEM": 2, "FF": 14, "MULT": 0, "BRAM": 2, "COMB": 14}


def test_what_a_chip_lacks():
    cells = dict.fromkeys(("COMB", "FF", "MULT", "BRAM"), 0)
    assert ECP5.lacks(cells) == {}
    assert ECP5.lacks(cells | {"BRAM": 209, "MULT": 156}) == {"BRAM": (209, 208)}
