"""The quick proofs, and that what runs them tells proved, false and empty apart."""

from pathlib import Path

import pytest
from amaranth.hdl import Signal
from tests.formal.__main__ import main
from tests.formal.catalogue import PROOFS
from tests.formal.harness import Harness
from tests.formal.sby import Proof, run


@pytest.mark.parametrize("name", [name for name, proof in PROOFS.items() if proof.quick])
def test_proved(name: str, tmp_path: Path) -> None:
    verdict = run(PROOFS[name], tmp_path)
    assert verdict.status == "PASS", verdict.log.read_text()


def counter(h: Harness, *, below: int, limit: int) -> None:
    """A counter that begins at 0 and rests at 5."""
    count = Signal(4)
    with h.m.If(h.free("en") & (count < 5)):
        h.m.d.sync += count.eq(count + 1)
    h.assume(count < limit)
    h.prove(count < below)
    h.cover(count == 5)


@pytest.mark.parametrize(("engine", "mode"), [("abc pdr", "prove"), ("smtbmc z3", "prove"), ("abc bmc3", "bmc")])
@pytest.mark.parametrize(("below", "limit", "status"), [(6, 15, "PASS"), (5, 15, "FAIL"), (5, 5, "VACUOUS")])
def test_verdicts(below: int, limit: int, status: str, engine: str, mode: str, tmp_path: Path) -> None:
    """True; false, with a waveform; true only because of an assumption that excludes what is of interest."""
    proof = Proof(name="a counter", build=lambda h: counter(h, below=below, limit=limit), engine=engine, mode=mode)
    verdict = run(proof, tmp_path)
    assert verdict.status == status, verdict.log.read_text()
    assert (verdict.trace is not None and verdict.trace.stat().st_size > 0) == (status == "FAIL")


def test_any_constant(tmp_path: Path) -> None:
    """It never changes, and it may be any value."""
    def build(h: Harness) -> None:
        value, began = h.constant("value", 4), Signal()
        h.m.d.sync += began.eq(1)
        h.prove(~began | (value == h.past(value)))
        h.cover(value == 0)
        h.cover(value == 11)

    assert run(Proof(name="constant", build=build), tmp_path).status == "PASS"


def test_a_broken_design_is_no_verdict(tmp_path: Path) -> None:
    verdict = run(Proof(name="broken", build=lambda h: None, engine="no such engine"), tmp_path)
    assert verdict.status == "ERROR" and verdict.log.exists()


def test_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--build", str(tmp_path), "maps"]) == 0
    heading, row, last = capsys.readouterr().out.splitlines()
    assert heading.split() == ["proof", "mode", "depth", "cover", "seconds", "engine", "verdict"]
    assert row.startswith("maps ") and row.endswith(" PASS") and last == "1 of 1 proved"


def test_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["nothing"])
    assert "no proof 'nothing'; there are: multiplier 4x4" in capsys.readouterr().err
