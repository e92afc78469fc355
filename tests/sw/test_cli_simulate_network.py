"""``zerokeep simulate FOLDER``: a network as one program, and what is said where it is none."""

import dataclasses
import json

import numpy as np
import pytest
from tests.sim.echo import CACHE
from tests.sim.random_networks import Draw
from tests.sw.small_layers import drop_a_weight, saved, small_network

from cosim import network as simulation
from zerokeep import cli, integer
from zerokeep.network import Network, Step
from zeroskip.layer import Layer

TINY = ["--preset", "tiny", "--cache", str(CACHE), "--json", "x.json", "--outputs", "x.npz"]
BOTH = ["--engine", "skip-weights", "--engine", "skip-both"]
LOADERS = """
import numpy as np, torch
def loaders():
    images = torch.from_numpy(np.load("images.npy"))
    return [[(images, torch.arange(len(images)) % 2)]] * 2
"""


@pytest.fixture(autouse=True)
def in_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def simulate(network, tmp_path, *arguments):
    """The status, the document where there is one, and what was answered."""
    status = cli.main(["simulate", str(saved(tmp_path / "model", network)), *TINY, *arguments])
    assert status in (0, 1), "it was refused, or a fault"
    document = json.loads((tmp_path / "x.json").read_text()) if (tmp_path / "x.json").exists() else None
    with np.load(tmp_path / "x.npz") as answers:
        return status, document, {name: answers[name] for name in answers.files}


def drawn(seed, tmp_path):
    """A random network, and loaders of four images for it in the current folder."""
    network = dataclasses.replace(Draw(seed).network(), input_scale=1 / 255)
    rng = np.random.default_rng(seed)
    images = rng.random((4, *network.input_shape)) * (rng.random((4, *network.input_shape)) < 0.7)
    np.save(tmp_path / "images.npy", images.astype(np.float32))
    (tmp_path / "pictures.py").write_text(LOADERS)
    return network, images.astype(np.float32)


@pytest.mark.parametrize("seed", [1, 4, 12])
def test_a_random_network_as_one_program(seed, tmp_path, capsys):
    network, images = drawn(seed, tmp_path)
    status, document, answers = simulate(network, tmp_path, *BOTH, "--images", "3", "--data", "pictures:loaders")
    shown = capsys.readouterr()
    assert (status, shown.err) == (0, "")
    *_, (_, _, wanted) = integer.walk(network, integer.encode(network, images[:3]))
    assert set(answers) == {"network/skip-weights", "network/skip-both"}
    for found in answers.values():
        np.testing.assert_array_equal(found, wanted)
    assert (document["images"], document["preset"], document["multipliers"]) == (3, "tiny", 4)
    assert document["layers"] == [] and document["network"]["host"] == []
    lines = shown.out.splitlines()
    assert lines[0] == "The whole network as one program, 3 images back to back:"
    for (name, own), line in zip(document["network"]["engines"].items(), lines[2:], strict=True):
        assert own["bit_exact"] and own["images"] == 3 and own["errors"] == []
        assert own["latency"] == own["predicted"]["latency"] and own["interval"] == own["predicted"]["interval"]
        assert line.split()[:4] == [name, "yes", f"{own['load']:,}", f"{own['latency']:,}"]


def test_the_other_engines_run_layer_by_layer(tmp_path, capsys):
    network = small_network(host=("softmax",))
    status, document, answers = simulate(network, tmp_path, "--engine", "dense", "--engine", "skip-both", "--images",
                                         "1")
    assert status == 0
    assert list(document["network"]["engines"]) == ["skip-both"] and document["network"]["host"] == ["softmax"]
    assert document["network"]["engines"]["skip-both"]["interval"] is None
    assert [(entry["name"], *entry["engines"]) for entry in document["layers"]] == [("conv1", "dense"),
                                                                                  ("last", "dense")]
    assert set(answers) == {"conv1/dense", "last/dense", "network/skip-both"}
    np.testing.assert_array_equal(answers["network/skip-both"], answers["last/dense"])
    shown = capsys.readouterr().out
    assert "left to the host: softmax" in shown and "\nLayer by layer, with the host between: dense\n" in shown
    assert shown.index("skip-both") < shown.index("conv1")


def test_pauses_change_no_answer(tmp_path):
    network = small_network()
    status, document, answers = simulate(network, tmp_path, "--engine", "skip-both", "--images", "2", "--stall",
                                         "0.3", "--seed", "5")
    assert status == 0 and (document["stall"], document["seed"]) == (0.3, 5)
    own = document["network"]["engines"]["skip-both"]
    assert own["bit_exact"] and own["cycles"]["stalled"] > 0 and own["latency"] > own["predicted"]["latency"]
    assert answers["network/skip-both"].shape == (2, 10)


def test_a_wrong_answer_is_status_1_and_says_where_it_began(tmp_path, capsys, monkeypatch):
    real = simulation.pack_network

    def fault(network, *rest, **options):
        first, *others = network.steps
        broken = dataclasses.replace(first, layer=drop_a_weight(first.layer))
        return real(dataclasses.replace(network, steps=(broken, *others)), *rest, **options)

    monkeypatch.setattr(simulation, "pack_network", fault)
    status, document, _ = simulate(small_network(), tmp_path, "--engine", "skip-weights", "--images", "1")
    shown = capsys.readouterr()
    assert status == 1 and document["network"]["engines"]["skip-weights"]["bit_exact"] is False
    assert shown.err.startswith("zerokeep: network on skip-weights: ") and "values differ" in shown.err
    assert shown.err.count("\n") == 1 and "conv1" in shown.err and " NO " in shown.out


def a_map_that_is_too_large():
    """47,040 codes between two layers, and the map memory has 32,768; the second layer alone runs in bands of rows."""
    rng = np.random.default_rng(3)
    first = Layer(weight=rng.integers(-9, 10, (60, 1, 1, 1)).astype(np.int8), multiplier=np.full(60, 30000),
                  shift=np.full(60, 18))
    last = Layer(weight=rng.integers(-9, 10, (1, 60, 1, 1)).astype(np.int8))
    return (Step(name="first", op="conv", inputs=("input",), scale=1.0, layer=first),
            Step(name="last", op="conv", inputs=("first",), scale=1.0, layer=last))


def sums_that_are_read():
    """What has no codes cannot go on to the array."""
    weight = np.arange(-4, 5, dtype=np.int8).reshape(1, 1, 3, 3)
    return (Step(name="conv", op="conv", inputs=("input",), scale=1.0, layer=Layer(weight=weight, stride=(3, 3))),
            Step(name="flat", op="flatten", inputs=("conv",), scale=1.0))


@pytest.mark.parametrize(("steps", "why"), [
    (a_map_that_is_too_large, "map 'first' takes"),
    (sums_that_are_read, "step 'flat' reads the sums of 'conv', which have no codes"),
])
def test_what_is_no_one_program_runs_layer_by_layer_and_is_said(steps, why, tmp_path, capsys):
    network = Network(name="test", input_shape=(1, 28, 28), input_scale=1.0, steps=steps())
    status, document, answers = simulate(network, tmp_path, "--engine", "skip-weights", "--images", "1")
    shown = capsys.readouterr()
    assert (status, shown.err) == (0, "")
    first = shown.out.splitlines()[0]
    assert first.startswith("layer by layer, for the network is no one program: ") and why in first
    assert "network" not in document
    layers = [step.name for step in network.layers()]
    assert [entry["name"] for entry in document["layers"]] == layers and len(layers) == sum(
        step.op == "conv" for step in network.steps)
    assert all(entry["engines"]["skip-weights"]["bit_exact"] for entry in document["layers"])
    assert list(answers) == [f"{name}/skip-weights" for name in layers]


def test_waves_of_a_network(tmp_path):
    status, *_ = simulate(small_network(), tmp_path, "--engine", "skip-both", "--images", "1", "--waves", "w.fst")
    assert status == 0 and (tmp_path / "w.fst").stat().st_size > 10_000
