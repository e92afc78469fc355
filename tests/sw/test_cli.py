"""The command line as a whole: help, statuses, one sentence for a mistake, a traceback for a fault."""

import importlib
import subprocess
import sys
from types import SimpleNamespace

import pytest

from zerokeep import cli, cli_status
from zerokeep.errors import UserError


def with_verb(monkeypatch, action):
    """A program with one verb, that does `action`."""
    class Module:
        @staticmethod
        def register(app):
            app.command("act", help="Act.")(action)
            app.command("other")(lambda: None)

    monkeypatch.setattr(cli, "VERBS", ("cli_doctor",))
    own = SimpleNamespace(import_module=lambda name: Module, util=cli.importlib.util)  # others import as ever
    monkeypatch.setattr(cli, "importlib", own)


def test_help_names_every_verb(capsys):
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in cli.VERBS:
        if cli.importlib.util.find_spec(f"zerokeep.{name}") is not None:
            assert name.removeprefix("cli_") in shown


@pytest.mark.parametrize("verb", ["generate", "simulate", "predict", "doctor"])
def test_every_verb_has_help(verb, capsys):
    assert cli.main([verb, "--help"]) == 0
    assert f"zerokeep {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "text"), [
    (["nothing"], "No such command 'nothing'"), (["simulate"], "Missing argument"),
    (["simulate", "x", "--seed", "y"], "valid integer"), (["simulate", "x", "--no-such"], "No such option"),
])
def test_usage_is_one_sentence_and_status_2(arguments, text, capsys):
    assert cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("zerokeep: ") and text in shown.err and shown.err.count("\n") == 1 and not shown.out


def test_nothing_asked_shows_help_with_status_2(capsys):
    assert cli.main([]) == 2
    shown = capsys.readouterr()
    assert "simulate" in shown.out + shown.err and "Traceback" not in shown.err


def test_a_users_mistake_is_one_line(monkeypatch, capsys):
    def act():
        raise UserError("the folder x\nis missing")

    with_verb(monkeypatch, act)
    assert cli.main(["act"]) == 2
    assert capsys.readouterr().err == "zerokeep: the folder x is missing\n"


@pytest.mark.parametrize(("module", "name"), [*cli_status.USER_ERRORS, ("zeroskip.verilog", "ToolError")])
def test_errors_of_the_hardware_side_are_the_users_too(monkeypatch, capsys, module, name):
    def act():
        raise getattr(importlib.import_module(module), name)("bias: found a string")

    with_verb(monkeypatch, act)
    assert cli.main(["act"]) == 2
    assert capsys.readouterr().err == "zerokeep: bias: found a string\n"


def test_a_fault_of_the_program_is_status_3_and_its_traceback_in_a_file(monkeypatch, capsys, tmp_path):
    def act():
        raise KeyError("fa\x1b[2Jult")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with_verb(monkeypatch, act)
    assert cli.main(["act"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("zerokeep: this is a fault of zerokeep (KeyError: ") and said.count("\n") == 1
    file = next(tmp_path.iterdir())
    assert said.endswith(f"the traceback is in {file}\n") and "in act" in file.read_text()
    assert "\x1b" not in said


def test_a_fault_whose_traceback_cannot_be_written(monkeypatch, capsys):
    def act():
        raise KeyError("fault")

    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    with_verb(monkeypatch, act)
    assert cli.main(["act"]) == 3
    assert "the traceback could not be written (No such file or directory)" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "said"), [
    (MemoryError(), "there is not enough memory for this (MemoryError)"),
    (OSError(28, "No space left on device", "x/y\n"), "x/y: No space left on device"),
    (OSError(13, "Permission denied"), "Permission denied"),
])
def test_what_the_system_lacks_is_the_users(monkeypatch, capsys, error, said):
    def act():
        raise error

    with_verb(monkeypatch, act)
    assert cli.main(["act"]) == 2
    assert capsys.readouterr().err == f"zerokeep: {said}\n"


def test_an_exit_of_a_library_is_no_success(monkeypatch, capsys):
    def act():
        raise SystemExit(0)

    with_verb(monkeypatch, act)
    assert cli.main(["act"]) == 3
    assert "this is a fault of zerokeep (SystemExit: 0)" in capsys.readouterr().err


def test_control_characters_are_escaped(monkeypatch, capsys):
    def act():
        raise UserError("layer \x1b[31m\x07\u202e of 'x'")

    with_verb(monkeypatch, act)
    assert cli.main(["act"]) == 2
    assert capsys.readouterr().err == "zerokeep: layer \\x1b[31m\\x07\\u202e of 'x'\n"


@pytest.mark.parametrize(("size", "limit"), [("4G", 4 << 30), ("1000000", 1_000_000), ("1.5MB", 3 << 19)])
def test_the_memory_limit_of_every_verb(monkeypatch, size, limit):
    from zeroskip.files import memory

    seen = []
    monkeypatch.setenv(memory.ENVIRONMENT, "1")
    with_verb(monkeypatch, lambda: seen.append(memory.limit()))
    assert cli.main(["act", "--memory-limit", size]) == 0
    assert seen == [limit]


def test_a_wrong_memory_limit(monkeypatch, capsys):
    with_verb(monkeypatch, lambda: None)
    assert cli.main(["act", "--memory-limit", "much"]) == 2
    assert "--memory-limit: a size must be a number of bytes" in capsys.readouterr().err


@pytest.mark.parametrize(("result", "status"), [(None, 0), (0, 0), (1, 1)])
def test_what_a_verb_returns_is_the_status(monkeypatch, result, status):
    with_verb(monkeypatch, lambda: result)
    assert cli.main(["act"]) == status


def test_control_c_is_status_130(monkeypatch, capsys):
    def act():
        raise KeyboardInterrupt

    with_verb(monkeypatch, act)
    assert cli.main(["act"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("zerokeep 0.")


def test_help_loads_nothing_slow():
    code = ("import sys; from zerokeep.cli import main; main(['--help']);"
            "print([m for m in ('torch', 'cocotb', 'amaranth', 'numpy') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
