"""What the verbs share."""

import json
import os

import pytest

from zerokeep import cli_common
from zerokeep.cli_common import as_user_error, progress, table, writable, write_json
from zerokeep.errors import UserError


def test_writable_makes_folders_and_leaves_nothing(tmp_path):
    assert writable(tmp_path / "a" / "b.json") == tmp_path / "a" / "b.json"
    assert list((tmp_path / "a").iterdir()) == []


def test_writable_refuses_before_any_work(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*: it is a folder"):
        writable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file/x\.json: (File exists|Not a directory)"):
        writable(tmp_path / "file" / "x.json")


def test_write_json_is_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "x.json"
    write_json(target, {"a": 1.5})
    assert json.loads(target.read_text()) == {"a": 1.5}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(target, {"a": float("nan")})
    monkeypatch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(UserError, match=r"cannot write .*x\.json: No space left on device"):
        write_json(target, {"a": 2})
    assert json.loads(target.read_text()) == {"a": 1.5} and len(list(tmp_path.iterdir())) == 1


def test_as_user_error_turns_only_what_it_is_told():
    with pytest.raises(UserError, match="too small"), as_user_error(ValueError):
        raise ValueError("too small")
    with pytest.raises(KeyError), as_user_error(ValueError):
        raise KeyError("x")


def test_progress_is_silent_without_a_terminal(capsys):
    with progress("work") as say:
        say("half")
    assert capsys.readouterr() == ("", "")


def test_progress_shows_on_a_terminal(monkeypatch):
    said = []

    class Status:
        def __enter__(self):
            return self

        def __exit__(self, *rest):
            return None

        def update(self, text):
            said.append(text)

    monkeypatch.setattr(cli_common.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("rich.console.Console.status", lambda self, title: Status())
    with progress("work") as say:
        say("half")
    assert said == ["work: half"]


def test_a_table_is_plain_columns_in_a_pipe(capsys):
    table(["name", "n"], [["a", "10"], ["longer", ""]])
    assert capsys.readouterr().out == "name    n\na       10\nlonger\n"
