"""L1 norm: the filters with the smallest sum of magnitudes go.

Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokeep.criteria.criterion import Criterion

if TYPE_CHECKING:
    import numpy as np


def norm(filters: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The sum of magnitudes of each filter: of (O, K), (O,)."""
    return abs(filters).sum(axis=1)


CRITERION = Criterion(name="l1", text="remove the filters with the smallest L1 norm", rank=norm)
