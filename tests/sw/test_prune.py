import copy

import numpy as np
import pytest
import torch
from torch import nn

from zerokeep.models import build
from zerokeep.prune import filters_to_remove, prune, remove_filters, weighted_layers, zero_smallest
from zerokeep.recipe import Recipe

HAND = np.array([
    [6, 0, 0, 0],  # 3 zeros, L1 6
    [1, 1, 1, 1],  # 0 zeros, L1 4
    [9, 0, 0, 9],  # 2 zeros, L1 18
    [2, 1, 0, 7],  # 1 zero, L1 10
    [0, 0, 3, -4],  # 2 zeros, L1 7
], float)  # fmt: skip


@pytest.mark.parametrize(
    ("criterion", "order"),
    [("zero-keep", [1, 3, 2, 4, 0]), ("most-zeros", [0, 2, 4, 3, 1]), ("l1", [1, 0, 4, 3, 2])],
)
def test_which_filters_go(criterion, order):
    for count in range(5):
        assert filters_to_remove(HAND.reshape(5, 1, 2, 2), criterion, count) == sorted(order[:count])


def test_random_filters_come_from_the_seed():
    drawn = [tuple(filters_to_remove(HAND, "random", 2, np.random.default_rng(s))) for s in range(40)]
    assert drawn == [tuple(filters_to_remove(HAND, "random", 2, np.random.default_rng(s))) for s in range(40)]
    assert len(set(drawn)) == 10
    assert all(len(set(pair)) == 2 for pair in drawn)


def test_none_removes_nothing():
    assert filters_to_remove(HAND, "none", 3) == []


def test_zero_smallest():
    weight = torch.tensor([[3.0, -1.0, 0.5], [-4.0, 2.0, -0.25]])
    zero_smallest(weight, 0.5)
    assert weight.tolist() == [[3.0, 0.0, 0.0], [-4.0, 2.0, 0.0]]
    zero_smallest(weight, 1.0)
    assert not weight.any()


def test_zero_smallest_hits_the_ratio_with_equal_magnitudes():
    weight = torch.ones(4, 25)
    zero_smallest(weight, 0.37)
    assert int((weight == 0).sum()) == 37


def test_removed_really_everywhere(small_net):
    """Removing a filter equals making its channel zero, and every tensor really is smaller."""
    silenced, smaller = copy.deepcopy(small_net), copy.deepcopy(small_net)
    doomed = {"conv1": [1, 2], "conv2": [0, 5]}
    for name, norm in (("conv1", "bn1"), ("conv2", "bn2")):
        for filter_number in doomed[name]:
            dict(silenced.named_children())[norm].weight.data[filter_number] = 0
            dict(silenced.named_children())[norm].bias.data[filter_number] = 0
    remove_filters(smaller, doomed, (1, 28, 28))
    images = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(smaller(images), silenced(images))
    shapes = {key: tuple(value.shape) for key, value in smaller.state_dict().items() if value.ndim}
    assert shapes == {
        "conv1.weight": (2, 1, 3, 3), "conv2.weight": (4, 2, 3, 3), "linear.weight": (10, 4 * 49), "linear.bias": (10,),
        **{f"bn1.{key}": (2,) for key in ("weight", "bias", "running_mean", "running_var")},
        **{f"bn2.{key}": (4,) for key in ("weight", "bias", "running_mean", "running_var")},
    }  # fmt: skip


@pytest.mark.parametrize("criterion", ["zero-keep", "random", "most-zeros", "l1", "none"])
def test_prune_vgg_small(criterion):
    base = build("vgg-small", 1)
    before = {key: value.clone() for key, value in base.state_dict().items()}
    recipe = Recipe(criterion=criterion, zero_ratio=0.8, filter_ratio=0.3, seed=4)
    module, removed = prune(base, recipe)
    widths = [part.out_channels for _, part in weighted_layers(module) if isinstance(part, nn.Conv2d)]
    assert widths == ([16, 32, 64, 64] if criterion == "none" else [12, 23, 45, 45])
    assert module(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    for key, value in base.state_dict().items():
        assert torch.equal(value, before[key]), f"the base's {key} was changed"
    kept = [f for f in range(16) if f not in removed.get("conv1", [])]
    original, left = base.conv1.weight[kept], module.conv1.weight
    assert torch.equal(left[left != 0], original[left != 0])


def test_kept_filters_and_their_zeros():
    """Zero-keep: nothing that stays has fewer zeros than what went, counted before any channel went."""
    base = build("vgg-small", 1)
    zeros_only, _ = prune(base, Recipe(criterion="none", zero_ratio=0.7))
    _, removed = prune(base, Recipe(criterion="zero-keep", zero_ratio=0.7, filter_ratio=0.25))
    for name in ("conv1", "conv2", "conv3", "conv4"):
        zeros = (dict(zeros_only.named_children())[name].weight == 0).flatten(1).sum(1)
        went = torch.zeros(len(zeros), dtype=torch.bool)
        went[removed[name]] = True
        assert int(went.sum()) == len(zeros) // 4
        assert zeros[went].max() <= zeros[~went].min()


def test_unpruned_is_the_base():
    base = build("vgg-small", 1)
    module, removed = prune(base, Recipe.unpruned())
    assert removed == {}
    for key, value in base.state_dict().items():
        assert torch.equal(module.state_dict()[key], value)
