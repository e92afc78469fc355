"""``zerokeep generate``."""

import json

import pytest

from zerokeep import cli
from zeroskip import verilog


def test_writes_each_kind_once_and_lints(tmp_path):
    listing = tmp_path / "list.json"
    arguments = ["--preset", "tiny", "--engine", "skip-both", "--engine", "skip-weights", "--engine", "dense", "--lint"]
    assert cli.main(["generate", *arguments, "-o", str(tmp_path / "out"), "--json", str(listing)]) == 0
    names = ["zerokeep_tiny_dense", "zerokeep_tiny_zero_skip"]
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == sorted(f"{name}{end}" for name in names for end in (".json", ".v"))
    document = json.loads(listing.read_text())
    assert [design["kind"] for design in document["designs"]] == ["zero-skip", "dense"] and document["lint"] == []


def test_lint_messages_are_status_1(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(verilog, "lint", lambda file, top: [f"%Warning-LATCH: {top}"])
    assert cli.main(["generate", "--multipliers", "4", "--engine", "dense", "--lint", "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "%Warning-LATCH: zerokeep_tiny_dense\n"


def test_auto_needs_both_kinds(tmp_path):
    assert cli.main(["generate", "--preset", "tiny", "--engine", "auto", "-o", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.v")) == ["zerokeep_tiny_dense.v", "zerokeep_tiny_zero_skip.v"]


@pytest.mark.parametrize(("arguments", "text"), [
    (["--preset", "huge"], "preset must be one of tiny, small, base, large, fine, not 'huge'"),
    (["--multipliers", "5"], "multipliers must be one of 4, 16, 64, 128, not 5"),
    (["--preset", "tiny", "--multipliers", "4"], "give a preset or a number of multipliers, not both"),
    (["--engine", "fast"], "engine must be one of dense, gate, skip-weights, skip-both, auto, not 'fast'"),
])
def test_bad_input(arguments, text, tmp_path, capsys):
    assert cli.main(["generate", *arguments, "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"zerokeep: {text}\n" and not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert cli.main(["generate", "--preset", "tiny", "--engine", "dense", "-o", str(tmp_path / "out")]) == 2
    assert "zerokeep: cannot write" in capsys.readouterr().err
