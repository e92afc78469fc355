"""Synthesis by yosys: counts of a small engine, and what a failure says."""

from __future__ import annotations

import json

import pytest

from zeroskip.spec.config import PRESETS
from zeroskip.synth import count_cells, run_yosys, synthesise
from zeroskip.verilog import ToolError, generate


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synth")
    design = generate(PRESETS["tiny"], "dense-gate", folder)
    netlist = folder / "netlist.json"
    found = synthesise(design.verilog, design.top, multipliers=4, netlist=netlist, log=folder / "yosys.log")
    return found, netlist


def test_counts(tiny):
    found, _ = tiny
    total = found["total"]
    assert total["MULT"] == 4 + 2 * 2  # the array, and two for each of two requantisers
    assert total["BRAM"] > 0 and total["FF"] > 500 and total["LUT4"] > 500 and total["DPR16X4"] >= 32
    assert found["per_lane"]["LUT4"] == pytest.approx(total["LUT4"] / 4)
    parts = found["parts"]
    assert parts["engine.array"]["MULT"] == 4 and parts["engine.array"]["count"] == 1
    outside = [parts[name] for name in ("engine", "counters", "registers")]
    assert 0 <= total["LUT4"] - sum(part["LUT4"] for part in outside) < 100
    inner = [part for name, part in parts.items() if name.startswith("engine.") and name.count(".") == 1]
    assert sum(part["FF"] for part in inner) <= parts["engine"]["FF"]
    json.dumps(found, allow_nan=False)


def test_netlist(tiny):
    """The netlist is flat and has as many multipliers as were counted."""
    found, netlist = tiny
    modules = json.loads(netlist.read_text())["modules"]
    top = next(module for module in modules.values() if int(module["attributes"].get("top", "0"), 2))
    kinds = [cell["type"] for cell in top["cells"].values()]
    assert kinds.count("MULT18X18D") == found["total"]["MULT"]
    assert not any("engine" in kind for kind in kinds)


def test_carries_that_nothing_reads_are_not_connected(tiny):
    """Each would take a cell more; a carry that something reads stays."""
    _, netlist = tiny
    modules = json.loads(netlist.read_text())["modules"]
    top = next(module for module in modules.values() if int(module["attributes"].get("top", "0"), 2))
    read = {bit for port in top["ports"].values() for bit in port["bits"]}
    for cell in top["cells"].values():
        read |= {bit for pin, bits in cell["connections"].items() if cell["port_directions"][pin] == "input"
                 for bit in bits}
    ends = [cell["connections"]["COUT"] for cell in top["cells"].values() if cell["type"] == "CCU2C"]
    assert ["x"] in ends and any(end[0] in read for end in ends)
    assert all(end == ["x"] or end[0] in read for end in ends)


def test_count_cells_by_place():
    """A module that stands in several places counts as often, and numbers in names do not part equal ones."""
    statistics = {"modules": {
        "\\t": {"num_cells_by_type": {"LUT4": 1, "t.a_0": 1, "t.a_1": 1}},
        "\\t.a_0": {"num_cells_by_type": {"LUT4": 10, "t.a_0.b": 2}},
        "\\t.a_1": {"num_cells_by_type": {"LUT4": 20, "t.a_0.b": 1}},
        "\\t.a_0.b": {"num_cells_by_type": {"TRELLIS_FF": 5}},
    }}
    parts = count_cells(statistics, "t")
    assert (parts[""]["LUT4"], parts[""]["FF"], parts[""]["count"]) == (31, 15, 1)
    assert (parts["a"]["count"], parts["a"]["LUT4"], parts["a"]["FF"]) == (2, 30, 15)
    assert (parts["a.b"]["count"], parts["a.b"]["FF"]) == (3, 15)


def test_failures(tmp_path):
    with pytest.raises(ToolError, match=r"^yosys failed: .*ERROR: No such command: nonsense"):
        run_yosys("nonsense\n", tmp_path, 100, log=tmp_path / "kept.log")
    assert "nonsense" in (tmp_path / "kept.log").read_text()
    with pytest.raises(ToolError, match=r"^yosys did not end within 0\.01 s$"):
        run_yosys("help\n", tmp_path, 0.01)
    with pytest.raises(ToolError, match=r"none\.v: no such file$"):
        synthesise(tmp_path / "none.v", "top", multipliers=4)
