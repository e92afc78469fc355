"""Where the cycles of a run went: classes of each step, products that count, and those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeroskip.compiler.steps import Step
from zeroskip.cycles import state
from zeroskip.cycles.model import Run

CLASSES = {
    "multiplying": "an entry is issued",
    "ending": "an empty slot, which only ends a list",
    "stolen": "a write takes the memory port that the entry reads",
    "blocked": "the way out has no place yet for the sums, or for the next ones",
    "looking": "no word: the reader, or the look-ahead, has not found one yet",
    "leaving": "all is issued, and the last sums leave",
    "imbalance": "waiting for a lane that still works",
    "map": "all wait for a map",
    "release": "from the last lane's waiting until all go on: a step's fixed cost",
    "instructions": "fetching and carrying out instructions; a step's fixed cost, too",
    "filling": "writing zeros by an instruction",
    "program": "all wait for a part of the program",
}
"""Classes of a lane's cycles, in the order of ``state``, and what each means; each cycle is in one of them."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Cycles of lanes and products: of a step, or of several.

    Parameters
    ----------
    cycles
        For each of `CLASSES`, the cycles of all lanes together.
    multiplications
        Multiplier slots that were used: P for each entry issued.
    gated
        Those of them that met a zero.
    pairs
        Products of two numbers that are not zero, at a place that is a result.
    """

    cycles: Mapping[str, int]
    multiplications: int
    gated: int
    pairs: int

    @property
    def beyond(self) -> int:
        """Products of two numbers that are not zero at a place that is no result."""
        return self.multiplications - self.gated - self.pairs

    @property
    def total(self) -> int:
        """The cycles of all lanes."""
        return sum(self.cycles.values())


def account(run: Run, vector: int, steps: Sequence[int] | None = None) -> Account:
    """The account of a run, or of some of its steps; `vector`: the engine's P."""
    counts = run.counts if steps is None else run.counts[list(steps)]
    summed = counts.sum(axis=(0, 1))
    return Account(cycles={name: int(summed[number]) for number, name in enumerate(CLASSES)},
                   multiplications=int(summed[state.MULTIPLYING]) * vector, gated=int(summed[state.GATED]),
                   pairs=int(summed[state.PAIRS]))


def columns(steps: Sequence[Step]) -> dict[int, int]:
    """For each step, by its number, the columns of its results before pooling: what `model.run` wants to know."""
    return {number: step.result.columns for number, step in enumerate(steps)}


def lanes(run: Run) -> npt.NDArray[np.int64]:
    """Cycles by class, (lanes, classes): every row adds up to the run's total."""
    return run.counts[:, :, :state.CLASSES].sum(axis=0)
