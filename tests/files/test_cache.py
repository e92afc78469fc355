"""The cache: what counts is whole, what is damaged is made again, and where it is found nothing is written."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from zeroskip.files import cache
from zeroskip.files.cache import Entry, default_cache, entry, key_of
from zeroskip.files.process import ToolError

KEY = key_of("a", 1)


class Maker:
    """Makes an entry of two files, and counts."""

    def __init__(self, text: str = "one") -> None:
        self.calls, self.text = 0, text

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "a.txt").write_text(self.text)
        (folder / "b.bin").write_bytes(b"\0" * 1000)


@pytest.fixture
def make() -> Maker:
    return Maker()


def get(root: Path, make: Maker, key: str = KEY) -> Entry:
    return entry(root, "thing", key, make)


def content(found: Entry) -> dict[str, bytes]:
    return {name: (found.folder / name).read_bytes() for name in found.files}


def test_it_is_made_once(tmp_path: Path, make: Maker) -> None:
    first, again = get(tmp_path / "new" / "cache", make), get(tmp_path / "new" / "cache", make)
    assert first.fresh and not again.fresh and make.calls == 1 and first.folder == again.folder
    assert content(first) == content(again) == {"a.txt": b"one", "b.bin": b"\0" * 1000}
    other = get(tmp_path / "new" / "cache", make, key_of("a", 2))
    assert other.fresh and other.folder != first.folder
    assert len(list((tmp_path / "new" / "cache").iterdir())) == 2


def damage(folder: Path, how: str) -> None:
    listing = folder / "entry.json"
    about = json.loads(listing.read_text())
    if how == "a byte":
        (folder / "b.bin").write_bytes(b"\0" * 999 + b"\1")
    elif how == "cut off":
        (folder / "b.bin").write_bytes(b"\0" * 500)
    elif how == "gone":
        (folder / "a.txt").unlink()
    elif how == "a folder":
        (folder / "a.txt").unlink()
        (folder / "a.txt").mkdir()
    elif how == "a FIFO":
        (folder / "a.txt").unlink()
        os.mkfifo(folder / "a.txt")
    elif how == "no list":
        listing.unlink()
    elif how == "half a list":
        listing.write_text(listing.read_text()[:40])
    elif how == "a strange list":
        listing.write_text("[1]")
    elif how == "a file elsewhere":
        about["files"]["../other"] = about["files"]["a.txt"]
        (folder.parent / "other").write_text("one")
        listing.write_text(json.dumps(about))
    elif how == "another key":
        listing.write_text(json.dumps(about | {"key": "other"}))
    elif how == "another format":
        listing.write_text(json.dumps(about | {"format": 0}))
    elif how == "no folder":
        shutil.rmtree(folder)
        folder.write_text("")
    elif how == "a link to nothing":
        shutil.rmtree(folder)
        folder.symlink_to("nowhere")
    else:
        raise ValueError(how)


@pytest.mark.parametrize("how", [
    "a byte", "cut off", "gone", "a folder", "a FIFO", "no list", "half a list", "a strange list", "a file elsewhere",
    "another key", "another format", "no folder", "a link to nothing"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, make: Maker, how: str) -> None:
    first = get(tmp_path, make)
    damage(first.folder, how)
    again = get(tmp_path, make)
    assert again.fresh and make.calls == 2 and content(again) == {"a.txt": b"one", "b.bin": b"\0" * 1000}
    assert not get(tmp_path, make).fresh
    assert {path.name for path in tmp_path.iterdir()} - {"other"} == {again.folder.name}


def test_nothing_is_left_of_a_maker_that_fails(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise ToolError("it failed")

    with pytest.raises(ToolError, match="it failed"):
        entry(tmp_path, "thing", KEY, fail)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_maker_left_is_tidied(tmp_path: Path, make: Maker) -> None:
    code = ("import os, sys; from pathlib import Path; from zeroskip.files.cache import entry\n"
            "def make(folder): (folder / 'half').write_text(''); os.kill(os.getpid(), 9)\n"
            "entry(Path(sys.argv[1]), 'thing', 'key', make)")
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    found = get(tmp_path, make)
    assert list(tmp_path.iterdir()) == [found.folder]


def test_a_warm_cache_is_only_read(tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by root, for whom no folder is read-only: what writes is not called."""
    root = tmp_path / "cache"
    get(root, make)
    before = {path: path.stat().st_mtime_ns for path in [root, *root.rglob("*")]}

    def refuse(*given: object, **more: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for place, name in ((os, "mkdir"), (os, "rename"), (os, "replace"), (os, "unlink"), (os, "chmod"), (os, "link"),
                        (tempfile, "mkdtemp"), (tempfile, "mkstemp"), (cache, "temporary_folder"),
                        (cache, "write_json")):
        monkeypatch.setattr(place, name, refuse)
    root.chmod(0o555) if os.getuid() else None
    assert not get(root, make).fresh and make.calls == 1
    assert {path: path.stat().st_mtime_ns for path in [root, *root.rglob("*")]} == before
    with pytest.raises(ToolError, match=r"cannot write the cache .*: Read-only file system; name another folder with "
                                        "--cache FOLDER"):
        get(root, make, "another")


@pytest.mark.parametrize("where", ["in the maker", "in the list", "in the rename"])
def test_a_full_disk_is_a_sentence(tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "in the list":
        monkeypatch.setattr(cache, "write_json", full)
    elif where == "in the rename":
        monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(ToolError, match=f"^cannot write the cache {tmp_path}: No space left on device; name another"):
        entry(tmp_path, "thing", KEY, full if where == "in the maker" else make)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_fault_of_the_cache_stays_what_it_is(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        Path("/nowhere/else").read_text()

    with pytest.raises(FileNotFoundError, match="/nowhere/else"):
        entry(tmp_path, "thing", KEY, fail)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path, make: Maker) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match=r"cannot write the cache .*file/cache: Not a directory"):
        get(tmp_path / "file" / "cache", make)


def test_the_quicker_one_of_two_stays(tmp_path: Path) -> None:
    """Another makes the same while this one does: nothing moves away under whoever uses it already."""
    inner = Maker("quick")

    def slow(folder: Path) -> None:
        get(tmp_path, inner)
        (folder / "a.txt").write_text("slow")

    found = entry(tmp_path, "thing", KEY, slow)
    assert content(found)["a.txt"] == b"quick" and len(list(tmp_path.iterdir())) == 1


def test_many_at_a_time(tmp_path: Path) -> None:
    """Processes that find, damage and make the same entry: each gets a whole one."""
    code = ("import contextlib, sys; from pathlib import Path; from zeroskip.files.cache import entry\n"
            "def make(folder): [(folder / f'{n}').write_bytes(b'x' * 100_000) for n in range(20)]\n"
            "for turn in range(15):\n"
            "    found = entry(Path(sys.argv[1]), 'thing', 'key', make)\n"
            "    assert len(found.files) == 20, found\n"
            "    if turn % 5 == int(sys.argv[2]):\n"
            "        with contextlib.suppress(FileNotFoundError):  # another one is just replacing it\n"
            "            (found.folder / 'entry.json').write_text('{')\n")
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(number)]) for number in range(4)]
    assert [one.wait(60) for one in running] == [0] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["thing-key"]


@pytest.mark.parametrize("what", ["root", "entry"])
def test_what_others_may_write_is_refused(tmp_path: Path, make: Maker, what: str) -> None:
    root = tmp_path / "cache"
    folder = get(root, make).folder if what == "entry" else root
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    with pytest.raises(ToolError, match=r"may be written by every user.*--cache FOLDER"):
        get(root, make)


@pytest.mark.parametrize("what", ["root", "entry"])
def test_what_belongs_to_another_is_refused(tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch, what: str
                                            ) -> None:
    found = get(tmp_path, make)
    real, theirs = Path.stat, tmp_path if what == "root" else found.folder

    def stat(self: Path, **more: bool) -> os.stat_result:
        own = list(real(self, **more))
        own[4] = 12345 if self == theirs else own[4]
        return os.stat_result(own)

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(ToolError, match="belongs to another user"):
        get(tmp_path, make)


def test_the_default_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/where")
    assert default_cache() == Path("/some/where/zerokeep")
    for relative in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", relative)
        monkeypatch.setenv("HOME", "/users/me")
        assert default_cache() == Path("/users/me/.cache/zerokeep")
        for home in ("", "relative"):
            monkeypatch.setenv("HOME", home)
            monkeypatch.setattr(cache.pwd, "getpwuid", lambda number: cache.pwd.struct_passwd(
                ("me", "x", number, 1, "", "/from/passwd", "")))
            assert default_cache() == Path("/from/passwd/.cache/zerokeep")

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(cache.pwd, "getpwuid", unknown)
    monkeypatch.delenv("HOME")
    with pytest.raises(ToolError, match="no home folder for the cache: name another one with --cache"):
        default_cache()


def test_nobody_else_may_look_into_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: Maker) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    old = os.umask(0o022)
    try:
        get(default_cache() / "verilog", make)
        get(tmp_path / "own" / "verilog", make)
    finally:
        os.umask(old)
    modes = {path.relative_to(tmp_path).as_posix(): path.stat().st_mode & 0o777
             for path in (default_cache(), default_cache() / "verilog", tmp_path / "own")}
    assert modes == {"home/cache/zerokeep": 0o700, "home/cache/zerokeep/verilog": 0o700, "own": 0o755}


def test_a_warm_entry_is_found_quickly(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "program").write_bytes(os.urandom(4 << 20))

    entry(tmp_path, "thing", KEY, make)
    begun = time.perf_counter()
    assert not entry(tmp_path, "thing", KEY, make).fresh
    assert time.perf_counter() - begun < 0.2
