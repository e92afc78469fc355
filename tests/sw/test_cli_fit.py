"""``zerokeep fit``: the table, the JSON, the configuration that it writes, and what bad input gets."""

import json

import pytest
from tests.sw.small_layers import convolution

from zerokeep import cli
from zeroskip import fit
from zeroskip.area import estimate
from zeroskip.packing import pack
from zeroskip.spec import config_file
from zeroskip.spec.config import EngineConfig

SMALL = ["--luts", "9000", "--multipliers", "8", "--memories", "80"]


@pytest.fixture(autouse=True)
def in_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fit, "LANES", (1, 2))
    monkeypatch.setattr(fit, "VECTORS", (1, 4))
    monkeypatch.setattr(fit, "LOOKS", (1, 2))
    convolution().save(tmp_path / "conv.npz")


def test_the_best_and_a_file_for_every_verb(tmp_path, capsys):
    target, best = tmp_path / "out" / "fit.json", tmp_path / "best.json"
    assert cli.main(["fit", "conv.npz", *SMALL, "--goal", "per-lut", "--json", str(target), "--out", str(best)]) == 0
    shown = capsys.readouterr()
    document = json.loads(target.read_text())
    found = document["candidates"]
    assert shown.err == "" and 2 <= len(found) <= 10
    assert document["chip"] == {"luts": 9000, "multipliers": 8, "memories": 80} and document["goal"] == "per-lut"
    figures = [own["figure"] for own in found]
    assert figures == sorted(figures, reverse=True)
    for own in found:
        area = estimate(EngineConfig(**own["parameters"]))
        assert (area.luts, area.multipliers, area.memories) == (own["luts"], own["multipliers"], own["memories"])
        assert area.luts <= 9000 and area.multipliers <= 8 and area.memories <= 80
    assert config_file.read(best).engine == EngineConfig(**found[0]["parameters"])
    assert cli.main(["predict", "conv.npz", "--engine", "skip-both", "--config", str(best)]) == 0


def test_a_layer_takes_about_what_the_model_says(capsys, tmp_path):
    assert cli.main(["fit", "conv.npz", *SMALL, "--json", "fit.json"]) == 0
    own = json.loads((tmp_path / "fit.json").read_text())["candidates"][0]
    config = EngineConfig(**own["parameters"])
    engine = "skip-both" if config.look > 1 else "skip-weights"
    images = len(convolution().input)
    alone = pack(convolution(), config, engine).predicted["total"] / images
    assert 0.5 * alone <= own["cycles"] <= 1.5 * alone  # one after the other, against all from the first to the last


@pytest.mark.parametrize(("arguments", "text"), [
    (["conv.npz", "--chip", "ice40"], "--chip must be one of ecp5-25f, ecp5-45f, ecp5-85f, not 'ice40'"),
    (["conv.npz", "--luts", "5"], "--luts, --multipliers and --memories go together"),
    (["conv.npz", "--chip", "ecp5-85f", *SMALL], "give a chip or its numbers, not both"),
    (["conv.npz", "--luts", "0"], "--luts must be a whole number of at least 1, not 0"),
    (["conv.npz", "--goal", "power"], "--goal must be one of cycles, per-lut, per-multiplier, not 'power'"),
    (["conv.npz", "--luts", "9", "--multipliers", "9", "--memories", "9"],
     "no shape fits 9 LUTs, 9 multipliers and 9 memories"),
    (["none"], "none"),
    (["conv.npz", "--json", "."], "cannot write .: it is a folder"),
])
def test_bad_input_is_one_sentence_and_status_2(arguments, text, capsys):
    assert cli.main(["fit", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("zerokeep: ") and text in shown.err and shown.err.count("\n") == 1 and not shown.out
