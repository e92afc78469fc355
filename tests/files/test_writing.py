"""Files are written whole or not at all, links are followed, and leftovers of the dead are tidied."""

import os
import subprocess
import sys

import numpy as np
import pytest

from zeroskip.files import writing
from zeroskip.files.npz import read_npz
from zeroskip.files.writing import PREFIX, temporary_folder, tidy, whole_file, write_json, write_npz, write_text


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "x"
    write_text(path, "old")
    with pytest.raises(KeyError), whole_file(path) as file:
        file.write(b"new")
        raise KeyError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["x"]
    write_text(path, "new")
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["x"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_no_nan_and_no_objects(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x", {"a": float("nan")})
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_npz(tmp_path / "x", {"a": np.array([None], object)})
    assert os.listdir(tmp_path) == []


def test_any_key_and_the_same_bytes(tmp_path):
    arrays = {"file": np.arange(3), "../a": np.zeros(2), "b\x1b\n": np.array("x"), "": np.array(1)}
    for name in ("x", "y"):
        write_npz(tmp_path / name, arrays)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()
    assert set(read_npz(tmp_path / "x")) == set(arrays)


def test_a_link_is_followed_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/target")
    write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "target").read_text() == "text"
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="symbolic links"):
        write_text(tmp_path / "circle", "text")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/null", path)])
def test_what_is_no_file_is_not_replaced(tmp_path, make):
    make(tmp_path / "x")
    with pytest.raises(OSError, match="it is a"):
        write_text(tmp_path / "x", "text")
    assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")


KILLED = """
import os, sys
from pathlib import Path
from zeroskip.files.writing import temporary_folder, whole_file
where = Path(sys.argv[1])
with temporary_folder(where) as folder, whole_file(where / "x") as file:
    (folder / "half").write_text("half")
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_is_tidied_by_the_next(tmp_path):
    write_text(tmp_path / "x", "old")
    (tmp_path / "mine").mkdir()
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    left = [name for name in os.listdir(tmp_path) if name.startswith(PREFIX)]
    assert len(left) == 2 and (tmp_path / "x").read_text() == "old"
    with temporary_folder(tmp_path) as alive:
        write_text(tmp_path / "y", "new")
        assert sorted(os.listdir(tmp_path)) == sorted([alive.name, "mine", "x", "y"])
    assert sorted(os.listdir(tmp_path)) == ["mine", "x", "y"]


def test_what_is_being_written_is_not_tidied(tmp_path):
    with whole_file(tmp_path / "x") as file, temporary_folder(tmp_path) as folder:
        tidy(tmp_path)
        file.write(b"text")
        (folder / "a").touch()
    assert (tmp_path / "x").read_bytes() == b"text"


def test_a_temporary_name_taken_away_in_the_meantime(tmp_path, monkeypatch):
    """Another process tidied between the making and the lock: a new one is made."""
    real, taken = writing._lock, []

    def late(handle, name):
        if not taken:
            taken.append(name)
            os.unlink(name)
        return real(handle, name)

    monkeypatch.setattr(writing, "_lock", late)
    write_text(tmp_path / "x", "text")
    assert (tmp_path / "x").read_text() == "text" and len(taken) == 1 and os.listdir(tmp_path) == ["x"]


def test_a_full_disk(tmp_path, monkeypatch):
    write_text(tmp_path / "x", "old")
    monkeypatch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_text(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "old" and os.listdir(tmp_path) == ["x"]
