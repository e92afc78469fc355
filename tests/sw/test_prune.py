import numpy as np
import pytest
import torch
from torch import nn

from zerokeep.architectures import resnet20
from zerokeep.balance import lane_loads
from zerokeep.criteria import CRITERIA
from zerokeep.errors import UserError
from zerokeep.loops import to_numbers
from zerokeep.models import build
from zerokeep.prune import Pruned, prune, weights_of
from zerokeep.recipe import Recipe
from zerokeep.removal import weighted_layers

IMAGES = to_numbers(np.random.default_rng(0).integers(0, 256, (8, 1, 28, 28)).astype(np.uint8))


def pruned(recipe: Recipe, base: nn.Module | None = None) -> Pruned:
    return prune(base or build("vgg-small", 1), recipe, IMAGES)


def widths(module: nn.Module) -> list[int]:
    return [part.out_channels for _, part in weighted_layers(module) if isinstance(part, nn.Conv2d)]


def nonzeros(module: nn.Module) -> int:
    return sum(int(np.count_nonzero(weight)) for weight in weights_of(module).values())


@pytest.mark.parametrize("criterion", list(CRITERIA))
def test_prune_vgg_small(criterion):
    base = build("vgg-small", 1)
    before = {key: value.clone() for key, value in base.state_dict().items()}
    found = pruned(Recipe(criterion=criterion, zero_ratio=0.8, filter_ratio=0.3, seed=4), base)
    assert widths(found.module) == ([16, 32, 64, 64] if criterion == "zeros-only" else [12, 23, 45, 45])
    assert found.module(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    for key, value in base.state_dict().items():
        assert torch.equal(value, before[key]), f"the base's {key} was changed"
    kept = [f for f in range(16) if f not in found.removed.get("conv1", [])]
    original, left = base.conv1.weight[kept], found.module.conv1.weight
    assert torch.equal(left[left != 0], original[left != 0])
    assert torch.equal(found.dense.conv1.weight, original)
    assert (nonzeros(found.module) == nonzeros(found.dense)) == (criterion == "filters-only")


@pytest.mark.parametrize("threshold", ["layer", "global", "deviation"])
@pytest.mark.parametrize("criterion", ["zero-keep", "zero-keep-balanced", "random", "l1", "fpgm", "zeros-only"])
def test_the_weights_asked_for_are_left(criterion, threshold):
    found = pruned(Recipe(criterion=criterion, threshold=threshold, nzer_orig=0.1, filter_ratio=0.25))
    assert nonzeros(found.module) == 6581
    assert widths(found.module) == ([16, 32, 64, 64] if criterion == "zeros-only" else [12, 24, 48, 48])


def test_the_weights_asked_for_by_cycles_and_by_filters_alone():
    found = pruned(Recipe(criterion="zero-keep-cycles", nzer_orig=0.1))
    assert nonzeros(found.module) == 6581
    alone = pruned(Recipe(criterion="filters-only", nzer_orig=0.1))
    assert 6000 < nonzeros(alone.module) <= 6581


def test_too_few_weights_to_ask_for():
    with pytest.raises(UserError, match=r"nzer_orig 0\.01 cannot be reached by zero-keep with threshold layer: at"):
        pruned(Recipe(nzer_orig=0.01))


def test_cycles_set_zeros_where_they_save_most():
    """At equal non-zeros conv2, on 28 x 28 pixels, keeps fewer than by LAMP alone, the linear layer more."""
    plain = {name: np.count_nonzero(own) for name, own in
             weights_of(pruned(Recipe(threshold="global", nzer_orig=0.1)).module).items()}
    saving = {name: np.count_nonzero(own) for name, own in
              weights_of(pruned(Recipe(criterion="zero-keep-cycles", nzer_orig=0.1)).module).items()}
    assert saving["conv2"] < plain["conv2"] / 2
    assert saving["linear"] > plain["linear"]


def test_lanes_are_balanced():
    """On a network whose filters differ much in size, so that plain zeros are not."""
    base = build("vgg-small", 1)
    with torch.no_grad():
        for _, part in weighted_layers(base):
            part.weight[0] *= 30
    loads = {}
    for criterion in ("zero-keep", "zero-keep-balanced"):
        found = pruned(Recipe(criterion=criterion, zero_ratio=0.95, filter_ratio=0.1), base)
        loads[criterion] = [int(np.ptp(lane_loads(own != 0, 4))) for own in weights_of(found.module).values()]
    for plain, balanced in zip(loads["zero-keep"], loads["zero-keep-balanced"], strict=True):
        assert balanced <= min(plain, 7)
    assert max(loads["zero-keep"]) > 10


def test_kept_filters_and_their_zeros():
    """Zero-keep: nothing that stays has fewer zeros than what went, counted before any channel went."""
    zeros_only = weights_of(pruned(Recipe(criterion="zeros-only", zero_ratio=0.7)).module)
    removed = pruned(Recipe(criterion="zero-keep", zero_ratio=0.7, filter_ratio=0.25)).removed
    for name in ("conv1", "conv2", "conv3", "conv4"):
        zeros = (zeros_only[name] == 0).reshape(len(zeros_only[name]), -1).sum(1)
        went = np.isin(np.arange(len(zeros)), removed[name])
        assert went.sum() == len(zeros) // 4
        assert zeros[went].max() <= zeros[~went].min()


def test_unpruned_is_the_base():
    base = build("vgg-small", 1)
    found = pruned(Recipe.unpruned(), base)
    assert found.removed == {}
    for key, value in base.state_dict().items():
        assert torch.equal(found.module.state_dict()[key], value)


def test_a_residual_network():
    """A quarter of every group of filters goes, in all layers that are added to each other the same ones."""
    base = resnet20((8, 12, 16), blocks=1)
    found = pruned(Recipe(filter_ratio=0.25, threshold="global", nzer_orig=0.2), base)
    parts = dict(weighted_layers(found.module))
    assert {name: own.out_channels for name, own in parts.items() if isinstance(own, nn.Conv2d)} == {
        "conv": 6, "stage1_block1.conv1": 6, "stage1_block1.conv2": 6, "stage2_block1.conv1": 9,
        "stage2_block1.conv2": 9, "stage2_block1.around.conv": 9, "stage3_block1.conv1": 12, "stage3_block1.conv2": 12,
        "stage3_block1.around.conv": 12,
    }  # fmt: skip
    assert nonzeros(found.module) == round(0.2 * sum(weight.size for weight in weights_of(base).values()))
    assert found.module(IMAGES).shape == (8, 10)
