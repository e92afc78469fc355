"""A recipe done to a network: zeros are set, filters are ranked by them, and really go."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from zerokeep.balance import balance
from zerokeep.criteria.criterion import lowest
from zerokeep.cycle_costs import weight_costs
from zerokeep.errors import UserError
from zerokeep.recipe import Recipe
from zerokeep.removal import ChannelGroup, Masks, channel_groups, remove, weighted_layers, without
from zerokeep.thresholds import KEPT, THRESHOLDS, Ranking, Scores, at_ratio
from zeroskip.spec.config import PRESETS, EngineConfig

COST_IMAGES = 256
"""So many images at most tell how often a channel is zero."""
Plan = tuple[Masks, dict[str, list[int]]]
"""Weights that stay before filters go, by layer; and the filters that go, by the root of their group."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pruned:
    """A pruned network, not yet fine-tuned.

    Parameters
    ----------
    module
        Smaller than the base; its zeros are set.
    dense
        The same with no weight set to zero, to let the zeros grow from.
    removed
        Filters that went, by the first layer of their group.
    """

    module: nn.Module
    dense: nn.Module
    removed: dict[str, list[int]]


def weights_of(module: nn.Module) -> dict[str, np.ndarray]:
    """The weights by layer, as they are (no copies)."""
    return {name: part.weight.detach().numpy() for name, part in weighted_layers(module)}


def apply(module: nn.Module, masks: Masks) -> None:
    """Set to zero in place what the masks leave out."""
    with torch.no_grad():
        for name, part in weighted_layers(module):
            part.weight.mul_(torch.from_numpy(masks[name]))


class Pruner:
    """Masks and filters of a recipe for one network.

    Parameters
    ----------
    base
        The trained network.
    recipe
        What to do.
    numbers
        Images as the network sees them, float (N, C, H, W); one will do, but for a recipe that counts cycles.
    config
        The array that the recipe is for.
    """

    def __init__(self, base: nn.Module, recipe: Recipe, numbers: torch.Tensor, config: EngineConfig) -> None:
        self.base, self.recipe, self.config = base, recipe, config
        self.weights = weights_of(base)
        self.shape = tuple(numbers.shape[1:])
        self.groups: list[ChannelGroup] = channel_groups(base, self.shape) if recipe.removes_filters else []
        self.costs = weight_costs(base, numbers[:COST_IMAGES], config) if recipe.line == "cycles" else {}
        kinds = [(name, "linear" if isinstance(part, nn.Linear) else "conv") for name, part in weighted_layers(base)]
        self.limits = recipe.limits(kinds)

    @property
    def scores(self) -> Scores:
        """What every weight scores by the recipe's threshold."""
        return THRESHOLDS[self.recipe.line].scores(self.weights, self.costs, self.limits)

    def doomed(self, masks: Masks, filter_ratio: float) -> dict[str, list[int]]:
        """The filters that go, by the root of their group: all are ranked before any is removed."""
        rank = self.recipe.chosen.rank
        if rank is None:
            return {}
        generator = np.random.default_rng(self.recipe.seed)
        zeroed = {name: weight * masks[name] for name, weight in self.weights.items()}
        found = {}
        for group in self.groups:
            count = min(int(filter_ratio * group.choices + 1e-9), group.choices - 1)
            found[group.root] = group.chosen(lowest(rank(group.filters(zeroed), generator), count))
        return found

    def plan(self) -> Plan:
        """The masks before removal and the filters that go.

        Raises
        ------
        UserError
            The recipe's ``nzer_orig`` cannot be reached.
        """
        recipe, size = self.recipe, sum(weight.size for weight in self.weights.values())
        whole = {name: np.ones(weight.shape, bool) for name, weight in self.weights.items()}
        goal = None if recipe.nzer_orig is None else round(recipe.nzer_orig * size)
        if not recipe.chosen.zeros:
            if goal is None:
                return whole, self.doomed(whole, recipe.filter_ratio)
            return self._search(goal, 0, size, lambda gone: (whole, self.doomed(whole, gone / size)))
        scores = self.scores
        if goal is None:
            masks = at_ratio(THRESHOLDS[recipe.line], scores, recipe.zero_ratio)
            return masks, self.doomed(masks, recipe.filter_ratio)

        ranking = Ranking(scores)

        def at(gone: int) -> Plan:
            masks = ranking.best(size - gone)
            return masks, self.doomed(masks, recipe.filter_ratio)

        kept = sum(int((score >= KEPT).sum()) for score in scores.values()) if recipe.line == "layer" else 0
        _, doomed = self._search(goal, 0, size - kept, at)
        return ranking.best(goal, without(whole, self.groups, doomed, self.base)), doomed

    def _search(self, goal: int, low: int, high: int, at: Callable[[int], Plan]) -> Plan:
        """A plan `at` a number that leaves no more than `goal` weights, and nearly as many, by halving."""
        plan = at(high)
        if (left := self.left(plan)) > goal:
            raise UserError(f"nzer_orig {self.recipe.nzer_orig} cannot be reached by {self.recipe.criterion} with "
                            f"threshold {self.recipe.line}: at least {left} weights are left, asked are {goal}")
        while high - low > 1:
            middle = (low + high) // 2
            tried = at(middle)
            if self.left(tried) > goal:
                low = middle
            else:
                high, plan = middle, tried
        return plan

    def left(self, plan: Plan) -> int:
        """Non-zero weights that a plan leaves."""
        left = without(plan[0], self.groups, plan[1], self.base)
        return sum(int(np.count_nonzero(mask & (self.weights[name] != 0))) for name, mask in left.items())


def prune(base: nn.Module, recipe: Recipe, numbers: torch.Tensor, config: EngineConfig = PRESETS["base"]) -> Pruned:
    """Prune a copy of `base`, without fine-tuning it; `numbers` and `config` as for ``Pruner``."""
    dense = copy.deepcopy(base).eval()
    pruner = Pruner(dense, recipe, numbers, config)
    masks, doomed = pruner.plan()
    module = copy.deepcopy(dense)
    apply(module, masks)
    for network in (module, dense):
        remove(network, doomed, pruner.shape)
    if recipe.chosen.balanced:
        left = {name: weight != 0 for name, weight in weights_of(module).items()}
        module = copy.deepcopy(dense)
        apply(module, balance(weights_of(dense), left, config.lanes))
    return Pruned(module=module, dense=dense, removed=doomed)
