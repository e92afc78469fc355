"""A board's bitstream: what is written, and that a missed clock leaves none. The engine is the smallest there is."""

from __future__ import annotations

import hashlib
import json

import pytest
from tests.hw.echo_engine import MULTIPLIERS, EchoEngine

from zerokeep.cli import main
from zeroskip.boards import build as boards
from zeroskip.boards.catalogue import BOARDS, divisor, load_platform
from zeroskip.boards.top import BoardTop
from zeroskip.gateware.axi.top import AxiTop
from zeroskip.gateware.engines import axi_top
from zeroskip.spec.config import PRESETS, EngineConfig

TINY = PRESETS["tiny"]


@pytest.fixture
def small(monkeypatch):
    """An engine that is placed in seconds."""
    size = {"beat_bytes": 4, "number_bits": 13}
    monkeypatch.setattr(boards, "axi_top", lambda config, kind: AxiTop(
        EchoEngine(**size), multipliers=MULTIPLIERS, **size))


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_files_and_their_manifest(small, tmp_path, capsys):
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "thesis.txt").write_text("x")
    with pytest.raises(ValueError, match=r"board is no folder of `zerokeep build` \(.*manifest\.json: no such file\)"):
        boards.build("ulx3s-85f", folder, config=TINY)
    manifest_of_ours = {"board": "orangecrab-25f", "sha256": {"top.bit": "0", "thesis.txt": "0"}}
    (folder / "manifest.json").write_text(json.dumps(manifest_of_ours))
    with pytest.raises(ValueError, match=r"board holds 'thesis\.txt', which zerokeep did not write there"):
        boards.build("ulx3s-85f", folder, config=TINY, force=True)
    (folder / "thesis.txt").rename(folder / "top.bit")
    with pytest.raises(ValueError, match=r"board is a build for another board, 'orangecrab-25f'.*--force to replace"):
        boards.build("ulx3s-85f", folder, config=TINY)
    manifest = boards.build("ulx3s-85f", folder, config=TINY, seeds=(3, 4), force=True)
    assert sorted(digests(folder)) == ["manifest.json", "resources.json", "timing.json", "top.bit"]
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    assert manifest["sha256"] == {name: own for name, own in digests(folder).items() if name != "manifest.json"}
    assert (manifest["board"], manifest["clock_mhz_asked"], manifest["divisor"]) == ("ulx3s-85f", 25.0, 25)
    assert (manifest["preset"], manifest["parameters"]["map_words"]) == ("tiny", TINY.map_words)
    assert (manifest["beat_bytes"], manifest["number_bits"]) == (4, 13)
    by_seed = manifest["clock_mhz_by_seed"]
    assert list(by_seed) == ["3", "4"] and by_seed["3"] != by_seed["4"]  # the placer is told the seed
    assert manifest["clock_mhz_reached"] == max(by_seed.values()) == by_seed[str(manifest["seed"])] >= 25
    assert json.loads((folder / "resources.json").read_text())["after_packing"]["TRELLIS_COMB"]["used"] > 100
    assert [path.name for path in tmp_path.iterdir()] == ["board"]
    sources = [source for path in json.loads((folder / "timing.json").read_text())["critical_paths"]
               for step in path["path"] for source in step.get("sources", ())]
    assert sources and not any("/" in source for source in sources)  # no path of the machine that built it

    again = tmp_path / "again" / "elsewhere"
    boards.build("ulx3s-85f", again, config=TINY, seeds=(manifest["seed"],))
    kept = {name: own for name, own in digests(folder).items() if name != "manifest.json"}  # it has both seeds' clocks
    assert {name: own for name, own in digests(again).items() if name in kept} == kept

    assert main(["flash", str(folder), "--dry-run"]) == 0
    assert capsys.readouterr().out.split()[-3:] == ["--board", "ulx3s", str(folder / "top.bit")]
    (folder / "top.bit").write_bytes(b"damaged")
    assert main(["flash", str(folder), "--dry-run"]) == 2
    assert "its manifest says" in capsys.readouterr().err


def test_a_board_without_a_serial_line_of_its_own(small, tmp_path):
    manifest = boards.build("orangecrab-25f", tmp_path / "board", config=TINY, seeds=(1,))
    assert (manifest["device"], manifest["oscillator_mhz"], manifest["divisor"]) == ("LFE5U-25F", 48.0, 48)
    assert manifest["clock_mhz_reached"] >= 48


def test_the_engine_has_the_cells_of_the_chip():
    """Multipliers and block memories of the ECP5 in what yosys is given, before it has mapped anything."""
    platform, config = load_platform(BOARDS["ulx3s-85f"]), EngineConfig(
        lanes=1, vector=4, banks=4, map_words=64, list_words=64, instructions=64, out_words=16, pool_columns=8)
    plan = platform.build(BoardTop(axi_top(config, "zero-skip"), baud=1_000_000), name="top", do_build=False)
    text = plan.files["top.il"]
    assert sum(f"cell \\{cell} " in text for cell in ("MULT18X18D", "DP16KD", "CCU2C")) == 3


@pytest.mark.parametrize(("options", "named"), [
    ([], "ulx3s-85f"), (["--preset", "tiny"], "ulx3s-85f"), (["--multipliers", "16"], "ulx3s-85f-small-zero-skip"),
    (["--kind", "dense-gate"], "ulx3s-85f-tiny-dense-gate"), (["--config", "mine.json"], "ulx3s-85f-tiny-zero-skip"),
])
def test_which_engine_and_where(options, named, tmp_path, monkeypatch):
    """Any that options name goes to a folder of its own, but `tiny`; also one of another shape that is called so."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").write_text(json.dumps(
        {"format": "zerokeep-config", "schema": 1, "name": "tiny", "engine": {"lanes": 3, "vector": 2}}))
    asked = {}
    monkeypatch.setattr(boards, "build", lambda board, folder, **more: asked.update(more, folder=folder) or {
        "clock_mhz_by_seed": {}, "clock_mhz_reached": 1.0, "clock_mhz_asked": 1.0})
    assert main(["build", *options, "--output", str(tmp_path)]) == 0
    assert asked["folder"] == tmp_path / named
    wanted = PRESETS["small" if "16" in options else "tiny"]
    if "--config" in options:
        wanted = EngineConfig(lanes=3, vector=2)
    assert (asked["config"], asked["kind"]) == (wanted, "dense-gate" if "--kind" in options else "zero-skip")


def test_a_missed_clock_leaves_nothing(small, tmp_path, capsys):
    assert main(["build", "--clock", "500", "--seeds", "1", "--output", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "MHz reached with the best of the seeds 1, 500.0 MHz asked for; no bitstream was written" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("arguments", "message"), [
    (["build", "--board", "unknown"], "board: found 'unknown', expected one of ulx3s-85f, orangecrab-25f"),
    (["build", "--preset", "huge"], "preset must be one of tiny, small, base, large, fine, not 'huge'"),
    (["build", "--preset", "tiny", "--multipliers", "4"], "give --preset or --multipliers, not both"),
    (["build", "--kind", "huge"], "kind: found 'huge', expected one of dense, dense-gate, zero-skip"),
    (["build", "--config", "missing.json"], "missing.json: no such file"),
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
