"""Random: filters drawn from the seed; what the paper compares with."""

from __future__ import annotations

import numpy as np

from zerokeep.criteria.criterion import Criterion


def draw(filters: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A place in a random order for each filter: of (O, K), (O,)."""
    return generator.permutation(len(filters))


CRITERION = Criterion(name="random", text="remove filters drawn from the seed", rank=draw)
