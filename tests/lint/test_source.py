"""What `make lint` says of the source, beside the other tests: mypy alone would keep one of two cores waiting."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", [["ruff", "check"], ["mypy"]], ids=lambda command: command[0])
def test_source(command: list[str]) -> None:
    program = shutil.which(command[0], path=Path(sys.executable).parent)
    assert program is not None
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
