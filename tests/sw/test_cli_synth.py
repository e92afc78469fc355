"""``zerokeep synth``: table, JSON, and refusals."""

from __future__ import annotations

import json

import pytest

from zerokeep.cli import main


def test_tiny(tmp_path, capsys):
    target = tmp_path / "new" / "synth.json"
    assert main(["synth", "--preset", "tiny", "--engine", "dense", "--parts", "--json", str(target)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["engine", "part", "count", "LUT4", "CCU2C", "DPR16X4", "FF", "MULT", "BRAM"]
    assert shown[1].startswith("dense") and any("engine.array" in line for line in shown)
    found = json.loads(target.read_text())
    assert found["preset"] == "tiny" and found["multipliers"] == 4
    assert list(found["engines"]) == ["dense"]
    assert found["engines"]["dense"]["total"]["MULT"] == 8
    assert found["tool_versions"]["amaranth"]


@pytest.mark.parametrize(("arguments", "message"), [
    (["--preset", "huge"], "preset must be one of tiny, small, base, large, fine, not 'huge'"),
    (["--multipliers", "5"], "multipliers must be one of 4, 16, 64, 128, not 5"),
    (["--engine", "none"], "engine must be one of dense, gate, skip-weights, skip-both, auto, not 'none'"),
])
def test_refusals(arguments, message, capsys):
    assert main(["synth", *arguments]) == 2
    assert capsys.readouterr().err == f"zerokeep: {message}\n"
