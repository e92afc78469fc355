"""``zerokeep predict`` from a file or a folder, on every engine, to a table and JSON; and what bad input gets."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from tests.sw.small_layers import convolution, linear, saved, small_network

from zerokeep import cli, prediction
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec import config_file
from zeroskip.spec.config import PRESETS, EngineConfig
from zeroskip.spec.config_file import ConfigFile
from zeroskip.spec.engines import CHOICES, ENGINES

TINY = ["--preset", "tiny"]
BOUNDS = {"multipliers", "program", "map", "results"}
ODD = EngineConfig(lanes=3, vector=8, look=4, ways=2, banks=8, map_words=1024, list_words=512)


@pytest.fixture(autouse=True)
def in_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def layer_file(tmp_path):
    convolution().save(tmp_path / "conv.npz")
    return tmp_path / "conv.npz"


def test_a_layer_file(layer_file, tmp_path, capsys):
    target = tmp_path / "out" / "figures.json"
    assert cli.main(["predict", str(layer_file), *TINY, "--json", str(target)]) == 0
    shown = capsys.readouterr()
    assert shown.err == "" and [line.split()[:2] for line in shown.out.splitlines()[1:]] == [
        ["conv", name] for name in ENGINES]
    document = json.loads(target.read_text())
    assert document["name"] == "conv" and tuple(document["engines"]) == ENGINES
    assert (document["images"], document["preset"], document["multipliers"]) == (2, "tiny", 4)
    for name, entry in document["engines"].items():
        packed = pack(convolution(), PRESETS["tiny"], name)
        (program,) = packed.programs
        assert entry["total"] == packed.predicted["total"] and entry["end_to_end"] == entry["load"] + entry["total"]
        bounds = entry["bounds"]
        assert bounds.keys() == BOUNDS and bounds["program"] == len(program.program)
        assert (bounds["map"], bounds["results"]) == (len(program.map), program.result_beats)
        assert bounds[entry["bound_by"]] == max(bounds.values()) and entry["plan"] == "whole"
        assert bounds["multipliers"] <= entry["total"]
        assert 0 < entry["utilisation"] <= 1 and entry["speedup"] > 0
    dense = document["engines"]["dense"]
    assert dense["total"] > max(document["engines"][name]["total"] for name in ("skip-weights", "skip-both"))


def test_a_model_folder(tmp_path, capsys):
    model, target = saved(tmp_path / "model", small_network()), tmp_path / "figures.json"
    arguments = ["--engine", "skip-both", "--engine", "dense", "--images", "2", "--json", str(target)]
    assert cli.main(["predict", str(model), *TINY, *arguments]) == 0, capsys.readouterr().err
    document = json.loads(target.read_text())
    assert [entry["name"] for entry in document["layers"]] == ["conv1", "last"] and document["images"] == 2
    assert list(document["sums"]) == ["skip-both", "dense"]
    for name, sums in document["sums"].items():
        own = [entry["engines"][name] for entry in document["layers"]]
        for key in ("total", "load", "end_to_end"):
            assert sums[key] == sum(entry[key] for entry in own)
        assert sums["speedup"] == pytest.approx(
            sum(entry["macs_inside"] for entry in document["layers"]) / (4 * sums["total"]))
    assert capsys.readouterr().out.count("\nall ") == 2


def test_a_linear_layer_is_bound_by_its_program(tmp_path, capsys):
    linear().save(tmp_path / "fc.npz")
    assert cli.main(["predict", "fc.npz", "--engine", "skip-both", "--images", "1", "--json", "x.json"]) == 0
    entry = json.loads((tmp_path / "x.json").read_text())["engines"]["skip-both"]
    assert entry["bound_by"] == "program" and entry["bounds"]["program"] > entry["bounds"]["multipliers"]
    assert "program" in capsys.readouterr().out.splitlines()[1].split()


def test_auto_takes_the_faster_one(layer_file, tmp_path, capsys):
    arguments = ["--engine", "auto", "--engine", "dense", "--engine", "skip-both", "--json", "x.json"]
    assert cli.main(["predict", str(layer_file), *TINY, *arguments]) == 0
    engines = json.loads((tmp_path / "x.json").read_text())["engines"]
    auto = engines["auto"]
    assert auto["total"] == min(engines[name]["total"] for name in CHOICES["auto"])
    assert auto == engines[auto["chosen"]] | {"chosen": auto["chosen"]}
    assert f"auto: {auto['chosen']}" in capsys.readouterr().out


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_configuration_from_a_file(name, layer_file, tmp_path):
    config_file.write(tmp_path / "shape.json", ConfigFile(engine=ODD, name=name))
    arguments = ["--engine", "skip-weights", "--engine", "skip-both", "--json", "x.json", "--config", "shape.json"]
    assert cli.main(["predict", str(layer_file), *arguments]) == 0
    document = json.loads((tmp_path / "x.json").read_text())
    assert document["preset"] is None and document["multipliers"] == 24
    assert document["parameters"] == dataclasses.asdict(ODD)
    for engine, entry in document["engines"].items():
        assert entry["total"] == pack(convolution(), ODD, engine).predicted["total"]


def test_an_odd_configuration_has_no_dense_array_and_says_so(layer_file, tmp_path, capsys):
    config_file.write(tmp_path / "shape.json", ConfigFile(engine=ODD))
    assert cli.main(["predict", str(layer_file), "--config", "shape.json"]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and "24" in shown.err and "skip-weights" in shown.err


def test_a_plan_in_words():
    """A map that is larger than the memory comes in bands of rows, each by a program."""
    config = dataclasses.replace(PRESETS["tiny"], map_words=128)
    layer = Layer(weight=np.ones((4, 2, 3, 3), np.int8), input=np.ones((1, 2, 20, 16), np.uint8), padding=(1, 1))
    packed = pack(layer, config, "skip-weights")
    found = prediction.predict_layer(layer, config, "skip-weights")
    programs = len(packed.programs)
    assert found["plan"] == ("whole" if programs == 1 else f"{programs} programs, one after the other")
    assert found["load"] == len(packed.programs[0].program) and found["total"] == packed.predicted["total"]
    assert prediction.predict_layer(convolution(), PRESETS["fine"], "skip-both")["plan"] == "whole"


CONFIGURATIONS = ["conv.npz", "--config", "shape.json"]


@pytest.mark.parametrize(("arguments", "text"), [
    (["none.npz"], "none.npz: no such file"),
    (["conv.npz", "--engine", "sparse"], "engine must be one of"),
    (["conv.npz", "--preset", "huge"], "preset must be one of tiny, small, base, large, fine, not 'huge'"),
    (["conv.npz", "--multipliers", "65"], "multipliers must be one of 4, 16, 64, 128, not 65"),
    (["conv.npz", "--multipliers", "many"], "valid integer"),
    (["conv.npz", "--multipliers", "64", "--preset", "tiny"], "give --preset or --multipliers, not both"),
    ([*CONFIGURATIONS, "--preset", "tiny"], "give --preset or --config, not both"),
    ([*CONFIGURATIONS, "--preset", "tiny", "--multipliers", "4"],
     "give --preset or --multipliers or --config, not all"),
    ([*CONFIGURATIONS, "--json", "shape.json"], "--json shape.json is what is read (shape.json)"),
    (["conv.npz", "--config", "none.json"], "none.json: no such file"),
    (["conv.npz", "--config", "conv.npz"], "conv.npz: no JSON"),
    (["conv.npz", "--images", "3"], "--images 3 is more than the 2 in conv.npz"),
    (["conv.npz", "--json", "."], "cannot write .: it is a folder"),
    (["noinput.npz"], "input: found nothing, expected this key in the file"),
    (["empty"], "no model folder"),
    (["wide.npz", *TINY, "--engine", "skip-both"], "wide does not fit the engine skip-both: map 'input' needs rows"),
    (["wide.npz", *TINY, "--engine", "dense"], "wide does not fit the engine dense: map memory"),
])
def test_bad_input_is_one_sentence_and_status_2(arguments, text, layer_file, tmp_path, capsys):
    np.savez(tmp_path / "noinput.npz", weight=convolution().weight)
    (tmp_path / "empty").mkdir()
    config_file.write(tmp_path / "shape.json", ConfigFile(engine=ODD))
    Layer(weight=np.ones((1, 1, 2, 1), np.int8), input=np.ones((1, 1, 2, 525), np.uint8)).save(tmp_path / "wide.npz")
    assert cli.main(["predict", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("zerokeep: ") and text in shown.err and shown.err.count("\n") == 1 and not shown.out


def test_help_does_not_wait_for_the_compiler():
    """Nothing of the command line's start imports numba."""
    code = "import sys; from zerokeep import cli; cli.main(['--help']); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
