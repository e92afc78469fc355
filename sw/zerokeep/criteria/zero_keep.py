"""Zero-keep: the filters with the FEWEST zeros go, so that those that stay are full of them.

Woo et al., "Zero-Keep Filter Pruning for Energy Efficient Deep Neural Network", ICTC 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokeep.criteria.criterion import Criterion

if TYPE_CHECKING:
    import numpy as np


def zeros(filters: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Zeros of each filter: of (O, K), (O,)."""
    return (filters == 0).sum(axis=1)


CRITERION = Criterion(name="zero-keep", text="remove the filters with the fewest zeros", rank=zeros)
