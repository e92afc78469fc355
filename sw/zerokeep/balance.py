"""Equally many non-zero weights for every lane of the array, as its packer gives filters to lanes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zerokeep.removal import Masks
from zeroskip.arrangement import share_filters

ROUNDS = 20
"""The packer gives filters to lanes by their counts, which change: so many times at most until it is settled."""


def lane_loads(mask: np.ndarray, lanes: int) -> np.ndarray:
    """Non-zero weights in each lane, int (lanes,), of a mask (O, ...) as the packer shares its filters."""
    counts = mask.reshape(len(mask), -1).sum(axis=1)
    table = share_filters(counts, lanes)
    return np.where(table >= 0, counts[table], 0).sum(axis=1)


def balance_layer(weight: np.ndarray, mask: np.ndarray, lanes: int) -> np.ndarray:
    """A mask of as many weights, equally many in each lane (one more in some, where they cannot be shared evenly).

    A lane with too many gives up its smallest magnitudes, one with too few takes its largest that were left out.

    Parameters
    ----------
    weight, mask
        (O, ...); what the mask leaves out is to be zero.
    lanes
        Of a group of the array.
    """
    flat = np.abs(weight).reshape(len(weight), -1)
    found = mask.reshape(flat.shape).copy()
    goal, more = divmod(int(found.sum()), lanes)
    for _ in range(ROUNDS):
        table = share_filters(found.sum(axis=1), lanes)
        loads = np.array([found[row[row >= 0]].sum() for row in table])
        wanted = np.full(lanes, goal)
        wanted[np.argsort(-loads, kind="stable")[:more]] += 1
        sizes = np.array([(row >= 0).sum() * flat.shape[1] for row in table])
        if (loads == wanted).all() or (wanted > sizes).any():
            break
        for row, count in zip(table, wanted, strict=True):
            filters = np.sort(row[row >= 0])
            found[filters] = _trimmed(flat[filters], found[filters], int(count))
    return found.reshape(mask.shape)


def _trimmed(magnitudes: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """The mask with `count` True: the largest of those that were there, then of those that were not."""
    order = np.lexsort((magnitudes.ravel(), mask.ravel()))
    kept = np.zeros(mask.size, bool)
    kept[order[mask.size - count :]] = True
    return kept.reshape(mask.shape)


def balance(weights: Mapping[str, np.ndarray], masks: Masks, lanes: int) -> Masks:
    """``balance_layer`` for every layer."""
    return {name: balance_layer(weights[name], mask, lanes) for name, mask in masks.items()}
