import pytest
import torch

from zerokeep.errors import UserError
from zerokeep.models import load_base
from zerokeep.train import train


def test_train_from_a_seed(bars, tmp_path):
    seen = []
    first = train("vgg-small", bars, seed=2, epochs=2, out=tmp_path / "a", progress=lambda t, s: seen.append((t, s)))
    again = train("vgg-small", bars, seed=2, epochs=2)
    other = train("vgg-small", bars, seed=3, epochs=2)
    for key, value in first.module.state_dict().items():
        assert torch.equal(value, again.module.state_dict()[key])
    assert not torch.equal(first.module.linear.weight, other.module.linear.weight)
    assert seen[-1] == ("training vgg-small, epoch 2 of 2", 1.0)
    stored = load_base(tmp_path / "a")
    assert stored.metadata == first.metadata
    assert stored.metadata["seed"] == 2
    assert stored.metadata["epochs"] == 2
    assert stored.metadata["command"] == "zerokeep train --model vgg-small --epochs 2 --precision float32 --seed 2"
    assert torch.equal(stored.module.conv4.weight, first.module.conv4.weight)


def test_the_seed_is_that_of_the_weights_too(bars, monkeypatch):
    from zerokeep import models

    seeds = []
    monkeypatch.setattr("zerokeep.train.build", lambda name, seed: seeds.append(seed) or models.build(name, seed))
    train("vgg-small", bars, seed=7, epochs=1)
    assert seeds == [7]


def test_it_learns(bars):
    assert train("vgg-small", bars, epochs=8).metadata["accuracy"] > 0.5


def test_bad_values(bars):
    with pytest.raises(UserError, match="epochs must be a whole number of at least 1, not 0"):
        train("vgg-small", bars, epochs=0)
    with pytest.raises(UserError, match="unknown model 'x'"):
        train("x", bars, epochs=1)
