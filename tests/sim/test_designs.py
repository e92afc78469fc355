"""The cache of generated Verilog."""

import json
from pathlib import Path

import pytest

from cosim import designs
from zeroskip.gateware.primitives.target import Target
from zeroskip.spec.config import PRESETS
from zeroskip.verilog import GeneratedDesign

TINY = PRESETS["tiny"]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds that are generated, by a generator that writes a line."""
    made: list[str] = []

    def generate(config, kind: str, folder: Path, *, watch: bool, target: object) -> GeneratedDesign:
        made.append(kind)
        (folder / "x.v").write_text(f"// {config} {kind} {watch} {target}\n")
        digest = designs.hashlib.sha256((folder / "x.v").read_bytes()).hexdigest()
        (folder / "x.json").write_text(json.dumps({"verilog": "x.v", "sha256": digest, "top": "x"}))
        return GeneratedDesign(verilog=folder / "x.v", sidecar=folder / "x.json", top="x", digest=digest)

    monkeypatch.setattr(designs, "generate", generate)
    return made


def test_the_same_is_generated_once(tmp_path: Path, calls: list[str]) -> None:
    first = designs.cached(TINY, "dense", tmp_path)
    assert designs.cached(TINY, "dense", tmp_path) == first and calls == ["dense"]
    assert designs.cached(TINY, "zero-skip", tmp_path) != first
    assert designs.cached(PRESETS["small"], "dense", tmp_path) != first
    assert designs.cached(TINY, "dense", tmp_path, watch=True) != first
    assert designs.cached(TINY, "dense", tmp_path, target=Target(family="ecp5")) != first
    assert calls == ["dense", "zero-skip", "dense", "dense", "dense"]


def test_other_sources_are_generated_again(tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = designs.cached(TINY, "dense", tmp_path)
    monkeypatch.setattr(designs, "source_digest", lambda: "other")
    assert designs.cached(TINY, "dense", tmp_path).verilog != first.verilog and calls == ["dense"] * 2


@pytest.mark.parametrize("damage", ["x.v", "x.json"])
def test_a_damaged_file_is_made_again(tmp_path: Path, calls: list[str], damage: str) -> None:
    first = designs.cached(TINY, "dense", tmp_path)
    first.verilog.with_name(damage).write_text("{}")
    assert designs.cached(TINY, "dense", tmp_path) == first and calls == ["dense"] * 2
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_is_left_of_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(config, kind: str, folder: Path, *, watch: bool, target: object) -> GeneratedDesign:
        (folder / "half.v").write_text("module")
        raise ValueError("no such kind")

    monkeypatch.setattr(designs, "generate", fail)
    with pytest.raises(ValueError, match="no such kind"):
        designs.cached(TINY, "dense", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_source_digest_is_of_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "verilog.py").write_text("a = 1\n")
    monkeypatch.setattr(designs.zeroskip.verilog, "__file__", str(tmp_path / "verilog.py"))
    first = designs.source_digest()
    (tmp_path / "new.py").write_text("")
    second = designs.source_digest()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "part.py").write_text("b = 2\n")
    third = designs.source_digest()
    (tmp_path / "inner" / "part.py").write_text("b = 3\n")
    assert len({first, second, third, designs.source_digest()}) == 4
