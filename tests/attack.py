"""More than 200 bad inputs through every verb that reads files: ``python -m tests.attack``.

Each must end with status 2 and one printable line that says what is wrong; without a traceback, without a file changed
or left behind, within 20 s and 1 GB. A case is a line in a table of ``tests/attacks/inputs_*.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import gc
import importlib
import io
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.attacks.case import Case  # noqa: E402
from tests.attacks.runner import BYTES, SECONDS, Verdict, adopt, attack  # noqa: E402

TABLES = ("npz", "data", "weights", "onnx", "model", "outputs", "code", "study", "report", "boards", "options",
          "config", "real")
HEAVY = ("torch", "onnx", "onnxruntime", "matplotlib.pyplot", "jinja2", "amaranth_boards.ulx3s", "zerokeep.cli",
         "zerokeep.cli_report", "zerokeep.onnx_float", "zerokeep.onnx_quantised", "zerokeep.pipeline",
         "zerokeep.report", "zerokeep.report_page", "zerokeep.run_progress", "zerokeep.study.page",
         "zerokeep.study.runner", "zerokeep.user_code", "cosim.simulate", "cosim.energy.library",
         "zeroskip.boards.build", "zeroskip.fit", "zeroskip.integration.write", "zeroskip.boards.flash",
         "zeroskip.export.compiled", "zeroskip.spec.config_file", "zerokeep.prediction",
         "zerokeep.cli_simulate_network")
"""Imported once, before every case is a fork."""


def load() -> None:
    """Import the program, with one thread: a fork has no others."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["MPLBACKEND"] = "agg"
    for name in HEAVY:
        importlib.import_module(name)
    sys.modules["torch"].set_num_threads(1)
    with contextlib.redirect_stderr(io.StringIO()):  # what is imported by the first command is, too
        sys.modules["zerokeep.cli"].main(["fit", "nowhere"])
    gc.freeze()


def all_cases() -> list[Case]:
    """Every table's cases; names are different."""
    made: list[Case] = []
    for table in TABLES:
        made += importlib.import_module(f"tests.attacks.inputs_{table}").cases()
    names = Counter(case.name for case in made)
    assert names.most_common(1)[0][1] == 1, names.most_common(3)
    return made


def chosen(cases: Iterable[Case], pattern: str, part: tuple[int, int]) -> list[Case]:
    """Those whose name fits a pattern or has it in it, and whose tools are there; of these a fixed part, mixed."""
    found = []
    for case in cases:
        if case.needs and shutil.which(case.needs) is None:
            print(f"passed over, {case.needs} is not there: {case.name}")
        elif fnmatch.fnmatch(case.name, pattern) or pattern in case.name:
            found.append(case)
    random.Random(1).shuffle(found)  # else a part would have the same verb of every table
    return found[part[0]::part[1]]


def one(case: Case, keep: Path | None) -> Verdict:
    """What comes of a case, in a fork or by the real executable."""
    from tests.attacks.real import attack_for_real

    from zerokeep.cli import main

    if case.real or case.environment:
        return attack_for_real(case, keep=keep)
    return attack(case, main, keep=keep)


def _share(cases: list[Case], keep: Path | None, queue: multiprocessing.SimpleQueue[Verdict | str | None]) -> None:
    """A worker's cases, one by one."""
    adopt()
    for case in cases:
        try:
            queue.put(one(case, keep))
        except BaseException as error:
            queue.put(f"{case.name}: the attack itself failed: {type(error).__name__}: {error}")
    queue.put(None)


def run(cases: list[Case], workers: int, keep: Path | None) -> tuple[list[Verdict], list[str]]:
    """All verdicts; failing ones are printed as they come. And what the attack itself could not do."""
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.SimpleQueue[Verdict | str | None] = context.SimpleQueue()
    forks = [context.Process(target=_share, args=(cases[n::workers], keep, queue)) for n in range(workers)]
    for fork in forks:
        fork.start()
    verdicts, failed, running = [], [], workers
    while running:
        found = queue.get()
        if found is None:
            running -= 1
        elif isinstance(found, str):
            failed.append(found)
            print(found, flush=True)
        else:
            verdicts.append(found)
            if found.wrong:
                print(f"{found.name} [zerokeep {' '.join(map(ascii, found.argv))}]: "
                      f"{'; '.join(found.wrong)}", flush=True)
    for fork in forks:
        fork.join()
    return verdicts, failed


def summary(verdicts: list[Verdict]) -> str:
    """How many, how many were wrong, and the slowest and the largest."""
    slowest, largest = max(verdicts, key=lambda own: own.seconds), max(verdicts, key=lambda own: own.bytes)
    return (f"{len(verdicts)} inputs, {sum(bool(own.wrong) for own in verdicts)} wrong, "
            f"slowest {slowest.name} {slowest.seconds:.1f} s, largest {largest.name} {largest.bytes >> 20} MB "
            f"(limits {SECONDS:g} s, {BYTES >> 20} MB)\n"
            + ", ".join(f"{verb} {count}" for verb, count in Counter(own.argv[0] for own in verdicts).most_common()))


def main() -> int:
    """Run what was asked for; 1 where anything is wrong."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--only", default="*", metavar="PATTERN", help="cases whose name fits or has it in it")
    options.add_argument("--part", default="0/1", metavar="N/M", help="a fixed part of them")
    options.add_argument("--list", action="store_true", help="names and commands, nothing is run")
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="leave each case's files in a folder of its own")
    options.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), metavar="N")
    options.add_argument("--verbose", action="store_true", help="print what every case said")
    given = options.parse_args()
    load()
    part = tuple(map(int, given.part.split("/")))
    cases = chosen(all_cases(), given.only, (part[0], part[1]))
    if given.list:
        for case in cases:
            print(f"{case.name}: zerokeep {' '.join(map(ascii, case.argv))}")
    if given.list or not cases:
        print(f"{len(cases)} inputs")
        return 0
    with tempfile.TemporaryDirectory(prefix="attacks-") as scratch:
        os.environ["MPLCONFIGDIR"] = tempfile.tempdir = scratch
        verdicts, failed = run(cases, given.workers, given.keep)
    if given.verbose:
        for own in verdicts:
            print(f"{own.name} ({own.seconds:.2f} s, {own.bytes >> 20} MB): {own.said!a}")
    print(summary(verdicts) if verdicts else "no input could be tried")
    return int(bool(failed) or any(own.wrong for own in verdicts))


if __name__ == "__main__":
    sys.exit(main())
