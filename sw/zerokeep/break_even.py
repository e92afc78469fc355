"""Up to which density of non-zeros an array that skips zeros beats a dense one: in cycles, and in what is weighed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zeroskip.random_layer import convolution
from zeroskip.spec.config import EngineConfig

DENSITIES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
LAYER = "3 x 3, 32 > 64 channels, 14 x 14 pixels"
ENGINES = ("dense", "skip-both")


def predicted(config: EngineConfig, densities: Sequence[float] = DENSITIES) -> list[dict[str, Any]]:
    """Cycles end to end of ``LAYER`` on ``ENGINES``, by the cycle model, both operands of the same density."""
    from zerokeep.prediction import predict_layer

    found = []
    for density in densities:
        layer = convolution(64, 32, 3, 14, weights=density, activations=density)
        found.append({"density": density, "cycles": {
            engine: predict_layer(layer, config, engine)["end_to_end"] for engine in ENGINES}})
    return found


def advantage(points: Sequence[Mapping[str, Any]], cost: Callable[[Mapping[str, Any], str], float]
              ) -> list[tuple[float, float]]:
    """(density, cost of the dense engine over that of skip-both), given what a point costs an engine."""
    return [(point["density"], cost(point, "dense") / cost(point, "skip-both")) for point in points]


def crossing(curve: Sequence[tuple[float, float]]) -> float | None:
    """The density from which on the dense engine wins, between the points linearly; None: it does not.

    >>> crossing([(0.1, 3.0), (0.3, 1.5), (0.5, 0.5), (1.0, 0.2)]), crossing([(0.5, 2.0), (1.0, 1.1)])
    (0.4, None)
    >>> crossing([(0.5, 0.9), (1.0, 0.8)])
    0.5
    """
    before = None
    for density, ratio in curve:
        if ratio < 1:
            if before is None:
                return density
            at, was = before
            return at + (density - at) * (was - 1) / (was - ratio)
        before = density, ratio
    return None
