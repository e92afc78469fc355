"""Which weights are set to zero: each way gives every weight a score, and those below a line go.

The line is the zero ratio itself where scores are shares of a layer or multiples of its deviation, and lies where so
large a share of the network is below it where they are compared over the whole network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Weights = Mapping[str, np.ndarray]
Scores = dict[str, np.ndarray]
Masks = dict[str, np.ndarray]

KEPT = 2.0
"""The score of a weight that stays at any ratio."""


def places(weight: np.ndarray) -> np.ndarray:
    """Each weight's place in the order of magnitudes, as a share from 0 to 1; among equals the earlier is lower.

    >>> places(np.array([[3.0, -1.0], [-4.0, 1.0]])).tolist()
    [[0.625, 0.125], [0.875, 0.375]]
    """
    scores = np.empty(weight.size)
    scores[np.argsort(np.abs(weight), axis=None, kind="stable")] = (np.arange(weight.size) + 0.5) / weight.size
    return scores.reshape(weight.shape)


def lamp(weight: np.ndarray) -> np.ndarray:
    """w**2 over the sum of it and all larger ones of the layer: scores that can be compared between layers.

    Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning", ICLR 2021, eq. 3. So the last weight of a
    layer scores 1, whatever its size.

    >>> lamp(np.array([1.0, 3.0, 2.0])).round(3).tolist()
    [0.071, 1.0, 0.308]
    """
    squares = weight.astype(np.float64).ravel() ** 2
    order = np.argsort(squares, kind="stable")
    rest = np.cumsum(squares[order][::-1])[::-1]
    scores = np.empty(squares.size)
    scores[order] = np.divide(squares[order], rest, out=np.zeros(squares.size), where=rest > 0)
    return scores.reshape(weight.shape)


def by_layer(weights: Weights, costs: Weights, limits: Mapping[str, float]) -> Scores:
    """Places in the layer; what lies above the layer's limit stays."""
    found = {name: places(weight) for name, weight in weights.items()}
    return {name: np.where(score > limits.get(name, 1.0), KEPT, score) for name, score in found.items()}


def by_network(weights: Weights, costs: Weights, limits: Mapping[str, float]) -> Scores:
    """LAMP."""
    return {name: lamp(weight) for name, weight in weights.items()}


def by_deviation(weights: Weights, costs: Weights, limits: Mapping[str, float]) -> Scores:
    """Magnitudes as multiples of the layer's standard deviation."""
    return {name: np.abs(weight) / (weight.std() or 1.0) for name, weight in weights.items()}


def by_cycles(weights: Weights, costs: Weights, limits: Mapping[str, float]) -> Scores:
    """LAMP for each cycle that the weight costs."""
    return {name: lamp(weight) / costs[name] for name, weight in weights.items()}


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """One way: its `scores` of weights, costs and limits by layer, and whether ratios are of the network."""

    scores: Callable[[Weights, Weights, Mapping[str, float]], Scores]
    of_network: bool


THRESHOLDS = {
    "layer": Threshold(scores=by_layer, of_network=False),
    "global": Threshold(scores=by_network, of_network=True),
    "deviation": Threshold(scores=by_deviation, of_network=False),
    "cycles": Threshold(scores=by_cycles, of_network=True),
}
"""By the names of ``zerokeep.recipe.THRESHOLDS``, which says what they are."""


class Ranking:
    """All weights of a network in the order of their scores, whatever the layer; among equals the earlier is higher."""

    def __init__(self, scores: Weights) -> None:
        self.shapes = {name: score.shape for name, score in scores.items()}
        every = np.concatenate([score.ravel() for score in scores.values()])
        self.order = np.argsort(-every, kind="stable")

    def best(self, count: int, alive: Masks | None = None) -> Masks:
        """The masks of the `count` highest, of those `alive` where that is given; True where a weight stays."""
        order = self.order
        if alive is not None:
            order = order[np.concatenate([alive[name].ravel() for name in self.shapes])[order]]
        mask = np.zeros(self.order.size, bool)
        mask[order[:count]] = True
        parts = np.split(mask, np.cumsum([np.prod(shape) for shape in self.shapes.values()])[:-1])
        return {name: part.reshape(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}


def at_ratio(threshold: Threshold, scores: Scores, ratio: float) -> Masks:
    """The masks at a zero ratio; for ``"deviation"`` at that multiple of the standard deviation."""
    if not threshold.of_network:
        return {name: score >= ratio for name, score in scores.items()}
    size = sum(score.size for score in scores.values())
    return Ranking(scores).best(size - round(ratio * size))
