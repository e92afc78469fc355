"""``zerokeep fit``: the table, the JSON, and what bad input gets."""

import dataclasses
import json

import pytest
from tests.sim.test_simulate import convolution

from zerokeep import cli
from zerokeep.cli_shape import configuration
from zeroskip.area import estimate
from zeroskip.config import ArrayConfig
from zeroskip.counts import count
from zeroskip.packing import pack

SMALL = ["--luts", "14000", "--multipliers", "12", "--memories", "80"]


@pytest.fixture(autouse=True)
def in_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    convolution().save(tmp_path / "conv.npz")


def test_the_best_ten_and_how_to_make_the_best(tmp_path, capsys):
    target = tmp_path / "out" / "fit.json"
    assert cli.main(["fit", "conv.npz", *SMALL, "--goal", "per-lut", "--json", str(target)]) == 0
    shown = capsys.readouterr()
    *lines, command = shown.out.splitlines()
    document = json.loads(target.read_text())
    found = document["candidates"]
    assert shown.err == "" and 2 <= len(found) <= 10 and len(lines) == len(found) + 1
    assert document["chip"] == {"luts": 14000, "multipliers": 12, "memories": 80} and document["goal"] == "per-lut"
    figures = [own["figure"] for own in found]
    assert figures == sorted(figures, reverse=True)
    layer = dataclasses.replace(convolution(), input=convolution().input[:1])
    for own, line in zip(found, lines[1:], strict=True):
        config = ArrayConfig(**own["parameters"])
        assert estimate(config).luts == own["luts"] <= 14000 and own["multipliers"] <= 12 and own["memories"] <= 80
        assert own["cycles"] == pack(layer, config, "skip-both").predicted["total"]
        assert own["figure"] == pytest.approx(count(layer)["macs_inside"] / own["cycles"] / own["luts"] * 1000)
        assert line.split()[:5] == [*(str(own["parameters"][name]) for name in (
            "groups", "lanes", "pixels", "output_units")), f"{own['cycles']:,}"]
    words = command.removeprefix("zerokeep generate ").split()
    given = {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True) if name != "--set"}
    settings = [value for name, value in zip(words[::2], words[1::2], strict=True) if name == "--set"]
    winner = configuration(None, None, given["--groups"], given["--lanes"], given["--pixels"], settings)
    assert winner == ArrayConfig(**found[0]["parameters"])


@pytest.mark.parametrize(("arguments", "text"), [
    (["conv.npz", "--chip", "ice40"], "--chip must be one of ecp5-25f, ecp5-45f, ecp5-85f, not 'ice40'"),
    (["conv.npz", "--luts", "5"], "--luts, --multipliers and --memories go together"),
    (["conv.npz", "--chip", "ecp5-85f", *SMALL], "give a chip or its numbers, not both"),
    (["conv.npz", "--luts", "0"], "--luts must be a whole number of at least 1, not 0"),
    (["conv.npz", "--goal", "power"], "--goal must be one of cycles, per-lut, per-multiplier, not 'power'"),
    (["conv.npz", "--luts", "9", "--multipliers", "9", "--memories", "9"],
     "no shape fits 9 LUTs, 9 multipliers and 9 memories"),
    (["none"], "none: no such file"),
    (["conv.npz", "--images", "3"], "--images 3 is more than the 2 in conv.npz"),
    (["conv.npz", "--json", "."], "cannot write .: it is a folder"),
])
def test_bad_input_is_one_sentence_and_status_2(arguments, text, capsys):
    assert cli.main(["fit", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("zerokeep: ") and text in shown.err and shown.err.count("\n") == 1 and not shown.out
