"""A board's bitstream: what is written, and that a missed clock leaves none. The engine is the smallest there is."""

from __future__ import annotations

import hashlib
import json

import pytest
from tests.hw.echo_engine import EchoEngine

from zerokeep.cli import main
from zeroskip.boards import build as boards
from zeroskip.boards.catalogue import BOARDS, divisor, load_platform


@pytest.fixture
def small(monkeypatch):
    """An engine that is placed in seconds."""
    monkeypatch.setattr(boards, "build_engine", lambda config, kind: EchoEngine())


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_files_and_their_manifest(small, tmp_path, capsys):
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "thesis.txt").write_text("x")
    with pytest.raises(ValueError, match=r"board is no folder of `zerokeep build` \(.*manifest\.json: no such file\)"):
        boards.build("ulx3s-85f", folder)
    manifest_of_ours = {"board": "orangecrab-25f", "sha256": {"top.bit": "0", "thesis.txt": "0"}}
    (folder / "manifest.json").write_text(json.dumps(manifest_of_ours))
    with pytest.raises(ValueError, match=r"board holds 'thesis\.txt', which zerokeep did not write there"):
        boards.build("ulx3s-85f", folder, force=True)
    (folder / "thesis.txt").rename(folder / "top.bit")
    with pytest.raises(ValueError, match=r"board is a build for another board, 'orangecrab-25f'.*--force to replace"):
        boards.build("ulx3s-85f", folder)
    manifest = boards.build("ulx3s-85f", folder, seeds=(3, 4), force=True)
    assert sorted(digests(folder)) == ["manifest.json", "resources.json", "timing.json", "top.bit"]
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    assert manifest["sha256"] == {name: own for name, own in digests(folder).items() if name != "manifest.json"}
    assert (manifest["board"], manifest["clock_mhz_asked"], manifest["divisor"]) == ("ulx3s-85f", 25.0, 25)
    by_seed = manifest["clock_mhz_by_seed"]
    assert list(by_seed) == ["3", "4"] and by_seed["3"] != by_seed["4"]  # the placer is told the seed
    assert manifest["clock_mhz_reached"] == max(by_seed.values()) == by_seed[str(manifest["seed"])] >= 25
    assert json.loads((folder / "resources.json").read_text())["after_packing"]["TRELLIS_COMB"]["used"] > 100
    assert [path.name for path in tmp_path.iterdir()] == ["board"]
    sources = [source for path in json.loads((folder / "timing.json").read_text())["critical_paths"]
               for step in path["path"] for source in step.get("sources", ())]
    assert sources and not any("/" in source for source in sources)  # no path of the machine that built it

    again = tmp_path / "again" / "elsewhere"
    boards.build("ulx3s-85f", again, seeds=(manifest["seed"],))
    kept = {name: own for name, own in digests(folder).items() if name != "manifest.json"}  # it has both seeds' clocks
    assert {name: own for name, own in digests(again).items() if name in kept} == kept

    assert main(["flash", str(folder), "--dry-run"]) == 0
    assert capsys.readouterr().out.split()[-3:] == ["--board", "ulx3s", str(folder / "top.bit")]
    (folder / "top.bit").write_bytes(b"damaged")
    assert main(["flash", str(folder), "--dry-run"]) == 2
    assert "its manifest says" in capsys.readouterr().err


def test_a_board_without_a_serial_line_of_its_own(small, tmp_path):
    manifest = boards.build("orangecrab-25f", tmp_path / "board", seeds=(1,))
    assert (manifest["device"], manifest["oscillator_mhz"], manifest["divisor"]) == ("LFE5U-25F", 48.0, 48)
    assert manifest["clock_mhz_reached"] >= 48


def test_a_missed_clock_leaves_nothing(small, tmp_path, capsys):
    assert main(["build", "--clock", "500", "--seeds", "1", "--output", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "MHz reached with the best of the seeds 1, 500.0 MHz asked for; no bitstream was written" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("arguments", "message"), [
    (["build", "--board", "unknown"], "board: found 'unknown', expected one of ulx3s-85f, orangecrab-25f"),
    (["build", "--preset", "huge"], "preset: found 'huge', expected one of tiny, small, base, large, fine"),
    (["build", "--kind", "huge"], "kind: found 'huge', expected one of dense, dense-gate, zero-skip"),
    (["build", "--clock", "nan"], "Invalid value for '--clock'"),
    (["build", "--clock", "24"], "clock: found 24 MHz, expected at least the 25 MHz of ulx3s-85f's oscillator"),
    (["build", "--clock", "inf"], "clock: found inf MHz, expected a positive number"),
    (["build", "--seeds", "1,1"], "seeds must be different whole numbers"),
    (["flash"], "is no folder of `zerokeep build`"),
])
def test_refusals(small, arguments, message, tmp_path, capsys):
    verb, *rest = arguments
    assert main([verb, *(["--output"] if verb == "build" else []), str(tmp_path), *rest]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_makes_its_rate(name):
    board = BOARDS[name]
    platform = load_platform(board)
    cycles = divisor(platform.default_clk_frequency, board.baud)
    assert abs(platform.default_clk_frequency / cycles / board.baud - 1) < 0.005
    assert cycles >= 4  # what the receiver needs


def test_a_rate_that_the_clock_cannot_make():
    with pytest.raises(ValueError, match="a clock of 12 MHz cannot make 7000000 within 2 %"):
        divisor(12e6, 7_000_000)
