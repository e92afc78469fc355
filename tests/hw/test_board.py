"""A board's bitstream: what is written, and that a missed clock leaves none. The engine is the smallest there is."""

from __future__ import annotations

import hashlib
import json

import pytest
from tests.hw.echo_engine import EchoEngine

from zerokeep.cli import main
from zeroskip import board


@pytest.fixture
def small(monkeypatch):
    """An engine that is placed in seconds."""
    monkeypatch.setattr(board, "build_engine", lambda config, kind: EchoEngine())


def test_the_files_and_their_manifest(small, tmp_path):
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "of an older build").write_text("")
    manifest = board.build("ulx3s-85f", folder, seed=3)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "timing.json", "top.bit"]
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    assert manifest["sha256"]["top.bit"] == hashlib.sha256((folder / "top.bit").read_bytes()).hexdigest()
    assert (manifest["board"], manifest["seed"], manifest["clock_mhz_asked"]) == ("ulx3s-85f", 3, 25.0)
    assert min(manifest["clock_mhz_reached"].values()) >= 25
    assert manifest["utilisation"]["TRELLIS_COMB"]["used"] > 100
    assert [path.name for path in tmp_path.iterdir()] == ["board"]
    sources = [source for path in json.loads((folder / "timing.json").read_text())["critical_paths"]
               for step in path["path"] for source in step.get("sources", ())]
    assert sources and not any("/" in source for source in sources)  # no path of the machine that built it


def test_a_missed_clock_leaves_nothing(small, tmp_path, capsys):
    assert main(["build", "--clock", "900", "--output", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "MHz reached, 900.0 MHz asked for; no bitstream was written" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("arguments", "message"), [
    (["--board", "unknown"], "board: found 'unknown', expected one of ulx3s-85f"),
    (["--preset", "huge"], "preset: found 'huge', expected one of tiny, small, base, large, fine"),
])
def test_refusals(arguments, message, tmp_path, capsys):
    assert main(["build", "--output", str(tmp_path), *arguments]) == 2
    assert message in capsys.readouterr().err
