import sys
import textwrap

import numpy as np
import pytest
import torch

from zerokeep import pipeline
from zerokeep.errors import UserError
from zerokeep.recipe import Recipe
from zerokeep.user_code import open_data, open_model

CODE = """
    import numpy as np, torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3, padding=1)
            self.second = nn.Conv2d(8, 8, 3, padding=1)
            self.out = nn.Linear(8, 4)
        def forward(self, x):
            y = torch.relu(self.first(x))
            y = torch.relu(y + self.second(y))
            return torch.log_softmax(self.out(y.mean((2, 3))), 1)

    def net():
        torch.manual_seed(0)
        return Net()

    def loader(seed):
        rng = torch.Generator().manual_seed(seed)
        labels = torch.arange(64) % 4
        images = torch.randn(64, 3, 8, 8, generator=rng) * 0.3 + labels.reshape(-1, 1, 1, 1)
        return DataLoader(TensorDataset(images, labels), batch_size=24)

    def loaders():
        return loader(1), loader(2)

    def pair_of_what(): return [(torch.zeros(2, 3, 8, 8), torch.zeros(3, dtype=int))], loader(2)
    def halves(): return [(torch.zeros(2, 3, 8, 8), torch.tensor([.5, 1]))], loader(2)
    def flat(): return [(torch.zeros(2, 64), torch.zeros(2, dtype=int))], loader(2)
    def sizes(): return [(torch.zeros(2, 3, n, n), torch.zeros(2, dtype=int)) for n in (8, 9)], loader(2)
    def lone(): return loader(1)
    def none(): return [], loader(2)
    def single(): return [torch.zeros(2, 3, 8, 8)], loader(2)
    def broken(): raise KeyError("path")
    number = 3
    def no_module(): return 3
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    name = f"mine_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(CODE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
    yield name
    sys.modules.pop(name, None)


def test_a_network_and_data_of_ones_own(mine, tmp_path):
    """From a module in the current folder to a model folder: residual, three channels, signed floats, a softmax."""
    base, data = open_model(f"{mine}:net"), open_data(f"{mine}:loaders")
    assert base.name == "net"
    assert data.counts == (64, 64)
    assert data.classes == 4
    recipe = Recipe(threshold="global", zero_ratio=0.3, filter_ratio=0.25, epochs=120, distil=False)
    info = pipeline.prune_model(base, data, recipe, tmp_path / "m")
    assert info["host"] == ["log_softmax"]
    assert info["input"]["dtype"] == "int8"
    assert {row["name"]: row["filters"] for row in info["counts"]} == {"first": 6, "second": 6, "out": 4}
    assert info["accuracy"]["int8"] > 0.8
    assert info["command"].startswith(f"zerokeep prune --model {mine}:net ")


def test_uint8_images_stay_codes(mine, tmp_path):
    with open(tmp_path / f"{mine}.py", "a") as file:
        file.write("def bytes_(): return ([(np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 1]))],) * 2\n")
    assert open_data(f"{mine}:bytes_").train_images.dtype == np.uint8
    assert torch.is_tensor(torch.zeros(1))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pair_of_what", r"train loader of .*, batch 1, has images float32 \(2, 3, 8, 8\) and labels int64 \(3,\)"),
        ("halves", r"batch 1, has images .* and labels float32"),
        ("flat", r"batch 1, has images float32 \(2, 64\)"),
        ("sizes", r"batch 2, has images \(3, 9, 9\), those before \(3, 8, 8\)"),
        ("lone", r"gave a DataLoader, expected a pair of loaders"),
        ("none", "the train loader of .* yields nothing"),
        ("single", r"batch 1, is a Tensor, expected \(images, labels\)"),
        ("broken", "broken raised KeyError: 'path'"),
        ("missing", "the module .* has no missing"),
        ("number", "number is a int, expected a function"),
    ],
)
def test_wrong_data(mine, name, message):
    with pytest.raises(UserError, match=message):
        open_data(f"{mine}:{name}")


def test_wrong_networks(mine):
    with pytest.raises(UserError, match=r"no_module gave a int, expected a torch\.nn\.Module"):
        open_model(f"{mine}:no_module")
    with pytest.raises(UserError, match="cannot import nowhere_at_all for nowhere_at_all:x: No module named"):
        open_model("nowhere_at_all:x")
    with pytest.raises(UserError, match="there is no model file"):
        open_model("nowhere.safetensors")
