import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def test_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert "reference.run(layer)).all()" in code and len(code.splitlines()) <= 7
    exec(compile(code, str(README), "exec"), {})


def test_commands_are_known(capsys):
    from zerokeep.cli import main

    lines = [line.split() for line in README.read_text().splitlines() if line.startswith("zerokeep ")]
    assert {line[1] for line in lines} >= {"run", "prune", "simulate", "compile", "fit", "generate", "synth"}
    for line in lines:
        assert main([line[1], "--help"]) == 0
        shown = capsys.readouterr().out
        for option in (word for word in line if word.startswith("--")):
            assert option in shown, line


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README.read_text()))
def test_links_lead_somewhere(link):
    assert (README.parent / link).exists()


def test_it_is_short():
    assert len(README.read_text().split()) <= 700
