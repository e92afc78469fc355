import json

import pytest
import torch
from safetensors.torch import save_file

from zerokeep import data
from zerokeep.errors import UserError
from zerokeep.loops import accuracy
from zerokeep.models import Base, build, load_base, save_base


def test_vgg_small_shape():
    net = build("vgg-small")
    assert sum(p.weight.numel() for n, p in net.named_children() if n.startswith(("conv", "linear"))) == 65_808
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_seed_decides_the_weights():
    state = torch.get_rng_state()
    first, again, other = (build("vgg-small", seed).conv2.weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_shipped_weights():
    base = load_base("vgg-small")
    assert base.metadata["accuracy"] >= 0.92
    assert {"seed", "epochs", "command", "data"} <= set(base.metadata)
    subset = data.load_subset()
    assert accuracy(base.module, subset.test_images[:500], subset.test_labels[:500]) > 0.9


def test_there_and_back(tmp_path):
    base = Base(name="vgg-small", module=build("vgg-small", 3), metadata={"seed": 3})
    path = tmp_path / "new" / "base.safetensors"
    save_base(base, path)
    again = load_base(path)
    assert again.metadata == {"seed": 3}
    assert not again.module.training
    for key, value in base.module.state_dict().items():
        assert torch.equal(again.module.state_dict()[key], value)
    assert [p.name for p in path.parent.iterdir()] == ["base.safetensors"]


def test_no_weights_ship():
    with pytest.raises(UserError, match=r"no weights of vgg16 ship; train them with 'zerokeep train --model vgg16'"):
        load_base("vgg16")


def test_missing(tmp_path):
    with pytest.raises(UserError, match=r"no model file .*; the models by name are vgg-small, resnet20, vgg16"):
        load_base(tmp_path / "none.safetensors")
    with pytest.raises(UserError, match="unknown model 'resnet'; there is vgg-small, resnet20, vgg16"):
        build("resnet")


def test_damaged(tmp_path):
    path = tmp_path / "base.safetensors"
    save_base(Base(name="vgg-small", module=build("vgg-small")), path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="cannot be read"):
        load_base(path)


def test_wrong_network(tmp_path):
    path = tmp_path / "base.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata={"model": "alexnet"})
    with pytest.raises(UserError, match=r"names no known network .found 'alexnet'"):
        load_base(path)
    save_file({"x": torch.zeros(1)}, path, metadata={"model": "vgg-small", "training": json.dumps({})})
    with pytest.raises(UserError, match="does not fit vgg-small"):
        load_base(path)


def test_unwritable(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot write the model"):
        save_base(Base(name="vgg-small", module=build("vgg-small")), tmp_path / "file" / "base.safetensors")
