"""A folder is replaced only if all of it is ours, and a kill at any moment leaves one of the two."""

import os
import subprocess
import sys

import pytest

from zeroskip.files.folders import NotOursError, check_replaceable, old_place, recover, replacing

LIST = "list"


def listed(folder):
    if not (folder / LIST).is_file():
        raise NotOursError("no list")
    return [LIST, *(folder / LIST).read_text().split()]


def fill(folder, text, names=("a", "sub/b")):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / LIST).write_text(" ".join(names))


def put(target, text):
    with replacing(target, listed) as fresh:
        fill(fresh, text)


def test_a_new_an_empty_and_an_earlier_one(tmp_path):
    target = tmp_path / "deep" / "x"
    put(target, "1")
    put(target, "2")
    assert (target / "sub" / "b").read_text() == "2" and os.listdir(tmp_path / "deep") == ["x"]
    (tmp_path / "empty").mkdir()
    put(tmp_path / "empty", "3")
    assert (tmp_path / "empty" / "a").read_text() == "3"


@pytest.mark.parametrize("name", ["thesis.txt", "sub/thesis.txt", "src/x", "sub2/"])
def test_what_is_not_listed_is_kept(tmp_path, name):
    put(tmp_path / "x", "1")
    place = tmp_path / "x" / name
    if name.endswith("/"):
        place.mkdir()
    else:
        place.parent.mkdir(exist_ok=True)
        place.write_text("mine")
    with pytest.raises(NotOursError, match="which zerokeep did not write there and would be lost"):
        put(tmp_path / "x", "2")
    assert (tmp_path / "x" / "a").read_text() == "1" and place.exists() and os.listdir(tmp_path) == ["x"]


def test_what_comes_while_it_is_written_is_kept(tmp_path):
    put(tmp_path / "x", "1")
    with pytest.raises(NotOursError, match="holds 'thesis'"), replacing(tmp_path / "x", listed) as fresh:
        fill(fresh, "2")
        (tmp_path / "x" / "thesis").write_text("mine")
    assert sorted(os.listdir(tmp_path / "x")) == ["a", "list", "sub", "thesis"]


def test_no_list_a_file_and_a_list_that_reaches_out(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").touch()
    with pytest.raises(NotOursError, match="no list"):
        check_replaceable(tmp_path / "x", listed)
    (tmp_path / "file").touch()
    with pytest.raises(NotOursError, match="is a file, not a folder"):
        check_replaceable(tmp_path / "file", listed)


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to("real")
    put(tmp_path / "link", "1")
    put(tmp_path / "link", "2")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "a").read_text() == "2"


KILLED = """
import os, sys
from pathlib import Path
from tests.files.test_folders import put
from zeroskip.files import folders
calls, when = [], int(sys.argv[2])
real = Path.rename
def rename(self, target):
    calls.append(self)
    if len(calls) == when:
        os.kill(os.getpid(), 9)
    return real(self, target)
Path.rename = rename
unlink = Path.unlink
def gone(self, *more):
    if len(calls) == 2 and when == 3:
        os.kill(os.getpid(), 9)
    return unlink(self, *more)
Path.unlink = gone
put(Path(sys.argv[1]), "2")
print("survived")
"""


@pytest.mark.parametrize(("when", "text"), [(1, "1"), (2, "1"), (3, "2"), (9, "2")])
def test_a_kill_between_the_renames(tmp_path, when, text):
    """Before the first, between the two, after the second while the old one is removed, and none."""
    target = tmp_path / "x"
    put(target, "1")
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), str(when)], check=False, capture_output=True,
                          text=True)
    assert (done.returncode, done.stdout) == ((0, "survived\n") if when == 9 else (-9, "")), done.stderr
    assert target.exists() == (when != 2) and old_place(target).exists() == (when in (2, 3))
    recover(target, listed)
    assert (target / "sub" / "b").read_text() == text
    put(target, "3")
    assert (target / "a").read_text() == "3" and os.listdir(tmp_path) == ["x"]


def test_what_stands_in_the_old_place_and_is_not_ours_is_kept(tmp_path):
    put(tmp_path / "x", "1")
    old_place(tmp_path / "x").mkdir()
    (old_place(tmp_path / "x") / "mine").touch()
    recover(tmp_path / "x", listed)
    assert (old_place(tmp_path / "x") / "mine").exists() and (tmp_path / "x" / "a").read_text() == "1"


def test_long_names_have_places_of_their_own(tmp_path):
    first, second = (old_place(tmp_path / ("n" * 200 + end)) for end in "ab")
    assert first != second and len(first.name) < 200
