"""Cases by the real executable: how it begins and how it is stopped are part of the program, too."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from tests.attacks.case import Case
from tests.attacks.runner import BYTES, SECONDS, Verdict, attack

PROGRAM = Path(sys.executable).with_name("zerokeep")
STOPPED_SECONDS = 120.0
"""For those that are stopped, and do good work until then."""


def attack_for_real(case: Case, *, keep: Path | None = None) -> Verdict:
    """Run a case by the executable beside this Python."""
    def program(arguments: Sequence[str]) -> int:
        environment = {key: value for key, value in (os.environ | dict(case.environment)).items() if value is not None}
        HOW[case.real or "plain"]()
        os.execve(PROGRAM, [str(PROGRAM), *arguments], environment)

    seconds = STOPPED_SECONDS if case.status > 128 else SECONDS
    return attack(case, program, seconds=seconds, most=BYTES, keep=keep)


def _nothing() -> None:
    """As it is."""


def _closed() -> None:
    """Without a channel for output."""
    os.close(1)


def _full() -> None:
    """Onto a disk that is full."""
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def _stopped(number: int, when: Callable[[int], None]) -> Callable[[], None]:
    """Sent a signal by a child of its own, once it is `when`."""
    def begin() -> None:
        program = os.getpid()
        if os.fork():
            return
        try:
            os.setsid()
            when(program)
            os.kill(program, number)
        finally:
            os._exit(0)

    return begin


def _opened(_program: int) -> None:
    """Once it opens the FIFO ``begun``: its time of change is as it was then."""
    with open("begun", "rb"):
        pass


def _with_a_tool(program: int) -> None:
    """Once it has started a tool that is at work."""
    while not any(child.pid != os.getpid() and child.cpu_times().user > 0.5
                  for child in psutil.Process(program).children(recursive=True)):
        time.sleep(0.02)


HOW: dict[str, Callable[[], None]] = {
    "plain": _nothing, "closed": _closed, "full": _full,
    "terminated": _stopped(signal.SIGTERM, _opened), "interrupted": _stopped(signal.SIGINT, _opened),
    "terminated in a tool": _stopped(signal.SIGTERM, _with_a_tool),
}
