"""Steps that are done once: each leaves its result and a key of all that went in, and is skipped while that holds."""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import importlib.util
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from zerokeep.errors import UserError
from zeroskip.files.reading import ReadError, read_json
from zeroskip.files.writing import write_json

Result = dict[str, Any]
Say = Callable[[str, float | None], None]
"""Called with what is being done and, where it is known, the share done."""

PRESENTATION = ("__main__", "cli", "report", "run", "study/")
"""Modules of this package with these beginnings show results but do not shape them."""
_WAIT = 0.2
_OUTPUT_ERRORS = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EPERM, errno.EFBIG)


class Stopped(Exception):
    """The run was stopped; raised inside a step that is under way."""


class Show(Protocol):
    """What displays the progress; called from several threads."""

    def start(self, step: Step) -> None:
        """The step begins."""

    def say(self, step: Step, text: str, share: float | None) -> None:
        """What the step is doing, and the share done where it is known."""

    def finish(self, step: Step, seconds: float, *, again: bool) -> None:
        """The step is done; `again` where it had been done before."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One step.

    Parameters
    ----------
    name, title
        The name of its file, and what to call it.
    action
        Does the work; takes a ``Say`` and the results of the steps `after` which it comes. Its result is JSON. A result
        with anything under ``failed`` is kept, but the step is done again the next time.
    inputs
        All else that the result depends on, as JSON.
    after
        Steps whose results go in.
    waits_for
        Steps that only must not run at the same time, and go first.
    whole
        Whether the files that belong to a result are still there.
    """

    name: str
    title: str
    action: Callable[[Say, Mapping[str, Result]], Result]
    inputs: Mapping[str, object] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    whole: Callable[[Result], bool] = lambda result: True


def digest(value: object) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def source_digest(*packages: str) -> str:
    """SHA-256 of the sources of import packages, without what only presents results; none of them is imported."""
    found = hashlib.sha256()
    for package in packages:
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.origin is not None, package
        root = Path(spec.origin).parent
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if package != "zerokeep" or not name.startswith(PRESENTATION):
                found.update(f"{package}/{name}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def key_of(step: Step, results: Mapping[str, Result]) -> str:
    """What must be equal for a result to be used again.

    An earlier result counts by its ``fingerprint`` where it has one, else as a whole.
    """
    before = {name: results[name].get("fingerprint", results[name]) for name in step.after}
    return digest({"name": step.name, "inputs": step.inputs, "before": before})


def record_path(folder: Path, name: str) -> Path:
    """Where a step's record lies in an output folder."""
    return folder / "steps" / f"{name}.json"


def read_record(folder: Path, name: str) -> dict[str, Any] | None:
    """The record of a step (`key`, `seconds`, `finished`, `result`), or ``None`` where there is none that is whole."""
    try:
        record = read_json(record_path(folder, name))
    except ReadError:
        return None
    whole = isinstance(record, dict) and isinstance(record.get("result"), dict) and "seconds" in record
    return record if whole else None


def _write_record(folder: Path, step: Step, key: str, seconds: float, result: Result) -> None:
    path = record_path(folder, step.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    record = {"name": step.name, "title": step.title, "key": None if result.get("failed") else key,
              "seconds": round(seconds, 1), "finished": now, "result": result}
    write_json(path, record)


@contextlib.contextmanager
def output_errors(folder: Path) -> Iterator[None]:
    """Turn a full or unwritable output folder into a UserError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OUTPUT_ERRORS:
            raise
        raise UserError(f"cannot write {error.filename or folder}: {error.strerror}") from None


def _do(step: Step, folder: Path, results: Mapping[str, Result], show: Show, stop: threading.Event) -> Result:
    """The step's result, from its record where that still holds."""
    key = key_of(step, results)
    record = read_record(folder, step.name)
    if record is not None and record.get("key") == key and step.whole(record["result"]):
        show.finish(step, record["seconds"], again=True)
        return record["result"]

    def say(text: str, share: float | None = None) -> None:
        if stop.is_set():
            raise Stopped
        show.say(step, text, share)

    show.start(step)
    started = time.monotonic()
    with output_errors(folder):
        result = step.action(say, {name: results[name] for name in step.after})
        seconds = time.monotonic() - started
        _write_record(folder, step, key, seconds, result)
    show.finish(step, seconds, again=False)
    return result


def run_steps(steps: Sequence[Step], folder: Path, show: Show, *, workers: int = 2) -> dict[str, Result]:
    """Do all steps, at most `workers` at a time, earlier ones in the sequence first; gives each one's result by name.

    Whatever a step raises stops the others at their next report of progress, and is raised here.
    """
    results: dict[str, Result] = {}
    waiting = list(steps)
    running: dict[Future[Result], Step] = {}
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            while waiting or running:
                ready = [s for s in waiting if all(name in results for name in (*s.after, *s.waits_for))]
                assert ready or running, "steps wait for each other"
                for step in ready[: workers - len(running)]:
                    waiting.remove(step)
                    running[pool.submit(_do, step, folder, dict(results), show, stop)] = step
                done, _ = wait(running, timeout=_WAIT, return_when=FIRST_COMPLETED)
                for future in done:
                    results[running.pop(future).name] = future.result()
        except BaseException:
            stop.set()
            raise
    return {step.name: results[step.name] for step in steps}
