"""``zerokeep energy``: what it refuses, and what it says is missing."""

import pytest

from cosim.energy import library
from zerokeep.cli import main


@pytest.mark.parametrize(("arguments", "message"), [
    (["--part", "all"], "--part must be one of layers, densities, multiplier, not 'all'"),
    (["--engine", "auto"], "engine must be one of dense, gate, skip-weights, skip-both here, not 'auto'"),
    (["--preset", "huge"], "preset must be one of"),
    (["none.npz"], "none.npz"),
])
def test_refusals(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(library, "find", lambda: "sta")
    assert main(["energy", *arguments, "--cache", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_missing_tools_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(library, "LIBERTY", tmp_path / "none.lib")
    assert main(["energy", "--cache", str(tmp_path)]) == 2
    assert "qflow-tech-osu018 not found" in capsys.readouterr().err
