"""What a criterion is: which filters go first, and whether any weight is set to zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

Rank: TypeAlias = "Callable[[np.ndarray, np.random.Generator], np.ndarray]"
"""Of the filters (O, K), their zeros set, a number each, (O,): the lowest go first, among equals the lower index."""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One way to choose what goes.

    Parameters
    ----------
    name, text
        As the command line has them.
    rank
        ``None``: no filter goes.
    zeros
        Whether small weights are set to zero.
    threshold
        The zero threshold that belongs to it, a key of ``zerokeep.recipe.THRESHOLDS``; ``None``: the recipe's.
    balanced
        Whether every lane of the array gets equally many non-zero weights.
    """

    name: str
    text: str
    rank: Rank | None = None
    zeros: bool = True
    threshold: str | None = None
    balanced: bool = False


def lowest(ranks: np.ndarray, count: int) -> list[int]:
    """The numbers of the `count` lowest `ranks`, in rising order; among equals the lower number.

    >>> import numpy as np
    >>> lowest(np.array([3, 1, 2, 1]), 3)
    [1, 2, 3]
    """
    return sorted(int(number) for number in ranks.argsort(kind="stable")[:count])
