"""The clock by nextpnr: a counter is placed and routed; what is told of the slowest path, and of what does not fit."""

from __future__ import annotations

import pytest

import zeroskip.clock
from zeroskip.clock import critical_path, pack, reach
from zeroskip.files.process import OutOfTimeError
from zeroskip.synth import run_yosys
from zeroskip.verilog import ToolError

COUNTER = """
module counter (input clk, input up, output reg [23:0] value);
  always @(posedge clk) if (up) value <= value + 24'd1;
endmodule
"""


@pytest.fixture(scope="module")
def netlist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clock")
    (folder / "counter.v").write_text(COUNTER)
    run_yosys("read_verilog counter.v\nsynth_ecp5 -top counter -json counter.json\n", folder, 120)
    return folder / "counter.json"


def test_counter(netlist):
    """24 registers behind one chain of carries; the median of the seeds, and a path of the counter's own."""
    found = reach(netlist, seeds=(1, 2, 3))
    assert found["used"] == {name: used for name, (used, _) in pack(netlist).items()}
    assert found["used"]["FF"] == 24 and 24 <= found["used"]["COMB"] <= 32 and found["used"]["BRAM"] == 0
    assert found["available"]["COMB"] == 83640
    assert list(found["by_seed"]) == [1, 2, 3] and found["mhz"] == sorted(found["by_seed"].values())[1] > 50
    path = found["critical"]
    assert path["from"] == path["to"] == "value" and path["logic"] > 0
    assert path["logic"] + path["routing"] == pytest.approx(1000 / found["mhz"], rel=0.01)


def test_a_clock_that_is_asked_for(netlist, monkeypatch):
    found = reach(netlist, seeds=(1,), mhz=50.0)
    assert found["asked"] == 50 and found["mhz"] == found["by_seed"][1] > 50 and found["critical"]["to"] == "value"


def out_of_time(seed):
    """nextpnr, which does not end with that seed and the ones before it."""
    run = zeroskip.clock._nextpnr

    def own(netlist, *arguments, timeout):
        if "--seed" in arguments and int(arguments[arguments.index("--seed") + 1]) <= seed:
            raise OutOfTimeError("nextpnr did not end")
        return run(netlist, *arguments, timeout=timeout)

    return own


def test_a_clock_that_is_not_reached_in_time(netlist, monkeypatch):
    monkeypatch.setattr(zeroskip.clock, "_nextpnr", out_of_time(1))
    found = reach(netlist, seeds=(1, 2), mhz=50.0)
    assert found["mhz"] is None and "critical" not in found
    assert found["by_seed"][1] is None and found["by_seed"][2] > 50
    with pytest.raises(ToolError, match="nextpnr did not end"):
        reach(netlist, seeds=(1,))  # without one there is nothing to be reached, and no end is a fault


def test_what_does_not_fit_has_no_clock(netlist, monkeypatch):
    monkeypatch.setattr(zeroskip.clock, "pack", lambda netlist: {"COMB": (1, 2), "BRAM": (648, 208)})
    monkeypatch.setattr(zeroskip.clock, "_route", lambda *arguments: pytest.fail("routed"))
    found = reach(netlist)
    assert found["lacks"] == {"BRAM": (648, 208)} and "mhz" not in found


def test_path_is_told_by_its_signals():
    def step(kind, delay, cell, to):
        return {"type": kind, "delay": delay, "from": {"cell": cell}, "to": {"cell": to}}

    steps = [
        step("clk-to-q", 0.5, "engine.lane_0.more_TRELLIS_FF_Q_3", "engine.lane_0.more_TRELLIS_FF_Q_3"),
        step("routing", 1.0, "engine.lane_0.more_TRELLIS_FF_Q_3", "engine.lane_0.more_LUT4_A"),
        step("logic", 0.25, "engine.lane_0.more_LUT4_A", "engine.lane_0.more_LUT4_A"),
        step("routing", 2.0, "engine.lane_0.more_LUT4_A", "engine.table.0.3"),
    ]
    paths = [{"from": "<async>", "to": "posedge clk", "path": []}, {"from": "clk", "to": "clk", "path": steps}]
    assert critical_path({"critical_paths": paths}) == {
        "from": "engine.lane_0.more", "to": "engine.table", "through": ["engine.lane_0", "engine"],
        "logic": 0.75, "routing": 3.0,
    }


def test_what_nextpnr_says_against_it(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ToolError, match="nextpnr failed: "):
        pack(tmp_path / "broken.json")
