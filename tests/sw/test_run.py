import dataclasses
import json
import shlex
import struct

import numpy as np
import pytest
from tests.sim.echo import CACHE
from tests.sw.conftest import make_images
from tests.sw.report_records import cells, layer, no_program, whole
from tests.sw.small_layers import saved, small_network
from tests.sw.test_report_hardware import energy

from zerokeep import run as run_module
from zerokeep.cli import main
from zerokeep.criteria import CRITERIA
from zerokeep.models import MODELS
from zerokeep.run import KINDS, Run, RunOptions, resources
from zeroskip.spec import config_file
from zeroskip.spec.config import PRESETS, EngineConfig
from zeroskip.spec.config_file import ConfigFile


def write_idx(path, array):
    path.write_bytes(bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
                     + array.astype(np.uint8).tobytes())


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for stem, count, seed in (("train", 64, 1), ("t10k", 20, 2)):
        images, labels = make_images(count, seed)
        write_idx(folder / f"{stem}-images-idx3-ubyte", images[:, 0])
        write_idx(folder / f"{stem}-labels-idx1-ubyte", labels)
    return folder


@pytest.fixture
def hardware(monkeypatch):
    """Hardware steps that answer at once; the value counts them by name, and its `wrong` names a kind that is wrong."""
    done = {"verilog": [], "synth": [], "simulate": [], "whole": 0, "wrong": None}

    def generate(self, kind, say, results):
        done["verilog"].append(kind)
        (self.options.out / "verilog").mkdir(parents=True, exist_ok=True)
        for name in (f"{kind}.v", f"{kind}.json"):
            (self.options.out / "verilog" / name).write_text("")
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        return {"kind": kind, "top": kind, "sha256": empty, "verilog": f"{kind}.v", "sidecar": f"{kind}.json",
                "lines": 1, "failed": []}

    def synthesise(self, kind, say, results):
        done["synth"].append(kind)
        return {"resources": cells(1000), "parts": {}, "tool_versions": {}}

    def simulate(self, model, kind, say, results):
        done["simulate"].append((model, kind))
        layers = [layer(f"conv{n}", KINDS[kind], n) for n in range(1, 6)]
        failed = ["conv1: 1 of 2 values differ"] if done["wrong"] == kind else []
        layers[0]["engines"][KINDS[kind][0]]["bit_exact"] = not failed
        return {"layers": layers, "failed": failed}

    def network(self, say, results):
        done["whole"] += 1
        return whole()

    monkeypatch.setattr(Run, "_whole", network)
    monkeypatch.setattr(Run, "_generate", generate)
    monkeypatch.setattr(Run, "_synthesise", synthesise)
    monkeypatch.setattr(Run, "_simulate", simulate)
    return done


def arguments(tmp_path, data_folder, *more):
    return ["run", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--data", str(data_folder),
            "--epochs", "0", "--images", "2", *more]


def test_main_job_once_and_again(tmp_path, data_folder, hardware, capsys, monkeypatch):
    pruned = []
    prune = Run._prune
    monkeypatch.setattr(Run, "_prune", lambda self, name, *more: pruned.append(name) or prune(self, name, *more))
    command = arguments(tmp_path, data_folder)
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "accuracy: base" in shown.out and "report.html" in shown.out
    assert "[15/15]" in shown.err and "done before" not in shown.err
    assert pruned == ["model", "unpruned"]
    assert sorted(hardware["simulate"]) == [("model", "dense"), ("model", "dense-gate"), ("model", "zero-skip"),
                                            ("unpruned", "dense")]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["accuracy"]["test_images"] == 20 and report["totals"]["filters"] == 154
    assert report["unpruned"]["layers"][0]["name"] == "conv1"
    assert (tmp_path / "out" / "unpruned" / "model.onnx").is_file()

    assert main(command) == 0
    assert capsys.readouterr().err.count("done before") == 15
    assert len(hardware["simulate"]) == 4 and len(pruned) == 2 and hardware["whole"] == 1

    assert main([*command, "--zero-ratio", "0.5"]) == 0
    assert pruned == ["model", "unpruned", "model"]
    assert sorted(hardware["simulate"][4:]) == [("model", kind) for kind in KINDS]
    assert sorted(hardware["synth"]) == sorted(KINDS) and hardware["whole"] == 2

    (tmp_path / "out" / "model" / "model.onnx").write_bytes(b"damaged")
    assert main([*command, "--zero-ratio", "0.5"]) == 0
    assert pruned[3:] == ["model"]
    again = "the same network came out, so nothing is simulated again"
    assert len(hardware["simulate"]) == 7 and hardware["whole"] == 2, again


def test_wrong_hardware_is_status_1_with_a_report(tmp_path, data_folder, hardware, capsys):
    hardware["wrong"] = "zero-skip"
    assert main(arguments(tmp_path, data_folder)) == 1
    assert "zerokeep: conv1: 1 of 2 values differ" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "report.json").read_text())["bit_exact"] is False
    hardware["wrong"] = None
    assert main(arguments(tmp_path, data_folder)) == 0, "what was wrong is done again"


def test_energy_of_another_network_does_not_cost_the_report(tmp_path, data_folder, hardware, capsys):
    file, report = tmp_path / "energy.json", tmp_path / "out" / "report.json"
    command = arguments(tmp_path, data_folder, "--energy", str(file))
    assert main(command) == 2 and "cannot read" in capsys.readouterr().err
    assert not hardware["synth"], "seen before any work"
    file.write_text(json.dumps(energy()))
    assert main(command) == 2 and "was measured on another network" in capsys.readouterr().err
    assert json.loads(report.read_text())["energy"] is None


def test_command_makes_the_same_options(tmp_path, data_folder):
    from zerokeep.recipe import Recipe

    options = RunOptions(out=tmp_path / "out", cache=tmp_path / "c", config=PRESETS["small"], data=str(data_folder),
                         images=3,
                         recipe=Recipe(criterion="l1", filter_ratio=0.5, seed=9, epochs=2, distil=False))
    words = Run(options).command()
    for text in ("zerokeep run --out", "--preset small", "--criterion l1", "--filter-ratio 0.5", "--seed 9",
                 "--epochs 2", "--no-distil", "--images 3", f"--data {data_folder}"):
        assert text in words


def test_a_configuration_that_is_no_preset_is_kept_and_can_be_run_again(tmp_path, data_folder, hardware):
    shape = EngineConfig(lanes=8, vector=1, banks=4)
    config_file.write(tmp_path / "mine.json", ConfigFile(engine=shape, name="mine"))
    assert main(arguments(tmp_path, data_folder, "--config", str(tmp_path / "mine.json"))) == 0
    kept = tmp_path / "out" / "config.json"
    assert config_file.read(kept).engine == shape
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert document["preset"] is None and document["multipliers"] == 8
    words = shlex.split(document["command"])
    assert words[words.index("--config") + 1] == str(kept)
    assert main([*words[1:], "--cache", str(tmp_path / "cache")]) == 0
    assert len(hardware["simulate"]) == 4, "nothing is done again"


def test_a_configuration_without_a_dense_array_is_refused_before_any_work(tmp_path, data_folder, capsys):
    config_file.write(tmp_path / "mine.json", ConfigFile(engine=EngineConfig(lanes=3, vector=1)))
    assert main(arguments(tmp_path, data_folder, "--config", str(tmp_path / "mine.json"))) == 2
    assert "no dense array has 3 multipliers" in capsys.readouterr().err
    assert not (tmp_path / "out" / "steps").exists()


def test_a_network_that_is_no_one_program_says_why(tmp_path, data_folder, hardware, monkeypatch):
    monkeypatch.setattr(Run, "_whole", lambda self, say, results: no_program("map 'a' takes too much"))
    assert main(arguments(tmp_path, data_folder)) == 0
    assert "map &#39;a&#39; takes too much" in (tmp_path / "out" / "report.html").read_text()


@pytest.fixture
def job(tmp_path, data_folder):
    """A run whose network is there, and whose hardware is really simulated."""
    made = Run(RunOptions(out=tmp_path / "out", cache=CACHE, config=PRESETS["tiny"], data=str(data_folder), images=2))
    saved(tmp_path / "out" / "model", small_network(host=("softmax",)))
    return made


def test_the_network_as_one_program(job):
    found = job._whole(lambda text, share: None, {})
    assert (found["why"], found["failed"], found["host"]) == (None, [], ["softmax"])
    assert set(found["engines"]) == {"skip-weights", "skip-both"}
    for own in found["engines"].values():
        assert own["bit_exact"] and own["images"] == 2 and own["interval"] == own["predicted"]["interval"]
    program = found["program"]
    assert program["engine"] == "skip-both" and program["host"] == ["softmax"]
    assert program["cycles"]["latency"] == found["engines"]["skip-both"]["latency"]
    json.dumps(found, allow_nan=False)


def test_a_network_that_does_not_fit_leaves_the_reason(job, monkeypatch):
    monkeypatch.setattr(job, "config", dataclasses.replace(PRESETS["tiny"], map_words=64))
    found = job._whole(lambda text, share: None, {})
    assert "map_words" in found["why"] and found["engines"] == {} and found["program"] is None
    assert found["host"] == ["softmax"] and found["failed"] == []


def test_steps_know_what_they_depend_on(tmp_path, data_folder):
    def keys(**changes):
        job = Run(RunOptions(out=tmp_path / "out", cache=tmp_path / "c", data=str(data_folder), **changes))
        return {step.name: json.dumps([step.inputs, step.after], sort_keys=True) for step in job.steps()}

    first = keys()
    changed = {name for name, key in keys(config=PRESETS["tiny"]).items() if key != first[name]}
    assert changed == {"run", *(f"{part}-{kind}" for part in ("verilog", "simulate") for kind in KINDS),
                       "simulate-unpruned-dense", "break-even", "network"}
    changed = {name for name, key in keys(images=2).items() if key != first[name]}
    assert changed == {"run", *(f"simulate-{kind}" for kind in KINDS), "simulate-unpruned-dense", "network"}


@pytest.mark.parametrize(("more", "text"), [
    (["--zero-ratio", "1.5"], "zero ratio must be from 0 to 1, not 1.5"),
    (["--filter-ratio", "1"], "filter ratio must be from 0 to less than 1, not 1.0"),
    (["--criterion", "best"], f"unknown criterion 'best'; there is {', '.join(CRITERIA)}"),
    (["--preset", "huge"], "preset must be one of tiny, small, base, large, fine, not 'huge'"),
    (["--multipliers", "7"], "multipliers must be one of 4, 16, 64, 128, not 7"),
    (["--images", "0"], "--images must be a whole number of at least 1, not 0"),
    (["--images", "21"], "--images 21 is more than the 20 test images"),
    (["--workers", "0"], "--workers must be a whole number of at least 1, not 0"),
    (["--epochs", "-1"], "epochs must be a whole number of at least 0, not -1"),
    (["--train-epochs", "0"], "--train-epochs must be a whole number of at least 1, not 0"),
    (["--train-epochs", "1", "--model", "alexnet"], f"unknown model 'alexnet'; there is {', '.join(MODELS)}"),
    (["--model", "alexnet"], f"there is no model file alexnet; the models by name are {', '.join(MODELS)}"),
    (["--data", "nowhere"], "the data folder nowhere does not exist, or is no folder"),
    (["--simulator", "vcs"], "simulator must be one of verilator, icarus, not 'vcs'"),
])
def test_bad_options_are_one_sentence_before_any_work(tmp_path, data_folder, hardware, capsys, more, text):
    assert main(arguments(tmp_path, data_folder, *more)) == 2
    assert capsys.readouterr().err == f"zerokeep: {text}\n"
    assert not (tmp_path / "out" / "steps").exists()


def test_missing_simulator_is_said_before_any_work(tmp_path, data_folder, hardware, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(arguments(tmp_path, data_folder)) == 2
    assert capsys.readouterr().err == (
        "zerokeep: make was not found: verilator needs it to build (install make, g++ and perl)\n")
    assert not (tmp_path / "out" / "steps").exists()


def test_output_that_is_a_file(tmp_path, data_folder, capsys):
    (tmp_path / "out").write_text("mine")
    assert main(arguments(tmp_path, data_folder)) == 2
    shown = capsys.readouterr().err
    assert shown == f"zerokeep: {tmp_path / 'out'} is a file, not a folder; give another place\n"
    assert (tmp_path / "out").read_text() == "mine"


def test_output_that_holds_other_files(tmp_path, data_folder, hardware, capsys):
    (tmp_path / "out" / "model").mkdir(parents=True)
    (tmp_path / "out" / "model" / "thesis.txt").write_text("mine")
    assert main(arguments(tmp_path, data_folder)) == 2
    assert f"{tmp_path / 'out'} holds 'model', and zerokeep did not begin that folder" in capsys.readouterr().err
    assert (tmp_path / "out" / "model" / "thesis.txt").read_text() == "mine"


def test_training_first(tmp_path, data_folder, hardware):
    job = Run(RunOptions(out=tmp_path / "out", cache=tmp_path / "c", data=str(data_folder), train_epochs=1))
    first = job._base(lambda text, share: None)
    assert first.metadata["epochs"] == 1 and (tmp_path / "out" / "base.safetensors").is_file()
    again = job._base(lambda text, share: pytest.fail("trained twice"))
    assert again.metadata["seed"] == 0


def test_resources_count_luts():
    found = resources({"LUT4": 100, "CCU2C": 10, "DPR16X4": 5, "FF": 7, "MULT": 4, "BRAM": 2})
    assert found == {"LUT4": 100, "CCU2C": 10, "DPR16X4": 5, "LUT": 150, "FF": 7, "DSP": 4, "BRAM": 2, "COMB": None}


def test_kinds_are_those_of_the_packer():
    from zeroskip.spec.engines import ENGINES
    from zeroskip.spec.engines import KINDS as PACKER

    assert {name: kind for kind, names in run_module.KINDS.items() for name in names} == PACKER
    assert tuple(PACKER) == ENGINES


def test_prune_and_train_verbs(tmp_path, data_folder, capsys):
    weights, model = tmp_path / "base.safetensors", tmp_path / "model"
    assert main(["train", "--data", str(data_folder), "--epochs", "1", "--seed", "4", "--out", str(weights),
                 "--json", str(tmp_path / "train.json")]) == 0
    assert json.loads((tmp_path / "train.json").read_text())["seed"] == 4
    assert main(["prune", "--model", str(weights), "--data", str(data_folder), "--epochs", "0", "--criterion", "l1",
                 "--filter-ratio", "0.5", "--out", str(model), "--json", str(tmp_path / "prune.json")]) == 0
    assert "conv4   32 of 64" in capsys.readouterr().out
    found = json.loads((tmp_path / "prune.json").read_text())
    assert found["criterion"] == "l1" and found["totals"]["filters"] == 88


@pytest.mark.parametrize(("command", "text"), [
    (["prune", "--zero-ratio", "nan"], "zero ratio must be from 0 to 1, not nan"),
    (["prune", "--criterion", "x"], f"unknown criterion 'x'; there is {', '.join(CRITERIA)}"),
    (["prune", "--data", "nowhere"], "the data folder nowhere does not exist, or is no folder"),
    (["train", "--epochs", "0"], "epochs must be a whole number of at least 1, not 0"),
    (["train", "--model", "x"], f"unknown model 'x'; there is {', '.join(MODELS)}"),
])
def test_bad_options_of_prune_and_train(tmp_path, monkeypatch, capsys, command, text):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    assert capsys.readouterr().err == f"zerokeep: {text}\n"
