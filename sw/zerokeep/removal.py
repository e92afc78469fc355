"""Filters that belong together, and their removal: torch-pruning's dependency graph of the network.

Filters of one layer whose results are added to another's go together with that one's; what reads their channels
loses them: batch norms, later layers, the linear layer behind a flatten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch_pruning
from torch import nn

from zerokeep.errors import UserError

Masks = dict[str, np.ndarray]


def weighted_layers(module: nn.Module) -> list[tuple[str, nn.Conv2d | nn.Linear]]:
    """The convolutions and linear layers in order, with their names."""
    return [(name, part) for name, part in module.named_modules() if isinstance(part, (nn.Conv2d, nn.Linear))]


def is_depthwise(part: nn.Module) -> bool:
    """Whether each channel has its own filters."""
    return isinstance(part, nn.Conv2d) and part.groups == part.out_channels == part.in_channels > 1


@dataclass(frozen=True, kw_only=True, eq=False)
class ChannelGroup:
    """Channels that stay or go as one, and where they are.

    Parameters
    ----------
    root
        The first layer whose filters make them.
    channels
        How many there are.
    rows, columns
        By layer: int (2, n), a channel of this group and a filter, or an input channel, of that layer. Several where
        a flatten makes many inputs of one channel.
    blocks
        1; more where a grouped convolution is among the layers: then channel c goes only together with those that lie
        `channels` / `blocks` apart from it.
    """

    root: str
    channels: int
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    blocks: int = 1

    @property
    def choices(self) -> int:
        """How many can be chosen from: channels, or blocks of channels that go together."""
        return self.channels // self.blocks

    def filters(self, weights: Masks) -> np.ndarray:
        """What belongs to each choice, (choices, K): the weights of its filters in all layers, one after the other."""
        parts = []
        for name, (channels, own) in self.rows.items():
            matrix = weights[name].reshape(len(weights[name]), -1)
            parts.append(matrix[own[np.argsort(channels, kind="stable")]].reshape(self.channels, -1))
        matrix = np.concatenate(parts, axis=1)
        return matrix.reshape(self.blocks, self.choices, -1).transpose(1, 0, 2).reshape(self.choices, -1)

    def chosen(self, choices: list[int]) -> list[int]:
        """The channels of the `choices`."""
        return sorted(block * self.choices + choice for block in range(self.blocks) for choice in choices)


def channel_groups(module: nn.Module, shape: tuple[int, ...]) -> list[ChannelGroup]:
    """The groups of channels that can be removed, in order; the network's own outputs cannot.

    Parameters
    ----------
    module
        Takes (N, *`shape`) and gives one tensor.
    shape
        (C, H, W) of an image.

    Raises
    ------
    UserError
        torch-pruning cannot follow the network.
    """
    names = {part: name for name, part in module.named_modules()}
    layers = weighted_layers(module)
    graph = _graph(module, shape)
    outputs = {name for name, part in layers if _makes_output(graph, part)}
    seen: set[str] = set()
    found = []
    for name, part in layers:
        if name in seen or not isinstance(part, nn.Conv2d) or is_depthwise(part):
            continue
        channels = list(range(part.out_channels))
        if part not in graph.module2node:
            continue  # not used
        whole = graph.get_pruning_group(part, torch_pruning.prune_conv_out_channels, idxs=channels)
        group = _as_group(name, part, whole, names)
        seen |= set(group.rows)
        if not outputs & set(group.rows) and group.blocks:
            found.append(group)
    return found


def _makes_output(graph: torch_pruning.DependencyGraph, part: nn.Module) -> bool:
    """Whether a layer's filters are the network's outputs: no other layer reads them."""
    if part not in graph.module2node or isinstance(part, nn.Linear):
        return False
    prune = torch_pruning.prune_depthwise_conv_out_channels if is_depthwise(part) else (
        torch_pruning.prune_conv_out_channels)
    whole = graph.get_pruning_group(part, prune, idxs=[0])
    return not any(item.dep.handler in (torch_pruning.prune_conv_in_channels, torch_pruning.prune_linear_in_channels)
                   for item in whole)


def _graph(module: nn.Module, shape: tuple[int, ...]) -> torch_pruning.DependencyGraph:
    try:
        return torch_pruning.DependencyGraph().build_dependency(module, example_inputs=torch.zeros(1, *shape))
    except Exception as error:
        raise UserError(f"the network cannot be followed for images of {shape}: {error}") from None


def _as_group(name: str, part: nn.Conv2d, whole: torch_pruning.Group, names: dict[nn.Module, str]) -> ChannelGroup:
    """A torch-pruning group in our words; `blocks` is 0 where a grouped convolution has only some of its channels."""
    group = ChannelGroup(root=name, channels=part.out_channels)
    blocks = 1
    for item in whole:
        layer = item.dep.target.module
        if not isinstance(layer, (nn.Conv2d, nn.Linear)):
            continue
        inward = item.dep.handler in (torch_pruning.prune_conv_in_channels, torch_pruning.prune_linear_in_channels)
        place = group.columns if inward and not is_depthwise(layer) else group.rows
        place[names[layer]] = np.array([list(item.root_idxs), list(item.idxs)])
        if isinstance(layer, nn.Conv2d) and layer.groups > 1 and not is_depthwise(layer):
            complete = len(item.idxs) == (layer.in_channels if inward else layer.out_channels) == part.out_channels
            complete &= layer.groups != layer.out_channels  # torch-pruning takes that for depthwise, which it is not
            blocks = math.lcm(blocks, layer.groups) if complete else 0
    fits = blocks and part.out_channels % blocks == 0
    return ChannelGroup(root=name, channels=part.out_channels, rows=group.rows, columns=group.columns,
                        blocks=blocks if fits else 0)


def without(masks: Masks, groups: list[ChannelGroup], doomed: dict[str, list[int]],
            module: nn.Module) -> Masks:
    """The masks with all weights False that go with the filters `doomed`, by root: what `remove` would leave."""
    left = {name: mask.copy() for name, mask in masks.items()}
    parts = dict(module.named_modules())
    for group in groups:
        gone = np.isin(np.arange(group.channels), doomed.get(group.root, []))
        for name, (channels, own) in group.rows.items():
            left[name][own[gone[channels]]] = False
        for name, (channels, own) in group.columns.items():
            inputs = own[gone[channels]]
            wide, high = left[name].shape[1], len(left[name]) // getattr(parts[name], "groups", 1)
            for block, column in zip(*np.divmod(inputs, wide), strict=True):
                left[name][block * high : (block + 1) * high, column] = False
    return left


def remove(module: nn.Module, doomed: dict[str, list[int]], shape: tuple[int, ...]) -> None:
    """Remove channels in place, by the root of their group, with all that depends on them."""
    parts = dict(module.named_modules())
    for name, channels in doomed.items():
        if channels:
            graph = _graph(module, shape)
            graph.get_pruning_group(parts[name], torch_pruning.prune_conv_out_channels, idxs=channels).prune()
    try:
        with torch.no_grad():
            module(torch.zeros(2, *shape))
    except Exception as error:
        raise UserError(f"the network does not work without its filters (a size written into a view or reshape? "
                        f"flatten(1) adapts itself): {str(error).splitlines()[0]}") from None
