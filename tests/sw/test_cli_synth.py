"""``zerokeep synth``: table, JSON, and refusals."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from zerokeep.cli import main


def test_tiny(tmp_path, capsys):
    target = tmp_path / "new" / "synth.json"
    assert main(["synth", "--preset", "tiny", "--engine", "dense", "--parts", "--json", str(target)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["engine", "part", "count", "LUT4", "CCU2C", "DPR16X4", "COMB", "FF", "MULT", "BRAM"]
    assert shown[1].startswith("dense") and any("engine.array" in line for line in shown)
    found = json.loads(target.read_text())
    assert found["preset"] == "tiny" and found["multipliers"] == 4
    assert list(found["engines"]) == ["dense"]
    total = found["engines"]["dense"]["total"]
    assert total["MULT"] == 8 and total["COMB"] == total["LUT4"] + 2 * total["CCU2C"] + 6 * total["DPR16X4"]
    assert "clock" not in found["engines"]["dense"]
    assert found["tool_versions"]["amaranth"]


@pytest.fixture
def synthesised(monkeypatch):
    """Stand-ins for the generator and for yosys, which `test_tiny` tries: known counts, and a netlist."""
    def synthesise(verilog, top, *, multipliers, netlist, timeout, family):
        netlist.write_text("{}")
        counts = dict.fromkeys(family.shown, 8)
        return {"total": counts, "per_lane": counts, "parts": {}, "seconds": 1.0}

    monkeypatch.setattr("zeroskip.verilog.generate", lambda config, kind, folder, *, target: SimpleNamespace(
        verilog=folder / "design.v", top="top"))
    monkeypatch.setattr("zeroskip.synth.synthesise", synthesise)


@pytest.mark.usefixtures("synthesised")
def test_clock(tmp_path, capsys, monkeypatch):
    """Each kind is placed and routed with the seeds that are asked for; one that does not fit is told last."""
    def reach(netlist, *, seeds, mhz, timeout):
        assert netlist.is_file() and seeds == (4, 7, 9) and mhz is None and timeout == 7200
        used = {"used": {"COMB": 4000, "FF": 1, "MULT": 8, "BRAM": 2}}
        if netlist.stem == "dense-gate":
            return used | {"lacks": {"BRAM": (2, 1)}}
        return used | {"mhz": 91.25, "by_seed": {4: 90.0, 7: 91.25, 9: 93.0},
                       "critical": {"from": "a.b", "to": "c.d", "through": [], "logic": 4.0, "routing": 6.96}}

    monkeypatch.setattr("zeroskip.clock.reach", reach)
    target = tmp_path / "synth.json"
    arguments = ["--preset", "tiny", "--engine", "dense", "--engine", "gate", "--clock", "--seeds", "4,7,9"]
    assert main(["synth", *arguments, "--json", str(target)]) == 2
    out, err = capsys.readouterr()
    assert "dense   91.2  90.0 91.2 93.0  1000.0     a.b > c.d" in out and "2 of 1 BRAM" in out
    assert err.endswith("zerokeep: no clock, an LFE5U-85F is too small: dense-gate: 2 of 1 BRAM\n")
    engines = json.loads(target.read_text())["engines"]
    assert engines["dense"]["clock"]["mhz"] == 91.25 and engines["dense"]["total"]["COMB"] == 4000
    assert engines["gate"]["clock"]["lacks"] == {"BRAM": [2, 1]}


@pytest.mark.usefixtures("synthesised")
def test_a_clock_that_is_asked_for(tmp_path, capsys, monkeypatch):
    """One that most seeds do not reach in time ends with 1, and the figures are written all the same."""
    def reach(netlist, *, seeds, mhz, timeout):
        assert (mhz, timeout) == (87.5, 60)
        return {"used": {"COMB": 4000}, "asked": mhz, "mhz": None, "by_seed": {1: None, 2: 87.6, 3: None}}

    monkeypatch.setattr("zeroskip.clock.reach", reach)
    target = tmp_path / "synth.json"
    assert main(["synth", "--preset", "tiny", "--engine", "dense", "--clock", "--mhz", "87.5", "--route-timeout", "60",
                 "--json", str(target)]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].split() == ["dense", "-", "-", "87.6", "-", "1000.0", "-", "-", "-"]
    assert "87.5 MHz not reached by the median of the seeds: dense in time; ask for less" in err
    assert json.loads(target.read_text())["engines"]["dense"]["clock"]["by_seed"] == {"1": None, "2": 87.6, "3": None}


@pytest.mark.usefixtures("synthesised")
@pytest.mark.parametrize(("asked", "status", "said"), [("91.25", 0, ""), ("91.5", 1, "dense but 91.2; ask for less")])
def test_a_little_less_than_what_is_asked_for_is_missed(asked, status, said, capsys, monkeypatch):
    monkeypatch.setattr("zeroskip.clock.reach", lambda netlist, *, seeds, mhz, timeout: {
        "used": {"COMB": 4000}, "mhz": 91.25, "by_seed": {1: 91.25},
        "critical": {"from": "a", "to": "b", "through": [], "logic": 4.0, "routing": 6.96}})
    arguments = ["--preset", "tiny", "--engine", "dense", "--clock", "--seeds", "1", "--mhz", asked]
    assert main(["synth", *arguments]) == status
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "message"), [
    (["--clock", "--mhz", "inf"], "--mhz must be a number of MHz, not inf"),
    (["--mhz", "90"], "--mhz is the clock that is to be reached with --clock, which is missing"),
    (["--clock", "--seeds", "1,x"], "seeds must be different whole numbers with commas between them, not '1,x'"),
    (["--clock", "--seeds", "2,2"], "seeds must be different whole numbers with commas between them, not '2,2'"),
    (["--preset", "huge"], "preset must be one of tiny, small, base, large, fine, not 'huge'"),
    (["--multipliers", "5"], "multipliers must be one of 4, 16, 64, 128, not 5"),
    (["--engine", "none"], "engine must be one of dense, gate, skip-weights, skip-both, auto, not 'none'"),
])
def test_refusals(arguments, message, capsys):
    assert main(["synth", *arguments]) == 2
    assert capsys.readouterr().err == f"zerokeep: {message}\n"
