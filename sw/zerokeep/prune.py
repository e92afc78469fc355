"""Zero-keep pruning and the criteria it is compared with: zeros first, then whole filters really go."""

from __future__ import annotations

import copy

import numpy as np
import torch
import torch_pruning
from torch import nn

from zerokeep.models import INPUT_SHAPE
from zerokeep.recipe import Recipe


def weighted_layers(module: nn.Module) -> list[tuple[str, nn.Conv2d | nn.Linear]]:
    """The convolutions and linear layers in order, with their names."""
    return [(name, part) for name, part in module.named_modules() if isinstance(part, (nn.Conv2d, nn.Linear))]


def zero_smallest(weight: torch.Tensor, ratio: float) -> None:
    """Set the share `ratio` of `weight` to zero in place: smallest magnitudes first, equal ones in order."""
    count = round(ratio * weight.numel())
    order = torch.argsort(weight.detach().abs().flatten(), stable=True)
    with torch.no_grad():
        weight.view(-1)[order[:count]] = 0.0


def filters_to_remove(
    weight: np.ndarray, criterion: str, count: int, generator: np.random.Generator | None = None
) -> list[int]:
    """Which `count` filters of `weight` (O, ...) go, in rising order; among equals the lower number goes first.

    Parameters
    ----------
    weight
        Weights with their zeros already set.
    criterion
        A key of ``zerokeep.recipe.CRITERIA``.
    count
        How many; fewer than O.
    generator
        For ``"random"`` only.

    >>> weight = np.array([[1, 0, 0], [1, 2, 0], [3, 4, 5.0]])
    >>> filters_to_remove(weight, "zero-keep", 1), filters_to_remove(weight, "most-zeros", 1)
    ([2], [0])
    """
    if count == 0 or criterion == "none":
        return []
    flat = weight.reshape(len(weight), -1)
    zeros = (flat == 0).sum(1)
    if criterion == "random":
        chosen = (generator or np.random.default_rng(0)).permutation(len(flat))
    else:
        rank = {"zero-keep": zeros, "most-zeros": -zeros, "l1": np.abs(flat).sum(1)}[criterion]
        chosen = np.argsort(rank, kind="stable")
    return sorted(int(index) for index in chosen[:count])


def remove_filters(module: nn.Module, doomed: dict[str, list[int]], input_shape: tuple[int, ...]) -> None:
    """Remove filters in place, by convolution's name, with all that depends on them.

    Their channels go from batch norm, from the next convolution and, through flattening, from the linear layer.
    """
    parts = dict(module.named_modules())
    example = torch.zeros(1, *input_shape)
    for name, filters in doomed.items():
        if not filters:
            continue
        graph = torch_pruning.DependencyGraph().build_dependency(module, example_inputs=example)
        graph.get_pruning_group(parts[name], torch_pruning.prune_conv_out_channels, idxs=filters).prune()


def prune(
    base: nn.Sequential, recipe: Recipe, input_shape: tuple[int, ...] = INPUT_SHAPE
) -> tuple[nn.Sequential, dict[str, list[int]]]:
    """A pruned copy of `base`, not yet fine-tuned, and the filters removed by convolution's name.

    All filters are ranked on the network with its zeros set, before any is removed.
    """
    module = copy.deepcopy(base).eval()
    generator = np.random.default_rng(recipe.seed)
    doomed: dict[str, list[int]] = {}
    for number, (name, part) in enumerate(weighted_layers(module)):
        op = "linear" if isinstance(part, nn.Linear) else "conv"
        zero_smallest(part.weight, recipe.zero_ratio_of(op, first=number == 0))
        if op == "conv" and recipe.removes_filters:
            weight = part.weight.detach().numpy()
            count = min(int(recipe.filter_ratio * len(weight) + 1e-9), len(weight) - 1)
            doomed[name] = filters_to_remove(weight, recipe.criterion, count, generator)
    remove_filters(module, doomed, input_shape)
    return module, doomed
