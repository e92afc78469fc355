"""Files are added to a folder, and what somebody else put there is not overwritten."""

import os

import pytest

from zeroskip.files.folders import NotOursError
from zeroskip.files.ledger import LEDGER, claim


def test_names_are_noted_before_they_are_written(tmp_path):
    claim(tmp_path / "new", ["a", "sub"])
    (tmp_path / "new" / "a").touch()
    claim(tmp_path / "new", ["a"])
    claim(tmp_path / "new", ["b"])
    (tmp_path / "new" / "b").touch()
    claim(tmp_path / "new", ["a", "b", "sub"])
    assert sorted(os.listdir(tmp_path / "new")) == [LEDGER, "a", "b"]


def test_what_is_not_noted_is_not_overwritten(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(NotOursError, match="holds 'a', which zerokeep did not write there and would overwrite"):
        claim(tmp_path, ["a", "b"])
    assert os.listdir(tmp_path) == ["a"]
    claim(tmp_path, ["b"])
    with pytest.raises(NotOursError, match="holds 'a'"):
        claim(tmp_path, ["a", "b"])


def test_a_folder_that_holds_anything(tmp_path):
    (tmp_path / "thesis").touch()
    with pytest.raises(NotOursError, match="holds 'thesis', and zerokeep did not begin that folder"):
        claim(tmp_path, ["a"], alone=True)
    (tmp_path / "thesis").unlink()
    claim(tmp_path, ["a"], alone=True)
    (tmp_path / "notes").touch()
    claim(tmp_path, ["a"], alone=True)


@pytest.mark.parametrize("text", ["", "{}", "[" * 9999, '{"format": "zerokeep-files", "files": [1]}', '{"files": []}'])
def test_what_is_no_ledger(tmp_path, text):
    (tmp_path / LEDGER).write_text(text)
    with pytest.raises(NotOursError, match="give another folder"):
        claim(tmp_path, ["a"])


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(NotOursError, match="is a file, not a folder"):
        claim(tmp_path / "x", ["a"])
