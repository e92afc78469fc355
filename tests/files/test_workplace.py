"""Folders for tools: a safe path whatever the temporary folder is called, and nothing left."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from zeroskip.files import workplace as module
from zeroskip.files.process import ToolError
from zeroskip.files.workplace import is_safe, link, workplace

UGLY = "a b'c\"d$HOME\nx;y"
MODES = 0o777


def test_it_is_private_and_gone_afterwards() -> None:
    with workplace() as folder:
        (folder / "a").write_text("")
        assert folder.stat().st_mode & MODES == 0o700 and folder == folder.resolve() and is_safe(folder)
        assert folder.parent == Path(tempfile.gettempdir()).resolve()
        link(folder / "link", "relative")
        assert (folder / "link").readlink() == Path("relative").absolute()
    assert not folder.exists()


def test_an_ugly_temporary_folder_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ugly, safe = tmp_path / UGLY, tmp_path / "safe"
    for folder in (ugly, safe):
        folder.mkdir()
    monkeypatch.setattr(module, "ELSEWHERE", (tmp_path / "missing", safe))
    monkeypatch.setattr(tempfile, "tempdir", str(ugly))
    with workplace() as found:
        assert found.parent == safe
    (tmp_path / "to ugly").symlink_to(ugly)
    (tmp_path / "to-safe").symlink_to(safe)
    for name in ("to ugly", "to-safe"):  # it is where the link leads that counts
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
        with workplace() as found:
            assert found.parent == safe


def test_no_place_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ELSEWHERE", (tmp_path / "missing",))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / UGLY))
    with pytest.raises(ToolError, match=r"no folder for temporary files.*No such file or directory; name one"):
        workplace().__enter__()

    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(ToolError, match="no folder for temporary files"):
        workplace().__enter__()


def test_what_a_killed_process_left_is_tidied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = ("import os; from zeroskip.files.workplace import workplace\n"
            "with workplace() as folder: (folder / 'half').write_text(''); os._exit(9)")
    subprocess.run([sys.executable, "-c", code], check=False, env=os.environ | {"TMPDIR": str(tmp_path)})
    assert len(list(tmp_path.iterdir())) == 1
    with workplace() as mine, workplace() as another:
        assert sorted(tmp_path.iterdir()) == sorted([mine, another])
