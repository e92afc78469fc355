import sys
import textwrap

import numpy as np
import pytest
import torch

from zerokeep import pipeline
from zerokeep.cli import main
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
    def leaves(): raise SystemExit(0)
    def interrupts(): raise KeyboardInterrupt
    def loads():
        yield torch.zeros(2, 3, 8, 8), torch.zeros(2, dtype=int)
        raise SystemExit(0)
    def leaving_loader(): return loads(), loader(2)

    class Bad(nn.Module):
        # right at first, as when it is traced; then it raises
        def __init__(self, what, after):
            super().__init__()
            self.net, self.what, self.left = Net(), what, after
        def forward(self, x):
            self.left -= 1
            if self.left < 0:
                raise self.what
            return self.net(x)

    def late_exit(): return Bad(SystemExit(0), 2)
    def late_interrupt(): return Bad(KeyboardInterrupt(), 2)
    def late_error(): return Bad(ZeroDivisionError("\x1b[2J"), 2)

    class Viewing(nn.Module):
        # as most networks of tutorials have it; a `view` wants a map row by row
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3, padding=1)
            self.out = nn.Linear(8 * 64, 4)
        def forward(self, x):
            x = torch.relu(self.first(x))
            return self.out(x.view(x.size(0), -1))

    def viewing():
        torch.manual_seed(0)
        return Viewing()

    def one_output(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
    def a_map(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
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
        ("leaves", "leaves raised SystemExit: 0"),
        ("interrupts", "interrupts raised KeyboardInterrupt$"),
        ("leaving_loader", "the train loader of .* raised SystemExit: 0"),
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


@pytest.mark.parametrize("code", ["raise SystemExit(0)", "import sys; sys.exit()", "raise KeyboardInterrupt", "1/0",
                                  "raise Exception('\\x1b[2J')", "def net(:"])
def test_a_module_that_raises_when_it_is_imported(tmp_path, monkeypatch, capsys, code):
    """Leaving is no success."""
    (tmp_path / "leaving_module.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["prune", "--model", "leaving_module:net", "--out", "m"]) == 2
    said = capsys.readouterr().err
    assert "importing leaving_module for leaving_module:net raised " in said and said.count("\n") == 1
    assert "\x1b" not in said and not (tmp_path / "m").exists()


@pytest.mark.parametrize(("name", "error"), [
    ("late_exit", "SystemExit: 0"), ("late_interrupt", "KeyboardInterrupt"), ("late_error", "ZeroDivisionError: ")])
def test_a_network_that_raises_while_it_is_used(mine, tmp_path, capsys, name, error):
    assert main(["prune", "--model", f"{mine}:{name}", "--data", f"{mine}:loaders", "--out", "m"]) == 2
    said = capsys.readouterr().err
    assert f"raised {error}" in said and said.count("\n") == 1 and "\x1b" not in said
    assert not (tmp_path / "m").exists()


def test_a_network_that_views_a_map_is_trained(mine, tmp_path):
    base, data = open_model(f"{mine}:viewing"), open_data(f"{mine}:loaders")
    recipe = Recipe(threshold="global", zero_ratio=0.3, filter_ratio=0.25, epochs=2, qat_epochs=1, distil=True)
    assert pipeline.prune_model(base, data, recipe, tmp_path / "m")["accuracy"]["int8"] >= 0


@pytest.mark.parametrize(("name", "message"), [
    ("one_output", "the network has 1 output, the labels of .* are of 4 classes: give it an output for each class"),
    ("a_map", r"the network answers \('N', 4, 6, 6\), expected \(N, classes\)"),
])
def test_answers_that_cannot_be_the_labels(mine, tmp_path, name, message):
    with pytest.raises(UserError, match=message):
        pipeline.prune_model(open_model(f"{mine}:{name}"), open_data(f"{mine}:loaders"), Recipe(), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_loader_larger_than_the_memory_limit(mine, monkeypatch):
    monkeypatch.setenv("ZEROKEEP_MEMORY_LIMIT", "50000")
    with pytest.raises(UserError, match=r"the train loader of .* found .* to be read, the memory limit is 48\.8 KB"):
        open_data(f"{mine}:loaders")
