"""The command line as a whole: help, statuses, one sentence for a mistake, a traceback for a fault."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from zerokeep import cli
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


@pytest.mark.parametrize(("module", "name"), [
    ("zeroskip.layer", "LayerError"), ("zeroskip.program_image", "PackError"), ("zeroskip.verilog", "ToolError"),
])
def test_errors_of_the_hardware_side_are_the_users_too(monkeypatch, capsys, module, name):
    def act():
        __import__(module)
        raise getattr(sys.modules[module], name)("bias: found a string")

    with_verb(monkeypatch, act)
    assert cli.main(["act"]) == 2
    assert capsys.readouterr().err == "zerokeep: bias: found a string\n"


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    def act():
        raise KeyError("fault")

    with_verb(monkeypatch, act)
    with pytest.raises(KeyError, match="fault"):
        cli.main(["act"])


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
