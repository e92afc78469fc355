import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
from safetensors import safe_open

from zerokeep import integer, model_folder
from zerokeep.errors import UserError
from zerokeep.network import Network, Step
from zerokeep.quantise import quantise
from zeroskip.layer import Layer

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 1, 28, 28)).astype(np.uint8)


@pytest.fixture
def network(small_net):
    return quantise(small_net, IMAGES, name="small")


@pytest.fixture
def folder(network, tmp_path):
    model_folder.write(tmp_path / "model", network, b"onnx", {"criterion": "none"})
    return tmp_path / "model"


def rewrite(folder, change):
    document = json.loads((folder / "model.json").read_text())
    change(document)
    (folder / "model.json").write_text(json.dumps(document))


def test_there_and_back(network, folder, tmp_path):
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == ["layers/01_conv.npz", "layers/02_conv.npz", "layers/03_linear.npz", "model.json", "model.onnx",
                     "model.safetensors"]
    found = model_folder.read(folder)
    assert found.info["criterion"] == "none"
    assert found.info["schema"] == model_folder.SCHEMA
    assert [s.op for s in found.network.steps] == [s.op for s in network.steps]
    np.testing.assert_array_equal(integer.run(found.network, IMAGES), integer.run(network, IMAGES))
    for step, other in zip(found.network.steps, network.steps, strict=True):
        assert step.scale == other.scale
        if other.layer is not None:
            assert step.weights.input is None
            np.testing.assert_array_equal(step.weights.weight, other.layer.weight)
            assert step.weights.stride == other.layer.stride
    assert os.listdir(tmp_path) == ["model"]


def test_layer_inputs(network, folder):
    found = model_folder.layer_inputs(folder, IMAGES[:2])
    assert [step.name for step, _ in found] == ["conv1", "conv2", "linear"]
    np.testing.assert_array_equal(found[0][1].input, IMAGES[:2])
    for (_, layer), (_, other) in zip(found, integer.layer_inputs(network, IMAGES[:2]), strict=True):
        np.testing.assert_array_equal(layer.input, other.input)


@pytest.fixture
def unusual() -> Network:
    """Everything that a step or a layer may say beside what every one says."""
    generator = np.random.default_rng(1)
    weight = generator.integers(-9, 10, (3, 1, 3, 3)).astype(np.int8)
    numbers = {"multiplier": np.full(3, 5), "shift": np.full(3, 7)}
    mean = {"multipliers": [5], "shift": 4, "clamp": [0, 255], "output_dtype": "uint8", "rounding": "even"}
    plain = Layer(weight=generator.integers(-9, 10, (3, 3, 1, 1)).astype(np.int8), **numbers)
    return Network(name="unusual", input_shape=(1, 28, 28), input_scale=1.0, steps=(
        Step(name="a", op="conv", inputs=("input",), scale=1.0, layer=Layer(
            weight=weight, dilation=(3, 2), padding=(0, 1), padding_end=(1, 2), rounding="even", **numbers)),
        Step(name="b", op="conv", inputs=("a", "a"), scale=1.0, layer=plain,
             parameters={"residual_factors": [2**31 - 1, 0, -(2**31)]}),
        Step(name="m", op="maxpool", inputs=("b",), scale=1.0, parameters={
            "kernel": [3, 3], "stride": [2, 2], "padding": [0, 1], "padding_end": [1, 0]}),
        Step(name="v", op="avgpool", inputs=("m",), scale=1.0, parameters=mean | {
            "kernel": [2, 2], "stride": [3, 3], "padding_end": [1, 1]}),
        Step(name="u", op="upsample", inputs=("v",), scale=1.0, parameters={"factor": [2, 1]}),
    ))  # fmt: skip


def test_unusual_steps_there_and_back(unusual, tmp_path):
    model_folder.write(tmp_path / "m", unusual, b"onnx", {})
    found = model_folder.read(tmp_path / "m").network
    assert [s.parameters for s in found.steps] == [s.parameters for s in unusual.steps]
    assert [s.inputs for s in found.steps] == [s.inputs for s in unusual.steps]
    for step, other in zip(found.layers(), unusual.layers(), strict=True):
        for key in ("stride", "padding", "padding_end", "dilation", "rounding", "groups"):
            assert getattr(step.weights, key) == getattr(other.weights, key)
    np.testing.assert_array_equal(integer.run(found, IMAGES), integer.run(unusual, IMAGES))
    model_folder.write(tmp_path / "again", found, b"onnx", {})
    assert (tmp_path / "again" / "model.json").read_bytes() == (tmp_path / "m" / "model.json").read_bytes()


def test_model_json_says_of_a_layer_what_is_unusual(unusual, network, tmp_path):
    """And nothing else, so that folders of other networks are what they were."""
    usual = {"name", "op", "inputs", "scale", "layer", "stride", "padding", "groups", "shape", "parameters"}
    model_folder.write(tmp_path / "m", unusual, b"onnx", {})
    steps = json.loads((tmp_path / "m" / "model.json").read_text())["steps"]
    assert steps[0].keys() == usual | {"dilation", "padding_end", "rounding"} and steps[1].keys() == usual
    assert (steps[0]["dilation"], steps[0]["padding_end"], steps[0]["rounding"]) == ([3, 2], [1, 2], "even")
    model_folder.write(tmp_path / "n", network, b"onnx", {})
    steps = json.loads((tmp_path / "n" / "model.json").read_text())["steps"]
    assert all(step.keys() == usual for step in steps if "layer" in step)


@pytest.mark.parametrize(("number", "key", "value"), [
    (0, "dilation", [1, 1]), (0, "rounding", "up"), (1, "dilation", [2, 2]), (1, "padding_end", [0, 1]),
    (1, "rounding", "even"),
])
def test_model_json_that_says_something_else_than_the_layer(unusual, tmp_path, number, key, value):
    model_folder.write(tmp_path / "m", unusual, b"onnx", {})
    rewrite(tmp_path / "m", lambda d: d["steps"][number].update({key: value}))
    message = rf"step {number + 1}: {key} is .*, its file layers/0{number + 1}_conv\.npz has "
    with pytest.raises(UserError, match=message):
        model_folder.read(tmp_path / "m")


@pytest.mark.parametrize(("change", "message"), [
    (lambda d: d["steps"][1]["parameters"].clear(), "step b: residual_factors must be 3 whole numbers of 32 bits"),
    (lambda d: d["steps"][1].update(inputs=["a"]), r"step b \(conv\) makes .*, its residual is missing"),
    (lambda d: d["steps"][1].update(inputs=["a", "input"]), r"its residual is \(1, 28, 28\)"),
    (lambda d: d["steps"][2]["parameters"].update(dilation=[2, 2]), "step m: maxpool has no parameter 'dilation'"),
    (lambda d: d["steps"][3]["parameters"].update(rounding="odd"), "step v: rounding is 'odd', expected 'up' or"),
    (lambda d: d["steps"][4]["parameters"].update(factor=[9, 1]), r"step u: factor is \(9, 1\)"),
])
def test_unusual_steps_that_are_wrong(unusual, tmp_path, change, message):
    model_folder.write(tmp_path / "m", unusual, b"onnx", {})
    rewrite(tmp_path / "m", change)
    with pytest.raises(UserError, match=rf"model\.json is damaged: .*{message}"):
        model_folder.read(tmp_path / "m")


def test_an_earlier_model_is_replaced(network, folder, tmp_path):
    """Whatever became of the files that it lists."""
    (folder / "layers" / "01_conv.npz").write_bytes(b"")
    (folder / "model.onnx").unlink()
    model_folder.write(folder, network, b"onnx", {"criterion": "l1"})
    assert model_folder.read(folder).info["criterion"] == "l1"
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("name", ["thesis.txt", "layers/99_old.npz", "layers/src/x.py", "model.json.bak"])
def test_what_the_folder_does_not_list_is_not_deleted(network, folder, tmp_path, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    with pytest.raises(UserError, match=r"holds '.*', which zerokeep did not write there and would be lost"):
        model_folder.write(folder, network, b"onnx", {"criterion": "l1"}, force=True)
    assert (folder / name).read_text() == "x" and model_folder.read(folder).info["criterion"] == "none"
    assert os.listdir(tmp_path) == ["model"]


def test_a_manifest_cannot_list_what_is_not_ours(network, folder):
    (folder / "thesis.txt").write_text("x")
    rewrite(folder, lambda d: d["files"].update({"thesis.txt": "0", "../thesis.txt": "0"}))
    with pytest.raises(UserError, match=r"holds 'thesis\.txt'"):
        model_folder.check_writable(folder)


def test_a_link_in_the_folder_is_not_ours(network, folder, tmp_path):
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"holds 'model\.onnx \(a link, a device or a FIFO\)'"):
        model_folder.check_writable(folder)


def test_another_networks_folder_is_replaced_by_force_alone(network, folder):
    other = dataclasses.replace(network, name="other")
    with pytest.raises(UserError, match=r"is of another network, 'small', not of 'other'.*--force"):
        model_folder.write(folder, other, b"onnx", {})
    with pytest.raises(UserError, match=r"is of another network, 'small', not of 'small of net\.onnx'"):
        model_folder.check_writable(folder, "small", "a/net.onnx")
    model_folder.write(folder, other, b"onnx", {}, force=True)
    assert model_folder.read(folder).network.name == "other"


def test_an_earlier_schema_is_replaced(network, folder):
    rewrite(folder, lambda d: d.update(schema=0))
    model_folder.write(folder, network, b"onnx", {})
    assert model_folder.read(folder).info["schema"] == model_folder.SCHEMA


def test_a_link_is_followed(network, folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    model_folder.write(tmp_path / "link", network, b"onnx", {"criterion": "l1"})
    assert (tmp_path / "link").is_symlink() and model_folder.read(folder).info["criterion"] == "l1"


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\x1b[2J", "", "input_", "über", "file", "a" * 500])
def test_any_name_of_a_step_is_read_as_it_was_written(network, tmp_path, name):
    """No file is named by it."""
    steps = tuple(dataclasses.replace(s, name=name if s.name == "conv1" else s.name,
                                      inputs=tuple(name if own == "conv1" else own for own in s.inputs))
                  for s in network.steps)
    model_folder.write(tmp_path / "m", dataclasses.replace(network, steps=steps), b"onnx", {})
    found = model_folder.read(tmp_path / "m")
    assert [s.name for s in found.network.steps] == [s.name for s in steps]
    assert sorted(os.listdir(tmp_path / "m" / "layers")) == ["01_conv.npz", "02_conv.npz", "03_linear.npz"]


def test_an_empty_folder_is_used(network, tmp_path):
    (tmp_path / "empty").mkdir()
    model_folder.write(tmp_path / "empty", network, b"onnx", {})
    assert model_folder.read(tmp_path / "empty").network.name == "small"


def test_other_peoples_files_are_left_alone(network, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(UserError, match=r"is there and no model folder \(.* it has no model\.json\)"):
        model_folder.write(tmp_path / "mine", network, b"onnx", {})
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is a file, not a folder"):
        model_folder.check_writable(tmp_path / "file")
    with pytest.raises(UserError, match="cannot write the model folder"):
        model_folder.check_writable(tmp_path / "file" / "model")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"


def test_nothing_half_written(network, folder, tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(network.layers()[-1].weights), "save", full)
    with pytest.raises(UserError, match=r"cannot write the model folder .*: No space left on device"):
        model_folder.write(folder, network, b"onnx", {"criterion": "l1"})
    assert model_folder.read(folder).info["criterion"] == "none"
    assert os.listdir(tmp_path) == ["model"]


def test_no_nan(network, tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        model_folder.write(tmp_path / "model", network, b"onnx", {"accuracy": float("nan")})
    assert os.listdir(tmp_path) == []


def test_other_schema(folder):
    rewrite(folder, lambda d: d.update(schema=2))
    with pytest.raises(UserError, match="has schema version 2, this program reads version 1"):
        model_folder.read(folder)
    rewrite(folder, lambda d: d.pop("schema"))
    with pytest.raises(UserError, match="has schema version None"):
        model_folder.read(folder)


def test_no_model_folder(tmp_path):
    with pytest.raises(UserError, match="there is no model folder"):
        model_folder.read(tmp_path / "none")
    with pytest.raises(UserError, match=r"is no model folder: it has no model\.json"):
        model_folder.read(tmp_path)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(UserError, match="is not the description of a model folder"):
        model_folder.read(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(UserError, match=r"model\.json is damaged"):
        model_folder.read(tmp_path)
    (tmp_path / "model.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"model\.json is damaged"):
        model_folder.read(tmp_path)


def test_damaged_layer(folder):
    path = folder / "layers" / "02_conv.npz"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(UserError, match=r"02_conv\.npz is damaged: it is not the file"):
        model_folder.read(folder)
    path.unlink()
    with pytest.raises(UserError, match=r"02_conv\.npz cannot be read: No such file"):
        model_folder.read(folder)


def test_a_file_that_is_no_layer(folder):
    path = folder / "layers" / "02_conv.npz"
    np.savez(path, weight=np.zeros((6, 4, 3, 3), np.int16))
    rewrite(folder, lambda d: d["files"].update({"layers/02_conv.npz": model_folder._digest(path)}))
    with pytest.raises(UserError, match=r"02_conv\.npz: weight: found int16"):
        model_folder.read(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("steps"),
        lambda d: d.update(steps=3),
        lambda d: d["steps"][0].pop("scale"),
        lambda d: d["steps"][0].pop("layer"),
        lambda d: d["steps"][1].update(inputs=["nobody"]),
        lambda d: d["steps"][2].update(parameters={}),
        lambda d: d["steps"].reverse(),
        lambda d: d["input"].update(shape=[1, 28]),
        lambda d: d["input"].update(shape=[3, 28, 28]),
        lambda d: d["files"].update({"../../secret": "0"}),
        lambda d: d["files"].pop("layers/01_conv.npz"),
        lambda d: d.update(files=None),
        lambda d: d["steps"][0].update(op="softmax"),
        lambda d: d["steps"].clear(),
        lambda d: d["steps"][0].update(scale=0),
        lambda d: d["steps"][0].update(scale=-1.0),
        lambda d: d["steps"][0].update(scale=True),
        lambda d: d["steps"][0].update(scale="1.0"),
        lambda d: d["steps"][0].update(stride=[3, 3]),
        lambda d: d["steps"][0].update(inputs="input"),
        lambda d: d["steps"][0].update(name=7),
        lambda d: d["input"].update(scale=0.0),
        lambda d: d["input"].update(shape=[1, 28.5, 28]),
        lambda d: d["input"].update(shape=[1, 10**9, 10**9]),
        lambda d: d["steps"].append({"name": "far", "op": "concat", "inputs": ["pool"] * 5000, "scale": 1.0,
                                     "parameters": {}}),
        lambda d: d["files"].update({"model.json": "0"}),
        lambda d: d["files"].update({"layers/../../x.npz": "0"}),
    ],
)
def test_damaged_description(folder, change):
    rewrite(folder, change)
    with pytest.raises(UserError, match=r"model\.json"):
        model_folder.read(folder)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": NaN}', '{"a": 1e999}', '{"a": 1, "a": 2}', "1" * 5000])
def test_a_description_that_cannot_be_taken(folder, text):
    (folder / "model.json").write_text(text)
    with pytest.raises(UserError, match=r"model\.json is damaged: .*no JSON that can be taken"):
        model_folder.read(folder)


def test_a_fifo_is_not_waited_for(folder):
    (folder / "model.onnx").unlink()
    os.mkfifo(folder / "model.onnx")
    with pytest.raises(UserError, match=r"model\.onnx: found a FIFO, expected a file"):
        model_folder.read(folder)


def test_it_may_be_moved(folder, tmp_path):
    shutil.move(folder, tmp_path / "elsewhere")
    assert model_folder.read(tmp_path / "elsewhere").network.name == "small"


def test_safetensors_have_every_integer(network, tmp_path):
    model_folder.write(tmp_path / "m", network, b"onnx", {})
    with safe_open(tmp_path / "m" / "model.safetensors", framework="np") as archive:
        found = {name: archive.get_tensor(name) for name in archive.keys()}
        scales = json.loads(archive.metadata()["scales"])
    for step in network.layers():
        for part in ("weight", "bias", "multiplier", "shift"):
            values = getattr(step.weights, part)
            if values is not None:
                np.testing.assert_array_equal(found.pop(f"{step.name}.{part}"), values)
    assert not found
    assert scales == {"input": network.input_scale} | {step.name: step.scale for step in network.steps}
