"""``zerokeep doctor``."""

import json

from zerokeep import cli, cli_doctor
from zeroskip.files import process


def test_everything_needed_is_here(capsys, tmp_path):
    assert cli.main(["doctor", "--json", str(tmp_path / "d.json")]) == 0
    shown = capsys.readouterr().out
    assert "verilator" in shown and "MISSING" not in shown
    document = json.loads((tmp_path / "d.json").read_text())
    assert document["missing"] == []
    by_name = {tool["name"]: tool for tool in document["tools"]}
    assert by_name["cocotb"]["version"].startswith("2.") and by_name["make"]["version"].startswith("GNU Make")


def test_a_missing_tool_is_named_with_what_to_install(capsys, monkeypatch):
    real = process.find
    monkeypatch.setattr(process, "find", lambda name: None if name in ("g++", "iverilog") else real(name))
    assert cli.main(["doctor"]) == 2
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "MISSING" in lines["g++"] and "apt install g++" in lines["g++"]
    assert "not there (optional)" in lines["iverilog"] and "apt install iverilog" in lines["iverilog"]


def test_a_missing_package():
    finding = cli_doctor.package("no-such-package", "nothing", True)
    assert finding.version is None and finding.advice == "pip install no-such-package"


def test_a_program_that_does_not_run(tmp_path, monkeypatch):
    broken = tmp_path / "tool"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = cli_doctor.program("tool", "nothing", True, "--version", "tool")
    assert finding.version is None and finding.advice.startswith("it does not run: ")
