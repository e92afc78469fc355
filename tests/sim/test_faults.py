"""Deliberate faults, planted in a scratch copy of the hardware and its packer: each must turn the comparison red."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.sim.echo import CACHE

import zeroskip

SOURCE = Path(zeroskip.__file__).parent
FAULTS = {
    "a non-zero weight dropped from a list": (
        "lists.py", "    present = by_list != 0\n",
        "    present = by_list != 0\n    present.flat[np.flatnonzero(present)[0]] = False\n"),
    "padding taken for data": ("window_look.py", 'in_row & within(here.col, distance["behind"], p)',
                               'in_row & ~at_least(distance["behind"], -p)'),
    "rounding bit left out": ("requantiser.py", "value - Cat(1, self.high)", "value - Cat(0, self.high)"),
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small layer in it."""
    folder = tmp_path_factory.mktemp("faults")
    rng = np.random.default_rng(5)
    weight = rng.integers(-127, 128, (6, 5, 3, 3)).astype(np.int8)
    weight[rng.random(weight.shape) < 0.5] = 0
    np.savez(folder / "layer.npz", weight=weight, input=rng.integers(1, 256, (1, 5, 6, 7)).astype(np.uint8),
             padding=np.array([1, 1]), multiplier=rng.integers(20000, 65536, 6), shift=np.full(6, 25))
    return folder


def run(work: Path, source: Path) -> tuple[int, dict[str, object]]:
    """Exit status and figures of ``zerokeep simulate`` with the hardware from `source`."""
    report = work / "report.json"
    report.unlink(missing_ok=True)
    start = "import sys; from zerokeep.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "simulate", "layer.npz", "--preset", "tiny", "--engine", "skip-both",
               "--cache", str(CACHE), "--json", str(report)]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=600, check=False,
                          env=os.environ | {"PYTHONPATH": str(source)})
    assert report.exists(), done.stderr
    return done.returncode, json.loads(report.read_text())["engines"]["skip-both"]


def plant(folder: Path, name: str, right: str, wrong: str) -> None:
    """A copy of the hardware with a fault in one file."""
    file = copy(folder) / "zeroskip" / name
    text = file.read_text()
    assert text.count(right) == 1, f"{name} no longer holds {right!r} once"
    file.write_text(text.replace(right, wrong))


def copy(folder: Path) -> Path:
    """A scratch copy of the hardware; the folder to put on the path.

    With what numba compiled: it takes that only for a file with the same size and time of change.
    """
    shutil.copytree(SOURCE, folder / "zeroskip", ignore=shutil.ignore_patterns("*.pyc"))
    return folder


def test_a_copy_without_fault_is_right(work: Path, tmp_path: Path) -> None:
    status, engine = run(work, copy(tmp_path))
    assert status == 0 and engine["bit_exact"] is True and engine["mismatches"] == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_turns_the_comparison_red(work: Path, tmp_path: Path, fault: str) -> None:
    plant(tmp_path, *FAULTS[fault])
    status, engine = run(work, tmp_path)
    assert status == 1 and engine["bit_exact"] is False
    assert isinstance(engine["mismatches"], int) and engine["mismatches"] > 0


def test_slots_that_are_not_accounted_for_are_an_error(work: Path, tmp_path: Path) -> None:
    """Lanes with a word but no entry are counted nowhere: every beat is right, the account is not."""
    plant(tmp_path, "lane_account.py", '"bubble": has_word,', '"bubble": waits,')
    status, engine = run(work, tmp_path)
    assert status == 1 and engine["bit_exact"] is False
    (error,) = engine["errors"]
    assert "the classes of the multipliers' slots make" in error
