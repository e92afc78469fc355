"""No output is an input, or lies in one, or is another output."""

import os

import pytest

from zeroskip.files.outputs import OutputError, check_apart


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").touch()
    (tmp_path / "layer.npz").touch()
    os.symlink("layer.npz", "link")
    os.link("layer.npz", "twin")
    return tmp_path


@pytest.mark.parametrize("output", ["layer.npz", "./layer.npz", "model/../layer.npz", "link", "twin", "model",
                                    "model/model.json", "model/new.json", "model/deep/er"])
def test_refused(here, output):
    with pytest.raises(OutputError, match=r"^--json .*read.*; give another place$"):
        check_apart({"--json": output}, ["layer.npz", "model", None, "nothing.npz", "mine:net", "a\0b"])


@pytest.mark.parametrize("output", ["new.json", "model.json", "modelling/x", "other/layer.npz", None])
def test_taken(here, output):
    check_apart({"--json": output, "--outputs": "else"}, ["layer.npz", "model", None, "mine:net"])


def test_two_outputs(here):
    with pytest.raises(OutputError, match=r"--outputs \./x is written by --json, too"):
        check_apart({"--json": "x", "--outputs": "./x"}, [])
