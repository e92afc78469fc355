"""Geometric median (FPGM): the filters that the others can best stand in for go.

He et al., "Filter Pruning via Geometric Median for Deep Convolutional Neural Networks Acceleration", CVPR 2019, eq. 5:
those with the smallest sum of distances to all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokeep.criteria.criterion import Criterion

if TYPE_CHECKING:
    import numpy as np


def distances(filters: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The sum of Euclidean distances of each filter to all others: of (O, K), (O,).

    >>> import numpy as np
    >>> distances(np.array([[0.0, 0], [3, 4], [0, 1]]), np.random.default_rng(0)).round(2).tolist()
    [6.0, 9.24, 5.24]
    """
    import numpy as np

    return np.array([np.sqrt(((filters - own) ** 2).sum(axis=1)).sum() for own in filters])


CRITERION = Criterion(name="fpgm", text="remove the filters nearest to the others' geometric median", rank=distances)
