"""The attack finds nothing; and it would: what is planted is seen."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from tests.attacks.case import Case, link_to
from tests.attacks.runner import attack

ROOT = Path(__file__).parents[1]
PART = "0/3"
"""All of them take minutes beside other tests: ``python -m tests.attack`` has the rest."""
VERBS = ("simulate", "predict", "fit", "prune", "import", "train", "run", "report", "study", "compare", "build",
         "flash", "generate", "compile", "synth")
CASE = Case(name="planted", argv=("predict", "layer.npz", "--out", "out"), says="layer.npz",
            files={"layer.npz": b"mine", "link": link_to("layer.npz")})


def test_every_bad_input_is_refused():
    done = subprocess.run([sys.executable, "-m", "tests.attack", "--part", PART], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    count = re.search(r"^(\d+) inputs, 0 wrong", done.stdout, re.MULTILINE)
    assert count is not None and int(count[1]) >= 200, done.stdout
    assert [verb for verb in VERBS if not re.search(rf"\b{verb} \d", done.stdout)] == []


def say(text="zerokeep: layer.npz is bad\n"):
    os.write(2, text.encode())
    return 2


def good(arguments):
    return say()


def done(arguments):
    say()
    return 0


def silent(arguments):
    return 2


def two_lines(arguments):
    return say("a warning\nzerokeep: layer.npz is bad\n")


def another_reason(arguments):
    return say("zerokeep: no such option\n")


def nobody(arguments):
    return say("layer.npz is bad\n")


def escapes(arguments):
    return say("zerokeep: layer.npz is \x1b[2J bad\n")


def traceback(arguments):
    print("Traceback (most recent call last):", flush=True)
    return say()


def raises(arguments):
    raise KeyError("layer")


def writes(arguments):
    Path("layer.npz").write_bytes(b"mine")
    return say()


def removes(arguments):
    Path("link").unlink()
    return say()


def adds(arguments):
    Path(".zerokeep-abc").write_text("left")
    return say()


def half(arguments):
    Path("out").mkdir()
    Path("out/model.json").write_text("{")
    return say()


def begins(arguments):
    """An output folder may have been begun: that is no fault."""
    Path("out").mkdir()
    Path("out/.zerokeep.json").write_text("{}")
    return say()


def fault(arguments):
    handle, _ = tempfile.mkstemp(prefix="zerokeep-fault-", suffix=".txt")
    os.write(handle, b'  File "prune.py", line 3\nKeyError: 3')
    return say()


def caches(arguments):
    Path(os.environ["XDG_CACHE_HOME"]).mkdir()
    Path(os.environ["XDG_CACHE_HOME"], "simulator").write_text("built")
    return say()


def sleeps(arguments):
    time.sleep(60)
    return say()


def most():
    """The fork of a process that has run other tests is as large as that is."""
    return psutil.Process().memory_info().rss + (512 << 20)


def takes(arguments):
    kept = b"x" * (1 << 30)  # written, or it would not be resident; more than what a fork shares with its parent
    time.sleep(2)
    return say() + 0 * len(kept)


def leaves(arguments):
    if os.fork() == 0:
        os.setsid()
        os.execvp("sleep", ["sleep", "60"])
    time.sleep(0.2)
    return say()


@pytest.fixture
def adopting():
    """This process sees who is left behind, and no longer than for this test."""
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    prctl(36, 1, 0, 0, 0)
    yield
    prctl(36, 0, 0, 0, 0)


@pytest.mark.parametrize("program", [good, begins])
def test_what_is_right_is_not_flagged(program, adopting):
    assert attack(CASE, program, most=most()).wrong == ()


@pytest.mark.parametrize(("program", "found"), [
    (done, "ended with status 0, expected 2"), (silent, "said 0 lines"), (two_lines, "said 2 lines"),
    (another_reason, "did not say 'layer.npz'"), (nobody, "did not say its name"), (escapes, "not printable"),
    (traceback, "wrote a traceback"), (raises, "main let KeyError through"), (writes, "'layer.npz' was changed"),
    (removes, "'link' is gone"), (adds, "'.zerokeep-abc' was left behind"), (half, "'out/model.json' was left behind"),
    (fault, "ended in a fault: File \"prune.py\", line 3: KeyError: 3"), (caches, "in home, 'cache/simulator'"),
    (sleeps, "was still running after 1 s"), (takes, "took more than"), (leaves, "left the process sleep running"),
], ids=lambda value: getattr(value, "__name__", ""))  # fmt: skip
def test_what_is_wrong_is_seen(program, found, adopting):
    verdict = attack(CASE, program, seconds=1 if program is sleeps else 20, most=most())
    assert found in "; ".join(verdict.wrong)
