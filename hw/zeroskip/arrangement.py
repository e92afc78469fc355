"""How the groups of a zero-skip array share a layer: over filters, output rows and output columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.layer import Layer


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """``splits * rows * cols`` groups: group g has split g // (rows * cols), then its row, then its column.

    Groups of one split hold the same filters; groups of one (row, col) work on the same output pixels: P neighbours
    in a row. With `raster` the columns are places in the sequence of all output pixels, and run on over row ends.
    """

    splits: int
    rows: int
    cols: int
    raster: bool = False

    def place(self, group: int) -> tuple[int, int, int]:
        """(split, row, col) of a group."""
        split, rest = divmod(group, self.rows * self.cols)
        return split, rest // self.cols, rest % self.cols

    @property
    def flips(self) -> tuple[int, int]:
        """(columns, rows): what a group's number is XORed with where groups change places, 0 for never.

        In every other block they do, so that no group has all the blocks that the map's edge cuts.
        """
        if self.raster or self.rows & (self.rows - 1) or self.cols & (self.cols - 1):
            return 0, 0
        return self.cols - 1, (self.rows - 1) * self.cols


def arrangements(groups: int, pixels: int) -> list[Arrangement]:
    """Every way to share `groups` groups of `pixels` pixels."""
    found = []
    for splits in range(1, groups + 1):
        if groups % splits == 0:
            rest = groups // splits
            found += [Arrangement(splits=splits, rows=rows, cols=rest // rows)
                      for rows in range(1, rest + 1) if rest % rows == 0]
            if pixels > 1:
                found.append(Arrangement(splits=splits, rows=1, cols=rest, raster=True))
    return found


def assign_filters(layer: Layer, lanes: int, tiles: int = 1) -> np.ndarray:
    """Filters to tiles and lanes, the longest first to the least loaded lane that has room.

    The filters of a grouped convolution keep their order over tiles, so that a tile reads few channels.

    Returns
    -------
    numpy.ndarray
        int64 (tiles, lanes, F), F = ceil(filters / lanes / tiles): filter numbers, -1 where a lane has fewer.
    """
    size = -(-layer.filters // (lanes * tiles))
    counts = (layer.weight.reshape(layer.filters, -1) != 0).sum(axis=1)
    if layer.groups == 1:
        return share_filters(counts, lanes * tiles).reshape(tiles, lanes, size)
    return np.stack([share_filters(counts, lanes, np.arange(layer.filters)[first : first + lanes * size], size)
                     for first in range(0, tiles * lanes * size, lanes * size)])


def share_filters(counts: np.ndarray, lanes: int, numbers: np.ndarray | None = None, size: int = 0) -> np.ndarray:
    """Filters over lanes: the longest first to the least loaded lane that has room.

    Parameters
    ----------
    counts
        Non-zero weights of every filter, int (filters,).
    lanes
        How many.
    numbers
        The filters to share; all, if not given.
    size
        Filters that a lane has room for; as many as it takes, if not given.

    Returns
    -------
    numpy.ndarray
        int64 (lanes, size): filter numbers, -1 where a lane has fewer.
    """
    numbers = np.arange(len(counts)) if numbers is None else numbers
    size = size or -(-len(numbers) // lanes)
    table = np.full((lanes, size), -1, np.int64)
    filled, load = np.zeros(lanes, int), np.zeros(lanes, int)
    for number in numbers[np.argsort(-counts[numbers], kind="stable")]:
        lane = int(np.where(filled < size, load, np.iinfo(int).max).argmin())
        table[lane, filled[lane]] = number
        filled[lane] += 1
        load[lane] += counts[number]
    return table
