"""Tools as children: what they get, what is told of them, and that none is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from zeroskip.files import process
from zeroskip.files.process import ToolError, find, handle_signals, interrupted, run

PYTHON = sys.executable
FOREVER = "import time; time.sleep(600)"
TREE = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {FOREVER!r}])"
"""A child with a child of its own."""


def descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def all_end(family: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(family, timeout=10)[1]


def test_both_channels_and_the_status_come_back(tmp_path: Path) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = run([PYTHON, "-c", code], folder=tmp_path)
    assert (done.status, done.output, done.errors) == (3, "out\n", "err\n")
    assert done.why() == "ended with status 3: out\nerr"
    kept = run([PYTHON, "-c", code], folder=tmp_path, output=tmp_path / "log")
    assert sorted((tmp_path / "log").read_text().split()) == ["err", "out"] == sorted(kept.said.split())


def test_it_runs_in_the_folder_without_input_and_makes_its_temporary_files_there(tmp_path: Path) -> None:
    code = "import os, sys, tempfile; print(os.getcwd(), tempfile.gettempdir(), repr(sys.stdin.read()), os.getsid(0))"
    reader, writer = os.pipe()
    old = os.dup(0)
    os.write(writer, b"typed")
    os.close(writer)
    os.dup2(reader, 0)
    try:
        cwd, temporary, read, session = run([PYTHON, "-c", code], folder=tmp_path).output.split()
    finally:
        os.dup2(old, 0)
        os.close(old)
        os.close(reader)
    assert Path(cwd) == Path(temporary) == tmp_path and read == "''"
    assert int(session) != os.getsid(0)


def test_what_is_no_text_is_shown_all_the_same(tmp_path: Path) -> None:
    assert run(["printf", r"a\377b"], folder=tmp_path).output == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(("command", "message"), [
    (["/nowhere/tool"], "tool could not be started: No such file or directory"),
    (["/etc/passwd"], "passwd could not be started: Permission denied"),
    (["a\0b"], "could not be started: embedded null byte"),
])
def test_what_cannot_be_started_is_a_sentence(tmp_path: Path, command: list[str], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        run(command, folder=tmp_path)


def test_a_path_for_programs_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert find("sh") is not None and find("no such tool") is None
    assert run([find("sh") or "sh", "-c", "echo $PATH; ls >/dev/null"], folder=tmp_path).said == os.defpath + "\n"


def test_a_killed_tool_and_a_full_disk_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["sh", "-c", "kill -9 $$"], folder=tmp_path).why() == "was killed by signal 9 (out of memory?)"
    assert run(["sh", "-c", "kill -6 $$"], folder=tmp_path).why() == "was killed by signal 6"
    full = run(["sh", "-c", "echo x.o: No space left on device >&2; exit 1"], folder=tmp_path)
    assert full.why().startswith(f"ended with status 1, the disk of {tmp_path} is full: ")
    silent = run(["false"], folder=tmp_path)
    assert silent.why() == "ended with status 1"
    usage = process.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(process.shutil, "disk_usage", lambda folder: usage._replace(free=0))
    assert silent.why() == f"ended with status 1, the disk of {tmp_path} is full"


def test_a_tool_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^slow did not end within 0\.5 s$"):
        run([PYTHON, "-c", TREE], folder=tmp_path, timeout=0.5, name="slow")
    assert all_end(descendants()) and not process._state.groups


def test_an_exception_of_any_kind_kills_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[psutil.Process] = []

    def interrupt(child: object, timeout: float | None = None) -> None:
        while len(descendants()) < 2:
            time.sleep(0.02)
        seen.extend(descendants())
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run([PYTHON, "-c", TREE], folder=tmp_path)
    assert len(seen) == 2 and all_end(seen) and not process._state.groups


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_children_of_every_thread(tmp_path: Path, number: signal.Signals) -> None:
    """One in a thread with a grandchild, one in the main thread, and one that knows nothing of this module."""
    errors: list[str] = []

    def work() -> None:
        try:
            run([PYTHON, "-c", TREE], folder=tmp_path, name="in a thread")
        except ToolError as error:
            errors.append(str(error))
        with pytest.raises(ToolError, match="was not started: the command was interrupted"):
            run(["true"], folder=tmp_path)

    def send() -> None:
        while len(descendants()) < 4:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    threads = [threading.Thread(target=work), threading.Thread(target=send)]
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    other = None
    with pytest.raises(KeyboardInterrupt), handle_signals():
        other = subprocess.Popen([PYTHON, "-c", FOREVER])
        for thread in threads:
            thread.start()
        run([PYTHON, "-c", FOREVER], folder=tmp_path)
    for thread in threads:
        thread.join(20)
    assert other is not None and other.wait(10) == -signal.SIGTERM
    assert errors == ["in a thread was ended: the command was interrupted"]
    assert all_end(descendants()) and interrupted() == number
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    with handle_signals():  # the next command begins anew
        assert interrupted() is None and run(["true"], folder=tmp_path).status == 0


def test_a_child_that_does_not_heed_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PATIENCE_S", 0.3)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); "
    other = subprocess.Popen([PYTHON, "-c", deaf + "time.sleep(600)"], stdout=subprocess.PIPE)
    with pytest.raises(KeyboardInterrupt), handle_signals(), other:
        assert other.stdout is not None and other.stdout.readline() == b"deaf\n"
        os.kill(os.getpid(), signal.SIGTERM)
    assert other.returncode == -signal.SIGKILL


def test_an_ignored_signal_stays_ignored_and_other_threads_change_nothing() -> None:
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with handle_signals():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, old)
    found: list[object] = []

    def other() -> None:
        with handle_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]
