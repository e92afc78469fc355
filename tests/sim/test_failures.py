"""What is kept of a failure: whole, in place of an earlier one only, with a command that can be pasted."""

from __future__ import annotations

import errno
import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.files.test_workplace import UGLY

from cosim import failures
from cosim.failures import about, keep, replay_command
from zeroskip.layer import Layer
from zeroskip.spec import config_file
from zeroskip.spec.config import PRESETS

OTHER = replace(PRESETS["tiny"], lanes=3)
LAYER = Layer(weight=np.ones((1, 2), np.int8), input=np.ones((1, 2), np.uint8))


def kept(parent: Path, message: str = "wrong", before: int = 0) -> Path:
    return keep(parent, "01-dense", LAYER, {"map": np.zeros(3)}, {"expected": np.ones(2)},
                about("dense", PRESETS["tiny"], message, 0.5, 3),
                lambda folder: replay_command(folder, "dense", PRESETS["tiny"], 0.5, 3), config=PRESETS["tiny"],
                before=[LAYER] * before)


def message(folder: Path) -> str:
    return json.loads((folder / "about.json").read_text())["message"]


def test_an_earlier_failure_is_replaced_whole(tmp_path: Path) -> None:
    first = kept(tmp_path / "new", "one", before=2)
    assert {path.name for path in first.iterdir()} == {
        "layer.npz", "program.npz", "outputs.npz", "about.json", "config.json", "README.txt", "before_00.npz",
        "before_01.npz"}
    again = kept(tmp_path / "new", "two")
    assert again == first and message(again) == "two" and not list(first.glob("before*"))
    assert list((tmp_path / "new").iterdir()) == [first]


@pytest.mark.parametrize("how", ["a file more", "no about", "another about", "a file", "a link", "a folder inside"])
def test_what_is_not_ours_stays(tmp_path: Path, how: str) -> None:
    first = tmp_path / "01-dense"
    if how in ("a file more", "no about", "another about", "a folder inside"):
        kept(tmp_path)
    if how == "a file more":
        (first / "notes.txt").write_text("mine")
    elif how == "no about":
        (first / "about.json").unlink()
    elif how == "another about":
        (first / "about.json").write_text("[]")
    elif how == "a folder inside":
        (first / "more").mkdir()
    elif how == "a file":
        first.write_text("mine")
    else:
        kept(tmp_path / "elsewhere")
        first.symlink_to(tmp_path / "elsewhere" / "01-dense")
    before = {path: path.lstat().st_ino for path in (first, *first.rglob("*"))}
    assert kept(tmp_path).name == "01-dense-2"
    assert kept(tmp_path, "again").name == "01-dense-2"
    assert {path: path.lstat().st_ino for path in (first, *first.rglob("*"))} == before


def test_a_failure_to_keep_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kept(tmp_path, "one")

    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(failures, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        kept(tmp_path, "two")
    assert message(first) == "one" and list(tmp_path.iterdir()) == [first]


def test_the_array_is_kept(tmp_path: Path) -> None:
    """A configuration that is no preset comes back from what was kept."""
    folder = keep(tmp_path, "case", LAYER, {}, {}, about("dense", OTHER, "wrong", 0, 0),
                  lambda folder: replay_command(folder, "dense", OTHER, 0, 0), config=OTHER)
    assert config_file.read(folder / "config.json").engine == OTHER
    assert f"--config {folder / 'config.json'}" in (folder / "README.txt").read_text()


@pytest.mark.parametrize("preset", [True, False])
@pytest.mark.parametrize("folder", [UGLY, "-x", "a", "$(touch planted)"])
def test_the_command_can_be_pasted(tmp_path: Path, folder: str, preset: bool) -> None:
    config = PRESETS["tiny"] if preset else OTHER
    command = replay_command(Path(folder), "skip-both", config, 0.25, 7)
    words = shlex.split(command)
    assert words[:2] == ["zerokeep", "simulate"] and Path(words[2]) == Path(folder) / "layer.npz"
    assert not words[2].startswith("-")
    selection = ["--preset", "tiny"] if preset else ["--config", words[6]]
    assert words[3:] == ["--engine", "skip-both", *selection, "--stall", "0.25", "--seed", "7"]
    assert preset or (Path(words[6]) == Path(folder) / "config.json" and not words[6].startswith("-"))
    shell = subprocess.run(["sh", "-c", f"zerokeep() {{ printf '%s\\0' \"$@\"; }}; {command}"], cwd=tmp_path,
                           capture_output=True, check=True)
    assert shell.stdout.decode().split("\0")[:-1] == words[1:] and not list(tmp_path.iterdir())
