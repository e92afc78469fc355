"""Equally many non-zero weights for every lane of the array, each filter in one of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zerokeep.removal import Masks

ROUNDS = 20
"""Filters are given to lanes by their counts, which change: so many times at most until it is settled."""


def share_filters(counts: np.ndarray, lanes: int) -> np.ndarray:
    """Filters over lanes: the longest first to the least loaded lane that has room for one more.

    Parameters
    ----------
    counts
        Non-zero weights of every filter, int (filters,).
    lanes
        How many.

    Returns
    -------
    numpy.ndarray
        int64 (lanes, most filters of a lane): filter numbers, -1 where a lane has fewer.
    """
    size = -(-len(counts) // lanes)
    table = np.full((lanes, size), -1, np.int64)
    filled, load = np.zeros(lanes, int), np.zeros(lanes, int)
    for number in np.argsort(-counts, kind="stable"):
        lane = int(np.where(filled < size, load, np.iinfo(int).max).argmin())
        table[lane, filled[lane]] = number
        filled[lane] += 1
        load[lane] += counts[number]
    return table


def lane_loads(mask: np.ndarray, lanes: int) -> np.ndarray:
    """Non-zero weights in each lane, int (lanes,), of a mask (O, ...) as its filters are shared."""
    counts = mask.reshape(len(mask), -1).sum(axis=1)
    table = share_filters(counts, lanes)
    return np.where(table >= 0, counts[table], 0).sum(axis=1)


def balance_layer(weight: np.ndarray, mask: np.ndarray, lanes: int) -> np.ndarray:
    """A mask of as many weights, equally many in each lane (one more in some, where they cannot be shared evenly).

    A lane with too many gives up its smallest magnitudes, one with too few takes its largest that were left out. That
    changes the filters' counts, by which they are shared: so it is done again until it is settled, or the best
    of ``ROUNDS`` is taken.

    Parameters
    ----------
    weight, mask
        (O, ...); what the mask leaves out is to be zero.
    lanes
        Of the array.
    """
    flat = np.abs(weight).reshape(len(weight), -1)
    tried = best = mask.reshape(flat.shape)
    for _ in range(ROUNDS):
        if np.ptp(lane_loads(tried, lanes)) < np.ptp(lane_loads(best, lanes)):
            best = tried
        if np.ptp(lane_loads(best, lanes)) <= 1:
            break
        tried = _evened(flat, tried, lanes)
    return best.reshape(mask.shape)


def _evened(magnitudes: np.ndarray, mask: np.ndarray, lanes: int) -> np.ndarray:
    """The mask with equally many in each lane as its filters are shared now: of (O, K), (O, K)."""
    table = share_filters(mask.sum(axis=1), lanes)
    goal, more = divmod(int(mask.sum()), lanes)
    found = mask.copy()
    if goal >= (table >= 0).sum(axis=1).min() * mask.shape[1]:
        return found  # a lane has not so many weights at all
    for number, row in enumerate(table):
        filters = np.sort(row[row >= 0])
        found[filters] = _trimmed(magnitudes[filters], mask[filters], goal + (number < more))
    return found


def _trimmed(magnitudes: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """The mask with `count` True: the largest of those that were there, then of those that were not."""
    order = np.lexsort((magnitudes.ravel(), mask.ravel()))
    kept = np.zeros(mask.size, bool)
    kept[order[mask.size - count :]] = True
    return kept.reshape(mask.shape)


def balance(weights: Mapping[str, np.ndarray], masks: Masks, lanes: int) -> Masks:
    """``balance_layer`` for every layer."""
    return {name: balance_layer(weights[name], mask, lanes) for name, mask in masks.items()}
