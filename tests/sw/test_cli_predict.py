"""``zerokeep predict`` from a file, a folder or free parameters to a table and JSON, and what bad input gets."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from tests.sim.test_simulate import convolution, linear
from tests.sw.test_cli_simulate import model  # noqa: F401  (a fixture)

from zerokeep import cli, prediction
from zeroskip.config import PRESETS
from zeroskip.layer import Layer
from zeroskip.packing import ENGINES, pack

TINY = ["--preset", "tiny"]
BOUNDS = {"multipliers", "busiest_lane", "weights", "map", "results"}


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
        assert bounds.keys() == BOUNDS and bounds["weights"] == len(program.weights)
        assert (bounds["map"], bounds["results"]) == (len(program.map), program.result_beats)
        assert bounds[entry["bound_by"]] == max(bound or 0 for bound in bounds.values())
        assert (bounds["busiest_lane"] is None) == (name in ("dense", "gate"))
        assert 0 < entry["utilisation"] <= 1 and entry["speedup"] > 0 and entry["plan"]


def test_a_model_folder(model, tmp_path, capsys):  # noqa: F811
    target = tmp_path / "figures.json"
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


def test_a_linear_layer_is_bound_by_its_weights(tmp_path, capsys):
    linear().save(tmp_path / "fc.npz")
    assert cli.main(["predict", "fc.npz", "--engine", "skip-both", "--images", "1", "--json", "x.json"]) == 0
    entry = json.loads((tmp_path / "x.json").read_text())["engines"]["skip-both"]
    assert entry["bound_by"] == "weights" and entry["bounds"]["weights"] > entry["bounds"]["multipliers"]
    assert "weights" in capsys.readouterr().out.splitlines()[1].split()


def test_free_parameters(layer_file, tmp_path):
    arguments = ["--engine", "skip-both", "--json", "x.json", "--groups", "2", "--lanes", "8", "--pixels", "1",
                 "--set", "queue_words=4", "--set", "list_entries=512"]
    assert cli.main(["predict", str(layer_file), *arguments]) == 0
    document = json.loads((tmp_path / "x.json").read_text())
    parameters = document["parameters"]
    assert document["preset"] is None and document["multipliers"] == 16
    assert {name: parameters[name] for name in ("groups", "lanes", "pixels", "queue_words", "list_entries")} == {
        "groups": 2, "lanes": 8, "pixels": 1, "queue_words": 4, "list_entries": 512}
    assert parameters["dense_filters"] * parameters["dense_pixels"] == 16 and parameters["output_units"] == 2


def test_a_plan_in_words():
    """Exchanged, shared and cut."""
    rng = np.random.default_rng(3)
    weight = (rng.integers(-9, 10, (40, 300, 3, 3)) * (rng.random((40, 300, 3, 3)) < 0.2)).astype(np.int8)
    layer = Layer(weight=weight, input=rng.integers(0, 9, (1, 300, 9, 9)).astype(np.uint8))
    entry = prediction.predict_layer(layer, PRESETS["base"], "skip-both")
    assert "tiles: " in entry["plan"] and "of channels" in entry["plan"]
    whole = prediction.predict_layer(convolution(), PRESETS["fine"], "skip-both")["plan"]
    assert "tiles" not in whole and " by " in whole
    assert "programs" in prediction.predict_layer(
        Layer(weight=np.ones((40, 300, 3, 3), np.int8), input=layer.input), PRESETS["base"], "dense")["plan"]


SHAPE = ["--groups", "4", "--lanes", "4", "--pixels", "4"]


@pytest.mark.parametrize(("arguments", "text"), [
    (["none.npz"], "none.npz: no such file"),
    (["conv.npz", "--engine", "sparse"], "engine must be one of"),
    (["conv.npz", "--preset", "huge"], "preset must be one of tiny, small, base, large, fine, not 'huge'"),
    (["conv.npz", "--multipliers", "65"], "multipliers must be one of 4, 16, 64, 128, not 65"),
    (["conv.npz", "--multipliers", "64", "--preset", "tiny"], "give a preset or a number of multipliers, not both"),
    (["conv.npz", "--groups", "4"], "--groups, --lanes and --pixels go together"),
    (["conv.npz", *SHAPE, "--preset", "tiny"], "give a preset or a shape, not both"),
    (["conv.npz", *SHAPE, "--set", "queue_words=3"], "queue_words must be a power of two, not 3"),
    (["conv.npz", "--lanes", "many"], "valid integer"),
    (["conv.npz", "--images", "3"], "--images 3 is more than the 2 in conv.npz"),
    (["conv.npz", "--json", "."], "cannot write .: it is a folder"),
    (["noinput.npz"], "input: found nothing, expected this key in the file"),
    (["empty"], "no model folder"),
    (["conv.npz", *SHAPE, "--set", "words=1", "--engine", "skip-both"], "conv does not fit the engine skip-both"),
    (["dilated.npz", "--engine", "skip-both"],
     "dilated does not fit the engine skip-both: dilation: the layer needs (2, 1), the array has (1, 1)"),
])
def test_bad_input_is_one_sentence_and_status_2(arguments, text, layer_file, tmp_path, capsys):
    np.savez(tmp_path / "noinput.npz", weight=convolution().weight)
    (tmp_path / "empty").mkdir()
    replace(convolution(), dilation=(2, 1)).save(tmp_path / "dilated.npz")
    assert cli.main(["predict", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("zerokeep: ") and text in shown.err and shown.err.count("\n") == 1 and not shown.out


def test_help_does_not_wait_for_the_compiler():
    """Nothing of the command line's start imports numba."""
    code = "import sys; from zerokeep import cli; cli.main(['--help']); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
