"""Random: filters drawn from the seed; what the paper compares with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokeep.criteria.criterion import Criterion

if TYPE_CHECKING:
    import numpy as np


def draw(filters: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A place in a random order for each filter: of (O, K), (O,)."""
    return generator.permutation(len(filters))


CRITERION = Criterion(name="random", text="remove filters drawn from the seed", rank=draw)
