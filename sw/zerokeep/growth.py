"""Zeros that grow while a network is fine-tuned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from zerokeep.balance import balance
from zerokeep.cycle_costs import weight_costs
from zerokeep.prune import Pruned, weights_of
from zerokeep.recipe import Recipe
from zerokeep.removal import Masks
from zerokeep.thresholds import Ranking
from zeroskip.spec.config import PRESETS, EngineConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class Growth:
    """How many weights of each layer stay in the end, and by what they are chosen.

    Parameters
    ----------
    counts
        By layer.
    costs
        Cycles that a weight costs, by layer: the square of a weight is divided by them. Empty: magnitudes count.
    lanes
        Each gets equally many in the end; ``None``: as it comes.
    """

    counts: dict[str, int]
    costs: dict[str, np.ndarray]
    lanes: int | None = None

    def masks(self, module: nn.Module, share: float) -> Masks:
        """The weights that stay when `share` of the growth is done, 0 to 1.

        The density falls as the cube of what is left to do: Zhu and Gupta, "To prune, or not to prune", 2017, eq. 1.
        """
        weights = weights_of(module)
        found: Masks = {}
        for name, weight in weights.items():
            final = self.counts[name]
            count = round(final + (weight.size - final) * (1 - share) ** 3)
            score = np.square(weight, dtype=np.float64) / self.costs.get(name, 1.0)
            found |= Ranking({name: score}).best(count)
        return balance(weights, found, self.lanes) if share >= 1 and self.lanes is not None else found


def growth_of(pruned: Pruned, recipe: Recipe, numbers: torch.Tensor, config: EngineConfig = PRESETS["base"]) -> Growth:
    """The growth that ends with as many weights in each layer as `pruned` has; arguments as for ``prune``."""
    counts = {name: int(np.count_nonzero(weight)) for name, weight in weights_of(pruned.module).items()}
    costs = weight_costs(pruned.dense, numbers, config) if recipe.line == "cycles" else {}
    return Growth(counts=counts, costs=costs, lanes=config.lanes if recipe.chosen.balanced else None)
