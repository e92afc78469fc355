"""``zerokeep compile``."""

import json
from pathlib import Path

import numpy as np
import pytest

from zerokeep import cli, model_folder
from zerokeep.cli_compile import file_name
from zerokeep.network import Network
from zerokeep.shipped import FOLDERS
from zerokeep.step import Step
from zeroskip.compiler.whole import whole
from zeroskip.export import program_file
from zeroskip.layer import Layer
from zeroskip.spec import config_file
from zeroskip.spec.config import PRESETS, EngineConfig

VGG = FOLDERS / "vgg-small"
NAMES = [".zerokeep.json", "vgg-small.bin", "vgg-small.h", "vgg-small.json", "vgg-small.txt"]
INFO = {"data": "none", "base": {"source": "none"}}


def compile_(*arguments):
    return cli.main(["compile", *map(str, arguments)])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def layer_file(path, **changes):
    """A layer file of a 3 x 3 convolution."""
    rng = np.random.default_rng(3)
    fields = {"weight": rng.integers(-20, 20, (4, 2, 3, 3)).astype(np.int8), "padding": (1, 1),
              "input": rng.integers(0, 3, (2, 2, 6, 6)).astype(np.uint8), "multiplier": np.full(4, 300),
              "shift": np.full(4, 14)}
    Layer(**(fields | changes)).save(path)
    return path


def folder_of(path, *steps, shape=(2, 6, 6), host=()):
    network = Network(name="net", input_shape=shape, input_scale=1.0, steps=steps, host=host)
    model_folder.write(path, network, b"", INFO)
    return path


def test_the_shipped_network_becomes_four_files(tmp_path, capsys):
    assert compile_(VGG, "--out", tmp_path / "a", "--preset", "large", "--json", tmp_path / "figures.json") == 0
    shown = capsys.readouterr().out
    assert sorted(contents(tmp_path / "a")) == NAMES
    config, network = PRESETS["large"], model_folder.read(VGG).network
    program, _ = whole(config, network, look=False)
    found = program_file.read(tmp_path / "a" / "vgg-small.bin", config)
    assert found.lists == [list(words) for words in program.lists]
    assert found.instructions == [list(words) for words in program.instructions]
    document = json.loads((tmp_path / "a" / "vgg-small.json").read_text())
    assert json.loads((tmp_path / "figures.json").read_text()) == document
    assert document["configuration"]["name"] == "large" and document["engine"] == "skip-weights"
    cycles = document["cycles"]
    assert f"load {cycles['load']:,} cycles, latency {cycles['latency']:,} cycles" in shown
    assert all(step["name"] in shown and f"{step['cycles']:,}" in shown for step in document["steps"])
    assert [step["taps"] for step in document["steps"]] == [
        np.count_nonzero(step.weights.weight) for step in network.layers()]


def test_two_runs_give_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        assert compile_(VGG, "--out", tmp_path / folder, "--multipliers", 64) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    before = contents(tmp_path / "a")
    assert compile_(VGG, "--out", tmp_path / "a", "--multipliers", 64) == 0
    assert contents(tmp_path / "a") == before


def test_a_configuration_from_a_file(tmp_path):
    config = EngineConfig(lanes=3, vector=8, look=4, ways=2, banks=8, map_words=8192, list_words=4096)
    config_file.write(tmp_path / "mine.json", config_file.ConfigFile(engine=config, name="mine"))
    assert compile_(VGG, "--out", tmp_path / "out", "--config", tmp_path / "mine.json") == 0
    assert program_file.read(tmp_path / "out" / "vgg-small.bin", config).beats > 1000
    document = json.loads((tmp_path / "out" / "vgg-small.json").read_text())
    assert config_file.parse(document["configuration"], "x").engine == config
    assert "mine: 3 lanes of 8 multipliers, 24 in all" in (tmp_path / "out" / "vgg-small.txt").read_text()


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("engine", ["skip-weights", "skip-both"])
def test_a_layer_file_is_a_network_and_is_timed_for_its_first_image(tmp_path, engine, linear):
    changes = {"weight": np.ones((4, 30), np.int8), "padding": (0, 0), "input": np.ones((2, 30), np.int8)}
    path = layer_file(tmp_path / "conv 1.npz", **(changes if linear else {}))
    assert compile_(path, "--out", tmp_path / "out", "--preset", "tiny", "--engine", engine) == 0
    document = json.loads((tmp_path / "out" / "conv_1.json").read_text())
    assert document["cycles"]["latency"] > 0 and document["engine"] == engine
    assert document["input"]["shape"] == ([30, 1, 1] if linear else [2, 6, 6])
    assert document["input"]["dtype"] == ("int8" if linear else "uint8")


def test_what_looks_ahead_has_no_cycles_without_an_image(tmp_path, capsys):
    assert compile_(VGG, "--out", tmp_path / "out", "--engine", "skip-both") == 0
    assert "latency not known: looking ahead takes as long" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "vgg-small.json").read_text())["cycles"]["latency"] is None


def test_what_is_left_to_the_host_is_named(tmp_path, capsys):
    table = Step(name="t", op="table", inputs=("input",), scale=1.0,
                 parameters={"values": list(range(256)), "output_dtype": "uint8"})
    folder = folder_of(tmp_path / "net", table, host=("softmax",))
    assert compile_(folder, "--out", tmp_path / "out", "--preset", "small") == 0
    assert "left to the host: softmax" in capsys.readouterr().out
    assert "left to the host after the answer: softmax" in (tmp_path / "out" / "net.txt").read_text()


def refused(arguments, capsys, tmp_path, text):
    """Status 2, one sentence, and nothing written."""
    before = sorted(tmp_path.rglob("*"))
    assert compile_(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("zerokeep: ") and shown.err.count("\n") == 1 and not shown.out
    assert text in shown.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("options", "text"), [
    (["--preset", "huge"], "preset must be one of tiny, small, base, large, fine, not 'huge'"),
    (["--multipliers", "5"], "multipliers must be one of 4, 16, 64, 128, not 5"),
    (["--preset", "tiny", "--multipliers", "4"], "give --preset or --multipliers, not both"),
    (["--engine", "dense"], "engine must be one of skip-weights, skip-both, not 'dense'"),
    (["--config", "none.json"], "none.json: no such file"),
])
def test_wrong_options(tmp_path, capsys, options, text):
    refused([VGG, "--out", tmp_path / "out", *options], capsys, tmp_path, text)


def test_a_file_that_is_no_configuration(tmp_path, capsys):
    path = tmp_path / "mine.json"
    path.write_text('{"format": "zerokeep-config", "schema": 1, "engine": {"lanes": 4, "vector": 5}}')
    refused([VGG, "--out", tmp_path / "out", "--config", path], capsys, tmp_path,
            "mine.json: engine.vector must be one of 1, 2, 4, 8, 16, 32, not 5")


def test_a_step_that_the_array_does_not_run(tmp_path, capsys):
    weight = np.ones((4, 2, 1, 1), np.int8)
    layers = [Step(name="c", op="conv", inputs=("input",), scale=1.0, layer=Layer(weight=weight)),
              Step(name="pool", op="maxpool", inputs=("c",), scale=1.0,
                   parameters={"kernel": (2, 2), "stride": (2, 2)})]
    folder = folder_of(tmp_path / "net", *layers)
    refused([folder, "--out", tmp_path / "out"], capsys, tmp_path, "step 'pool' reads the sums of 'c', which have no")


def test_a_map_that_is_too_large(tmp_path, capsys):
    path = layer_file(tmp_path / "wide.npz", input=np.ones((1, 2, 200, 200), np.uint8))
    refused([path, "--out", tmp_path / "out", "--preset", "small"], capsys, tmp_path, "words")


def test_an_engine_that_the_configuration_does_not_have(tmp_path, capsys):
    config_file.write(tmp_path / "one.json", config_file.ConfigFile(engine=EngineConfig(lanes=4, vector=16, look=1)))
    refused([VGG, "--out", tmp_path / "out", "--config", tmp_path / "one.json", "--engine", "skip-both"], capsys,
            tmp_path, "engine skip-both needs a configuration that looks at 2 or more entries")


@pytest.mark.parametrize(("source", "text"), [
    ("none.npz", "none.npz"), ("empty", "empty is no model folder: it has no model.json"), ("text.npz", "text.npz"),
])
def test_sources_that_are_none(tmp_path, capsys, source, text):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npz").write_text("no archive")
    refused([tmp_path / source, "--out", tmp_path / "out"], capsys, tmp_path, text)


def test_a_layer_without_an_input_has_no_size(tmp_path, capsys):
    refused([VGG / "layers" / "01_conv.npz", "--out", tmp_path / "out"], capsys, tmp_path, "input: found nothing")


@pytest.mark.parametrize("name", NAMES[1:])
def test_what_is_not_ours_is_not_overwritten(tmp_path, capsys, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    refused([VGG, "--out", tmp_path / "out"], capsys, tmp_path,
            f"holds '{name}', which zerokeep did not write there")
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_outputs_lie_apart_from_inputs_and_from_each_other(tmp_path, capsys):
    path = layer_file(tmp_path / "a.npz")
    refused([path, "--out", tmp_path / "out", "--json", tmp_path / "out" / "a.json"], capsys, tmp_path,
            "is written by --json, too")
    refused([path, "--out", tmp_path / "out", "--json", path], capsys, tmp_path, "is what is read")
    folder = folder_of(tmp_path / "net", Step(name="f", op="flatten", inputs=("input",), scale=1.0))
    refused([folder, "--out", folder], capsys, tmp_path, "which is read; give another place")
    refused([path, "--out", path], capsys, tmp_path, "a.npz")


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path, capsys, monkeypatch):
    path = layer_file(tmp_path / "a.npz")
    assert compile_(path, "--out", tmp_path / "out", "--preset", "small") == 0
    before, written = contents(tmp_path / "out"), []
    from zeroskip.files import writing

    true_write = writing.write_bytes

    def full(target, content):
        written.append(target)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        true_write(target, content)

    monkeypatch.setattr(writing, "write_bytes", full)
    assert compile_(path, "--out", tmp_path / "out", "--preset", "tiny") == 2
    assert "No space left on device" in capsys.readouterr().err
    assert contents(tmp_path / "out") == before and len(written) == 3


@pytest.mark.parametrize(("source", "name"), [
    ("a/vgg-small", "vgg-small"), ("a/conv.1.npz", "conv.1"), ("x y/\x1b[2J.npz", "__2J"), ("..npz", "network"),
    ("-x", "x"), ("é.npz", "_"), ("a" * 100, "a" * 60),
])
def test_names_of_files(source, name):
    assert file_name(Path(source)) == name


def test_the_current_folder_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert file_name(Path(".")) == tmp_path.name
