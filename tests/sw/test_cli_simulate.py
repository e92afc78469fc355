"""``zerokeep simulate`` of layers, from a file to JSON, and what bad input gets."""

import dataclasses
import json

import numpy as np
import pytest
from tests.sim.echo import CACHE
from tests.sw.small_layers import convolution, drop_a_weight, saved, small_network

from cosim import simulate as simulation
from cosim.account import CLASSES
from zerokeep import cli, cli_simulate
from zeroskip import reference
from zeroskip.compiler.packed import PackError
from zeroskip.layer import Layer
from zeroskip.spec.config import PRESETS
from zeroskip.spec.engines import CHOICES, ENGINES

TINY = ["--preset", "tiny", "--cache", str(CACHE)]


@pytest.fixture(autouse=True)
def in_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def layer_file(tmp_path):
    convolution().save(tmp_path / "conv.npz")
    return tmp_path / "conv.npz"


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path / "model", small_network())


def test_a_layer_file(layer_file, tmp_path, capsys):
    paths = [tmp_path / "out" / "figures.json", tmp_path / "answers.npz"]
    status = cli.main(["simulate", str(layer_file), *TINY, "--json", str(paths[0]), "--outputs", str(paths[1])])
    shown = capsys.readouterr()
    assert (status, shown.err) == (0, "")
    figures, lanes = (part.splitlines() for part in shown.out.split("\n\n"))
    assert [line.split()[:3] for line in figures[1:]] == [["conv", name, "yes"] for name in ENGINES]
    assert lanes[1].split() == ["layer", "engine", *CLASSES]
    for line, name in zip(lanes[2:], ENGINES, strict=True):
        assert line.split()[:2] == ["conv", name]
        assert sum(map(float, line.split()[2:])) == pytest.approx(100, abs=0.6)
    document = json.loads(paths[0].read_text())
    assert document["name"] == "conv" and tuple(document["engines"]) == ENGINES and document["images"] == 2
    with np.load(paths[1]) as answers:
        assert tuple(answers.files) == ENGINES
        for name in ENGINES:
            np.testing.assert_array_equal(answers[name], reference.run(convolution()))


def test_a_model_folder_layer_by_layer(model, tmp_path, capsys):
    paths = [tmp_path / "figures.json", tmp_path / "answers.npz"]
    arguments = ["--layers", "--engine", "skip-both", "--images", "2", "--json", str(paths[0]), "--outputs",
                 str(paths[1])]
    assert cli.main(["simulate", str(model), *TINY, *arguments]) == 0, capsys.readouterr().err
    document = json.loads(paths[0].read_text())
    assert [entry["name"] for entry in document["layers"]] == ["conv1", "last"] and "network" not in document
    assert (document["images"], document["multipliers"], document["seed"]) == (2, 4, 0)
    assert all(entry["engines"]["skip-both"]["bit_exact"] and entry["images"] == 2 for entry in document["layers"])
    with np.load(paths[1]) as answers:
        assert answers.files == ["conv1/skip-both", "last/skip-both"]
        assert answers["conv1/skip-both"].shape == (2, 3, 14, 14) and answers["last/skip-both"].dtype == np.int32


def test_auto_shows_what_it_chose(layer_file, tmp_path, capsys):
    target = tmp_path / "x.json"
    assert cli.main(["simulate", str(layer_file), *TINY, "--engine", "auto", "--json", str(target)]) == 0
    entry = json.loads(target.read_text())["engines"]["auto"]
    assert entry["chosen"] in CHOICES["auto"] and entry["cycles"]["total"] == entry["predicted"]
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["conv", "auto:", entry["chosen"], "yes"]


def test_images_of_a_layer_file(layer_file, tmp_path):
    target = tmp_path / "x.json"
    arguments = ["--engine", "dense", "--images", "1", "--stall", "0.2", "--seed", "7", "--json", str(target)]
    assert cli.main(["simulate", str(layer_file), *TINY, *arguments]) == 0
    document = json.loads(target.read_text())
    assert (document["images"], document["seed"], document["stall"]) == (1, 7, 0.2)


def test_no_answer_has_no_shares(layer_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(simulation, "join", lambda name, outcomes, multipliers: dataclasses.replace(
        outcomes[0], error="it hangs"))
    assert cli.main(["simulate", str(layer_file), *TINY, "--engine", "gate"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].split() == ["conv", "gate", *["-"] * len(CLASSES)]


def test_a_mismatch_is_status_1_with_positions_and_files(layer_file, tmp_path, capsys, monkeypatch):
    real, target = simulation.pack, tmp_path / "x.json"
    monkeypatch.setattr(simulation, "pack", lambda given, *rest: real(drop_a_weight(given), *rest))
    assert cli.main(["simulate", str(layer_file), *TINY, "--engine", "skip-both", "--json", str(target)]) == 1
    shown = capsys.readouterr()
    assert "values differ: [" in shown.err and "Traceback" not in shown.err and " NO " in shown.out
    assert json.loads(target.read_text())["engines"]["skip-both"]["bit_exact"] is False
    kept = tmp_path / "build" / "failures" / "01-skip-both"
    monkeypatch.setattr(simulation, "pack", real)
    assert cli.main(["simulate", str(kept / "layer.npz"), *TINY, "--engine", "skip-both"]) == 0


@pytest.mark.parametrize(("arguments", "text"), [
    (["none.npz"], "none.npz: no such file"),
    (["conv.npz", "--stall", "1"], "stall must be from 0 to less than 1, not 1.0"),
    (["conv.npz", "--stall", "-0.1"], "stall must be from 0 to less than 1, not -0.1"),
    (["conv.npz", "--simulator", "vcs"], "simulator must be one of verilator, icarus, not 'vcs'"),
    (["conv.npz", "--engine", "fast"], "engine must be one of dense, gate, skip-weights, skip-both, auto, not 'fast'"),
    (["conv.npz", "--images", "3"], "--images 3 is more than the 2 in conv.npz"),
    (["conv.npz", "--images", "0"], "--images must be a whole number of at least 1, not 0"),
    (["conv.npz", "--json", "."], "cannot write .: it is a folder"),
    (["noinput.npz"], "input: found nothing, expected this key in the file"),
    (["text.npz"], "no .npz archive that can be taken"),
    (["empty"], "no model folder"),
    (["big.npz"], "does not fit the engine dense"),
])
def test_bad_input_is_one_sentence_and_status_2(arguments, text, layer_file, tmp_path, capsys):
    np.savez(tmp_path / "noinput.npz", weight=convolution().weight)
    (tmp_path / "text.npz").write_text("this is text")
    (tmp_path / "empty").mkdir()
    Layer(weight=np.ones((2, 16, 3, 3), np.int8), input=np.ones((1, 16, 60, 400), np.uint8)).save(tmp_path / "big.npz")
    extra = [] if "--preset" in arguments else TINY
    assert cli.main(["simulate", *arguments, *extra]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("zerokeep: ") and text in shown.err and shown.err.count("\n") == 1 and not shown.out


def test_a_damaged_model_folder(model, capsys):
    (model / "layers" / "01_conv.npz").write_bytes(b"")
    assert cli.main(["simulate", str(model), *TINY]) == 2
    assert "01_conv.npz is damaged" in capsys.readouterr().err


def test_a_missing_simulator_is_said(layer_file, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["simulate", str(layer_file), *TINY]) == 2
    assert "make was not found: verilator needs it to build" in capsys.readouterr().err


@pytest.mark.parametrize(("engine", "why"), [
    ("dense", "map memory (positions of 16 channels for one image): the layer needs 1050, the configuration has 1024"),
    ("skip-weights", "map 'input' needs rows of 525 positions, a row has at most 511: cut it into strips of columns"),
])
def test_a_layer_that_does_not_fit_is_left_to_the_host_and_named(engine, why):
    """The others are simulated; where none fits, or it was not to be left, it is an error."""
    wide = Layer(weight=np.ones((1, 1, 2, 1), np.int8), input=np.ones((1, 1, 2, 525), np.uint8))
    options, tiny, engines = simulation.Options(cache=CACHE), PRESETS["tiny"], [engine]
    done = simulation.simulate({"wide": wide, "conv": convolution()}, tiny, engines, leave=True, options=options)
    assert [entry["name"] for entry in done.layers] == ["conv"] and done.layers[0]["engines"][engine]["bit_exact"]
    assert done.host == {"wide": f"wide does not fit the engine {engine}: {why}"}
    assert cli_simulate.document(done, folder=True)["host"] == done.host
    with pytest.raises(PackError, match="wide does not fit"):
        simulation.simulate({"wide": wide, "conv": convolution()}, tiny, engines, options=options)
    with pytest.raises(PackError, match="wide does not fit"):
        simulation.simulate({"wide": wide}, tiny, engines, leave=True, options=options)
