"""Showing steps under way: one row each on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from zerokeep.run_steps import Show, Step


class Lines:
    """One line where a step begins and one where it ends."""

    def __init__(self, steps: Sequence[Step], stream: TextIO) -> None:
        self._stream, self._count, self._done, self._lock = stream, len(steps), 0, threading.Lock()

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def start(self, step: Step) -> None:
        """Say that it begins."""
        with self._lock:
            self._print(f"        {step.title} ...")

    def say(self, step: Step, text: str, share: float | None) -> None:
        """Nothing: lines do not move."""

    def finish(self, step: Step, seconds: float, *, again: bool) -> None:
        """Say how long it took."""
        with self._lock:
            self._done += 1
            took = "done before" if again else f"{seconds:.1f} s"
            self._print(f"[{self._done:2}/{self._count:2}] {step.title}: {took}")


class Rows:
    """One row for each step, with what it is doing, a bar, and its time."""

    def __init__(self, steps: Sequence[Step], progress: Any) -> None:
        self._progress = progress
        self._rows = {step.name: progress.add_task(f"[dim]{step.title}", total=1.0, start=False, doing="")
                      for step in steps}

    def start(self, step: Step) -> None:
        """Start its clock."""
        self._progress.start_task(self._rows[step.name])
        self._progress.update(self._rows[step.name], description=f"[bold]{step.title}")

    def say(self, step: Step, text: str, share: float | None) -> None:
        """Show the words, and move the bar where the share is known."""
        moved = {} if share is None else {"completed": share}
        self._progress.update(self._rows[step.name], doing=text, **moved)

    def finish(self, step: Step, seconds: float, *, again: bool) -> None:
        """Fill the bar."""
        took = "done before" if again else f"{seconds:.1f} s"
        self._progress.update(self._rows[step.name], completed=1.0, description=step.title, doing=took)


@contextlib.contextmanager
def showing(steps: Sequence[Step], stream: TextIO | None = None) -> Iterator[Show]:
    """The display that suits `stream`, default stderr."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(steps, stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), BarColumn(bar_width=24),
               TimeElapsedColumn(), TextColumn("[dim]{task.fields[doing]}"))
    with Progress(*columns, console=Console(file=stream)) as progress:
        yield Rows(steps, progress)
