import json
import os
import shutil

import numpy as np
import pytest
from safetensors import safe_open

from zerokeep import integer, model_folder
from zerokeep.errors import UserError
from zerokeep.quantise import quantise

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
    assert files == ["layers/01_conv1.npz", "layers/02_conv2.npz", "layers/03_linear.npz", "model.json", "model.onnx",
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


def test_an_earlier_model_is_replaced(network, folder, tmp_path):
    (folder / "layers" / "99_old.npz").write_bytes(b"")
    model_folder.write(folder, network, b"onnx", {"criterion": "l1"})
    assert model_folder.read(folder).info["criterion"] == "l1"
    assert not (folder / "layers" / "99_old.npz").exists()
    assert os.listdir(tmp_path) == ["model"]


def test_an_empty_folder_is_used(network, tmp_path):
    (tmp_path / "empty").mkdir()
    model_folder.write(tmp_path / "empty", network, b"onnx", {})
    assert model_folder.read(tmp_path / "empty").network.name == "small"


def test_other_peoples_files_are_left_alone(network, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(UserError, match="holds other files; give a new one"):
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
    path = folder / "layers" / "02_conv2.npz"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(UserError, match=r"02_conv2\.npz is damaged: it is not the file"):
        model_folder.read(folder)
    path.unlink()
    with pytest.raises(UserError, match=r"02_conv2\.npz cannot be read: No such file"):
        model_folder.read(folder)


def test_a_file_that_is_no_layer(folder):
    path = folder / "layers" / "02_conv2.npz"
    np.savez(path, weight=np.zeros((6, 4, 3, 3), np.int16))
    rewrite(folder, lambda d: d["files"].update({"layers/02_conv2.npz": model_folder._digest(path)}))
    with pytest.raises(UserError, match=r"02_conv2\.npz: weight: found int16"):
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
        lambda d: d["files"].pop("layers/01_conv1.npz"),
        lambda d: d.update(files=None),
        lambda d: d["steps"][0].update(op="softmax"),
        lambda d: d["steps"].clear(),
    ],
)
def test_damaged_description(folder, change):
    rewrite(folder, change)
    with pytest.raises(UserError, match=r"model\.json"):
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
