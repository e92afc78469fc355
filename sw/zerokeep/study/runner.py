"""Runs a study: cells in parallel, each one's line kept as soon as it is there, those that are there not done again."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from zerokeep.errors import UserError
from zerokeep.study.cell import run_cell, train_base
from zerokeep.study.plan import BaseSpec, Cell, StudyPlan
from zeroskip.files.folders import NotOursError
from zeroskip.files.ledger import claim
from zeroskip.files.reading import ReadError, parse_json, read_bytes, read_text
from zeroskip.files.writing import write_bytes

LINES = "cells.jsonl"
BASES = "bases"
MOST_BYTES = 256 << 20
_BEGINNING = '{"key": "'
"""Of every line, one that was cut off included."""
PATIENCE = 10
"""Seconds that a cluster's scheduler has to answer."""
Say = Callable[[int, int, str], None]
"""Called with cells done, cells in all, and what was done last."""


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a study; a last one that was cut off is left out.

    Raises
    ------
    UserError
        Another line is damaged; the message has its number.
    """
    if not path.exists():
        return []
    found: list[dict[str, Any]] = []
    try:
        rows = read_text(path, MOST_BYTES).split("\n")
    except ReadError as error:
        raise UserError(str(error)) from None
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        line = _line(row)
        if line is not None:
            found.append(line)
        elif number < len(rows) or not (row.startswith(_BEGINNING) or _BEGINNING.startswith(row)):
            raise UserError(f"{path}, line {number}, is no line of a study, a JSON object with a key")
    return found


def _line(row: str) -> dict[str, Any] | None:
    try:
        value = parse_json(row, "")
    except ReadError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("key"), str) else None


class Lines:
    """The file of lines: what is in it, and more at its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found = {line["key"]: line for line in read_lines(path)}
        text = read_bytes(path, MOST_BYTES) if path.exists() else b""
        if text and not text.endswith(b"\n"):  # the run before was cut off while it wrote: take that line away
            os.truncate(path, text.rfind(b"\n") + 1)

    def add(self, line: dict[str, Any]) -> None:
        """Write a line, and see it on the disk."""
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.found[line["key"]] = line


def end_with_parent(parent: int) -> None:
    """See to it that a worker does not go on alone where the process `parent` was killed."""
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it, and it has nothing to say
    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def executor(workers: int, address: str | None) -> Iterator[Executor]:
    """Processes on this machine or, given the `address` of its scheduler, a Dask cluster.

    Raises
    ------
    UserError
        Dask is not installed, or no scheduler answers there.
    """
    if address is None:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(max_workers=workers, mp_context=context, initializer=end_with_parent,
                                   initargs=(os.getpid(),))
        try:
            yield pool
        except BrokenExecutor:
            raise UserError("a process of the study was killed: is there memory for so many at a time (--workers)? "
                            "What is done is kept") from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError:
        raise UserError("a Dask cluster needs the package 'distributed': pip install 'zerokeep[cluster]'") from None
    try:
        get_address_host_port(address, strict=True)  # a client with a wrong address complains once more when it goes
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(f"no Dask scheduler answers at {address}: {error or type(error).__name__}") from None
    with client, client.get_executor(pure=False) as cluster:
        yield cluster


def run_study(
    plan: StudyPlan, out: Path, *, workers: int = 2, address: str | None = None, say: Say = lambda done, of, text: None
) -> list[dict[str, Any]]:
    """Do what is left of a study in the folder `out`.

    Parameters
    ----------
    plan
        What to do.
    out
        Base networks are kept in ``bases/`` and lines in ``cells.jsonl``: what is there is not done again.
    workers
        Processes, where no `address` is given.
    address
        Of the scheduler of a Dask cluster, such as ``tcp://host:8786``.
    say
        Called whenever something is finished.

    Returns every line of the plan's cells, in the plan's order.

    Raises
    ------
    UserError
        A cell cannot be done, `out` cannot be written, or the cluster is not there. Finished cells are kept.
    """
    from zerokeep.data import load

    name = load(plan.data).name
    try:
        claim(out, (LINES, BASES), alone=True)
        (out / BASES).mkdir(parents=True, exist_ok=True)
        lines = Lines(out / LINES)
    except NotOursError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"cannot write the study {out}: {error.strerror or error}") from None
    todo = [cell for cell in plan.cells if cell.key not in lines.found]
    count = len(plan.cells)
    say(count - len(todo), count, "begin")
    if todo:
        with executor(workers, address) as pool:
            bases = list(dict.fromkeys(cell.base for cell in todo))
            weights = _bases(pool, bases, out / BASES, plan.data,
                             lambda text: say(count - len(todo), count, text))
            tasks = {pool.submit(run_cell, cell, weights[cell.base], plan.data, name): cell for cell in todo}
            for done, (future, cell) in enumerate(_finished(pool, tasks), start=count - len(todo) + 1):
                lines.add(future.result())
                say(done, count, f"{cell.base.network}, {cell.recipe.criterion}, seed {cell.recipe.seed}")
    return [lines.found[cell.key] for cell in plan.cells]


def _finished(pool: Executor, tasks: dict[Future[dict[str, Any]], Cell]) -> Iterator[tuple[Any, Cell]]:
    """The tasks as they end; one that fails stops what has not begun."""
    try:
        for future in as_completed(tasks):
            yield future, tasks[future]
    except BaseException:
        for future in tasks:
            future.cancel()
        raise


def _bases(pool: Executor, specs: list[BaseSpec], folder: Path, data: str | None,
           say: Callable[[str], None]) -> dict[BaseSpec, bytes]:
    """The weights of every base network, trained where they are not there yet."""
    found = {spec: read_bytes(path) for spec in specs if (path := folder / f"{spec.key}.safetensors").is_file()}
    tasks = {pool.submit(train_base, spec, data): spec for spec in specs if spec not in found}
    for future in as_completed(tasks):
        spec = tasks[future]
        found[spec] = future.result()
        write_bytes(folder / f"{spec.key}.safetensors", found[spec])
        say(f"trained {spec.key}")
    return found
