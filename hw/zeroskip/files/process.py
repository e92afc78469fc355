"""Tools as children of this process: each in a session of its own, and none of them outlives the command.

A tool that does not end in time, or whose caller is interrupted, is killed with all that it started. What ends a whole
command (Ctrl-C, SIGTERM) ends every child of it, and afterwards no new one is started: see `handle_signals`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

import psutil

PATIENCE_S = 2.0
"""How long a child that was asked to end may take."""
FULL_BYTES = 1 << 16
"""A disk with less than this is full."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FULL = "No space left on device"
_QUOTED = 2000


class ToolError(RuntimeError):
    """A tool that is missing or does not do its work; the message says what to install."""


class OutOfTimeError(ToolError):
    """A tool that did not end within the time that it was given."""


@dataclass(frozen=True, kw_only=True)
class Completed:
    """How a tool ended: its status (negative: the signal that killed it), and what it said.

    ``output`` and ``errors``: of its two channels; ``output`` has both where they went to a file.
    """

    status: int
    output: str
    errors: str
    folder: Path

    @property
    def said(self) -> str:
        """All of it."""
        return self.output + self.errors

    def why(self) -> str:
        """How it ended and the end of what it said, for a message: "ended with status 1: ..."."""
        if self.status < 0:
            how = f"was killed by signal {-self.status}{' (out of memory?)' if self.status == -signal.SIGKILL else ''}"
        else:
            how = f"ended with status {self.status}"
        if _FULL in self.said or _is_full(self.folder):
            how += f", the disk of {self.folder} is full"
        tail = self.said.strip()[-_QUOTED:]
        return f"{how}: {tail}" if tail else how


class _State:
    """Of the whole process: the groups of children that run, the signal that came, whether new ones may start."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.groups: set[int] = set()
        self.ended = False
        self.signal: int | None = None


_state = _State()


def find(tool: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The path of a program, looked for where children are; ``None`` where there is none."""
    return shutil.which(tool, path=_complete(environment)["PATH"])


def python_environment() -> dict[str, str]:
    """The environment in which a Python elsewhere finds the modules that this one does."""
    return _complete(None) | {"PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path)}


def _complete(environment: Mapping[str, str] | None) -> dict[str, str]:
    """With a path to look for programs, which may be missing from the environment."""
    return {"PATH": os.defpath} | dict(os.environ if environment is None else environment)


def run(command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None,
        timeout: float | None = None, output: Path | None = None, name: str | None = None) -> Completed:
    """Run a tool to its end, without input.

    Parameters
    ----------
    command
        The program and its arguments.
    folder
        A workplace: the tool runs there, and its temporary files lie there.
    environment
        Default: this process's.
    timeout
        Seconds; default: none.
    output
        A file for what it says on both channels; default: it comes back only.
    name
        What to call it in messages; default the program's.

    Raises
    ------
    OutOfTimeError
        It did not end in time.
    ToolError
        It cannot be started, or the command was interrupted. A tool that failed is none: see ``status``.
    """
    name = name or Path(command[0]).name
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(output.open("wb")) if output is not None else None
        child = _start(command, name, folder, _complete(environment) | {"TMPDIR": os.fspath(folder)}, file)
        try:
            said, errors = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise OutOfTimeError(f"{name} did not end within {timeout:g} s") from None
        finally:
            _finish(child)
    if _state.ended:
        raise ToolError(f"{name} was ended: the command was interrupted")
    text = output.read_bytes() if output is not None else said
    return Completed(status=child.returncode, output=text.decode(errors="replace"),
                     errors=(errors or b"").decode(errors="replace"), folder=folder)


def _start(command: Sequence[str], name: str, folder: Path, environment: Mapping[str, str],
           file: IO[bytes] | None) -> subprocess.Popen[bytes]:
    """Start and note it: under a lock, so that whoever ends all children misses none."""
    with _state.lock:
        if _state.ended:
            raise ToolError(f"{name} was not started: the command was interrupted")
        try:
            child = subprocess.Popen(  # noqa: S603 - a list of words, no shell
                list(command), cwd=folder, env=environment, stdin=subprocess.DEVNULL, start_new_session=True,
                stdout=subprocess.PIPE if file is None else file,
                stderr=subprocess.PIPE if file is None else subprocess.STDOUT)
        except (OSError, ValueError) as error:
            raise ToolError(f"{name} could not be started: {getattr(error, 'strerror', None) or error}") from None
        _state.groups.add(child.pid)
        return child


def _finish(child: subprocess.Popen[bytes]) -> None:
    """Where a tool still runs, kill it and what it started, and wait for it."""
    if child.returncode is None:
        _signal_group(child.pid, signal.SIGKILL)
        child.wait()
    for channel in (child.stdout, child.stderr):
        if channel is not None:
            channel.close()
    with _state.lock:
        _state.groups.discard(child.pid)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def end_children() -> None:
    """End every process that this one started, and theirs: asked first, then killed. No tool is started any more.

    It may be called from a signal's handler.
    """
    _state.ended = True
    # A thread that starts a child holds the lock until it is noted; the main thread itself may be interrupted there.
    held = _state.lock.acquire(timeout=PATIENCE_S)
    groups = tuple(_state.groups)
    if held:
        _state.lock.release()
    family = psutil.Process().children(recursive=True)
    for group in groups:
        _signal_group(group, signal.SIGTERM)
    _each(family, signal.SIGTERM)
    until = time.monotonic() + PATIENCE_S
    while any(map(_runs, family)) and time.monotonic() < until:
        time.sleep(0.02)
    for group in groups:
        _signal_group(group, signal.SIGKILL)
    _each([*family, *psutil.Process().children(recursive=True)], signal.SIGKILL)


def _each(family: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _runs(process: psutil.Process) -> bool:
    """Whether it still does something; who started it waits for it."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _is_full(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < FULL_BYTES
    return False


@contextlib.contextmanager
def handle_signals() -> Iterator[None]:
    """End all children where Ctrl-C, SIGTERM or SIGHUP comes, and raise KeyboardInterrupt; see `interrupted`.

    A signal that is ignored, as in a shell's background, stays so. In another thread than the main one nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.ended, _state.signal = False, None
    old = {number: signal.getsignal(number) for number in _SIGNALS}
    ours = [number for number, handler in old.items() if handler is not signal.SIG_IGN]
    for number in ours:
        signal.signal(number, _note)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, old[number] or signal.SIG_DFL)


def _note(number: int, frame: FrameType | None) -> None:
    _state.signal = number
    end_children()
    raise KeyboardInterrupt


def interrupted() -> int | None:
    """The signal that came since `handle_signals` began, if one did."""
    return _state.signal
