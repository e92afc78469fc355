"""Most zeros first: the conventional way, the reverse of zero-keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zerokeep.criteria.criterion import Criterion

if TYPE_CHECKING:
    import numpy as np


def nonzeros(filters: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Non-zeros of each filter: of (O, K), (O,)."""
    return (filters != 0).sum(axis=1)


CRITERION = Criterion(name="most-zeros", text="remove the filters with the most zeros", rank=nonzeros)
