"""Runs one bad input in a process of its own, and says what was wrong with how the program took it."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.attacks.case import Case
from tests.attacks.snapshot import Found, changes, snapshot

Program = Callable[[Sequence[str]], int]
SECONDS = 20.0
BYTES = 1 << 30
"""Of the whole process, what it has imported included."""
_LOOK = 0.004
_LOOK_LONG = 0.05
LEDGER = ".zerokeep.json"
_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER: who is left behind by a child becomes a child of this process, so that it is seen."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of a case: what was wrong (nothing, where all was well), and what it took."""

    name: str
    argv: tuple[str, ...]
    wrong: tuple[str, ...]
    seconds: float
    bytes: int
    said: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """The folders of one run: where it is, its temporary files, its home, and what it says."""

    root: Path

    @property
    def work(self) -> Path:
        """The current folder, with the files of the case."""
        return self.root / "work"

    def make(self, case: Case) -> None:
        """Make them, and the case's files."""
        for name in ("work", "tmp", "home"):
            (self.root / name).mkdir()
        case.make(self.work)

    def environment(self) -> dict[str, str]:
        """What leads into these folders; Python's own compiled files stay away, they are not the program's."""
        return {"TMPDIR": str(self.root / "tmp"), "HOME": str(self.root / "home"), "PYTHONDONTWRITEBYTECODE": "1",
                "XDG_CACHE_HOME": str(self.root / "home" / "cache")}

    def read(self, name: str) -> str:
        """What was said on a channel."""
        path = self.root / name
        return path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""


def adopt() -> None:
    """Become the parent of whoever is left behind by a child."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def attack(case: Case, program: Program, *, seconds: float = SECONDS, most: int = BYTES,
           keep: Path | None = None) -> Verdict:
    """Run a case in a fork of this process, which has imported the program already.

    Parameters
    ----------
    case
        The input.
    program
        Takes the arguments and gives the exit status.
    seconds, most
        What it may take.
    keep
        A folder in which everything stays; default: nothing does.
    """
    def start(place: Place) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _be_the_child(case, program, place)
        return child

    return judge(case, start, seconds=seconds, most=most, keep=keep)


def judge(case: Case, start: Callable[[Place], int], *, seconds: float, most: int,
          keep: Path | None = None) -> Verdict:
    """Make the folders, `start` a process in them, wait for it and look at what it did."""
    with contextlib.ExitStack() as stack:
        if keep is None:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="attack-")))
        else:
            root = keep / "".join(letter if letter.isalnum() else "-" for letter in case.name)[:80]
            root.mkdir(parents=True)
        place = Place(root=root.resolve())
        place.make(case)
        before = snapshot(place.work)
        known = {process.pid for process in psutil.Process().children(recursive=True)}
        begun = time.monotonic()
        status, largest, wrong = _wait(start(place), begun, seconds, most)
        took = time.monotonic() - begun
        left = _left_alone(known)
        wrong += [] if wrong else [*left, *_status(case, status)]
        wrong += _messages(case, place) + _changed(case, before, place) + _elsewhere(place)
        return Verdict(name=case.name, argv=case.argv, wrong=tuple(wrong), seconds=took, bytes=largest,
                       said=place.read("err").strip())


def _be_the_child(case: Case, program: Program, place: Place) -> None:
    """What the fork does; it never comes back."""
    status = 70
    try:
        os.setsid()
        os.environ.update(place.environment())
        sys.dont_write_bytecode, tempfile.tempdir, sys.argv = True, None, ["zerokeep", *case.argv]
        for name, channel in (("out", 1), ("err", 2)):
            handle = os.open(place.root / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(handle, channel)
            os.close(handle)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        os.chdir(place.work)
        status = program(list(case.argv))
    except BaseException as error:  # what `main` lets through would be a traceback of the interpreter's
        os.write(2, f"Traceback: main let {type(error).__name__} through\n".encode())
    finally:
        for channel_file in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                channel_file.flush()
        os._exit(status & 255)


def _wait(child: int, begun: float, seconds: float, most: int) -> tuple[int, int, list[str]]:
    """Wait; the status (negative: a signal's), the largest resident size, and what limit it broke.

    The resident size is looked at while it runs, too: a process that takes all there is must be stopped, and a limit
    of its address space would change what it does.
    """
    while True:
        found, code, used = os.wait4(child, os.WNOHANG)
        took = time.monotonic() - begun
        if found:
            largest = used.ru_maxrss << 10
            wrong = [f"took {largest >> 20} MB"] if largest > most else []
            return os.waitstatus_to_exitcode(code), largest, wrong
        broken = f"was still running after {seconds:g} s" if took > seconds else ""
        if (size := _resident(child)) > most:
            broken = f"took more than {size >> 20} MB"
        if broken:
            for process in psutil.Process(child).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            os.kill(child, signal.SIGKILL)
            _, _, used = os.wait4(child, 0)
            return -signal.SIGKILL, max(size, used.ru_maxrss << 10), [broken]
        time.sleep(_LOOK if took < 0.5 else _LOOK_LONG)


def _resident(process: int) -> int:
    try:
        with open(f"/proc/{process}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _left_alone(known: set[int]) -> list[str]:
    """Processes that outlived it: they are children of this one now, other than those known before, and are ended."""
    wrong = []
    for process in psutil.Process().children(recursive=True):
        if process.pid in known:
            continue
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                wrong.append(f"left the process {process.name()} running")
                process.kill()
            process.wait(5)
    return wrong


def _status(case: Case, status: int) -> list[str]:
    return [] if status == case.status else [f"ended with status {status}, expected {case.status}"]


def _messages(case: Case, place: Place) -> list[str]:
    """One line, printable, of the program, with the word that it must have."""
    said, shown = place.read("err"), place.read("out")
    lines = said.splitlines()
    wrong = [f"wrote a traceback ({lines[-1] if lines else shown[-200:]!r})"] if "Traceback" in said + shown else []
    if len(lines) != 1 or not said.endswith("\n"):
        wrong.append(f"said {len(lines)} lines, expected one: {said[:300]!r}")
    elif not said.startswith("zerokeep: "):
        wrong.append(f"did not say its name: {said[:300]!r}")
    elif case.says not in said:
        wrong.append(f"did not say {case.says!r}: {said[:300]!r}")
    if not (said + shown).replace("\n", "").isprintable():
        wrong.append(f"wrote characters that are not printable: {(said + shown)[:300]!r}")
    return wrong


def _changed(case: Case, before: Found, place: Place) -> list[str]:
    """What was changed where the case ran. An output folder may have been begun: with its ledger and no more."""
    after = snapshot(place.work)
    for option, value in itertools.pairwise(case.argv):
        ledger = os.path.normpath(os.path.join(value, LEDGER))
        if option in ("--out", "-o", "--output") and ledger not in before:
            after.pop(ledger, None)
    return changes(before, after)


def _elsewhere(place: Place) -> list[str]:
    """What it left in its temporary folder and its home: nothing, where it did no work.

    Empty folders are no leftovers: PyTorch makes one when its compiler is imported.
    """
    wrong = []
    for path in (place.root / "tmp").glob("zerokeep-fault-*"):
        said = path.read_text(errors="replace").strip().splitlines()
        own = [line.strip() for line in said if line.lstrip().startswith("File") and "site-packages" not in line]
        wrong.append(f"ended in a fault: {own[-1] if own else ''}: {said[-1] if said else ''}")
        path.unlink()
    for name in ("tmp", "home"):
        wrong += [f"in {name}, {what}" for what in changes({}, snapshot(place.root / name))[:3]]
    return wrong
