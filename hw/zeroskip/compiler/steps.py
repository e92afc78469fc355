"""What the array does, one step after the other: every kind of layer as lists of taps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zeroskip.spec.words import Kind

RAW_SHIFT = 1
"""With a multiplier of 2 it leaves a sum as it is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Map:
    """A map of codes: `channels` planes of `rows` x `columns`, uint8, or int8 with `signed`."""

    channels: int
    rows: int
    columns: int
    signed: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Taps:
    """What a filter multiplies: one tap for each weight that is not zero, in the order in which it is added.

    Parameters
    ----------
    source
        Which of the step's sources the activation is of.
    channel, row, column
        Where it lies for the result in row 0 and column 0; beyond the map there is padding.
    weight
        int64, -128..127.
    kind
        ``Kind`` of each.
    """

    source: np.ndarray
    channel: np.ndarray
    row: np.ndarray
    column: np.ndarray
    weight: np.ndarray
    kind: np.ndarray

    @classmethod
    def of(cls, channel: np.ndarray, row: np.ndarray, column: np.ndarray, weight: np.ndarray, *, source: int = 0,
           kind: int = Kind.ADD) -> Taps:
        """Taps of one source and one kind."""
        channel, row, column, weight = np.broadcast_arrays(channel, row, column, weight)
        whole = np.full(channel.shape, 0)
        return cls(source=whole + source, channel=channel, row=row, column=column, weight=weight, kind=whole + kind)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.weight)

    def __add__(self, other: Taps) -> Taps:
        """These, then the others."""
        return Taps(**{name: np.concatenate([getattr(self, name), getattr(other, name)])
                       for name in self.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True, eq=False)
class Pooling:
    """One value of each square of `window` x `window` results: the largest, or the first.

    Squares that are not whole are left out where the largest counts.
    """

    window: int
    largest: bool

    def left(self, size: int) -> int:
        """Rows or columns that are left of so many."""
        return size // self.window if self.largest else -(-size // self.window)

    def squares(self, positions: int, pitch: int) -> int:
        """How many values so many positions of a raster leave, those of columns that are no results among them."""
        rows, rest = divmod(positions, pitch)
        at = self.window - 1 if self.largest else 0  # the row of a square in which its value leaves
        whole = (rows + self.window - 1 - at) // self.window
        return whole * (pitch // self.window) + (rest // self.window if rows % self.window == at else 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One step of the array.

    Parameters
    ----------
    name
        What reports call it.
    sources
        Names of the maps that it reads.
    strides
        For each source, by how many rows and columns its activations lie apart for neighbouring results.
    result
        The map that it makes, before any pooling.
    out
        The name of the map that is left.
    taps
        Of each filter.
    bias, multiplier, shift
        int64 (filters,).
    low, high
        Clamping.
    even
        Rounding half to even.
    raw
        The sums are the result, 32 bits each.
    pooling
        What is done with the results, where anything.
    table
        256 codes, by the code as an unsigned number, where the results go through one.
    part_of
        (first channel, channels in all) of the map `out`, where several steps make it.
    factor
        How often each result stands in `out`, in rows and columns (nearest upsampling).
    across
        How many channels stand in one plane of `out`, their columns in turn.
    phases
        In how many phases of rows and columns `out` is made, each of a channel's as a channel of its own.
    """

    name: str
    sources: tuple[str, ...]
    strides: tuple[tuple[int, int], ...]
    result: Map
    out: str
    taps: tuple[Taps, ...] = field(repr=False)
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    low: int
    high: int
    even: bool = False
    raw: bool = False
    pooling: Pooling | None = None
    table: np.ndarray | None = None
    part_of: tuple[int, int] | None = None
    factor: tuple[int, int] = (1, 1)
    across: int = 1
    phases: tuple[int, int] = (1, 1)

    @property
    def filters(self) -> int:
        """How many filters it has."""
        return len(self.taps)

    @property
    def written(self) -> Map:
        """The map that is written, all its parts together."""
        rows, columns = self.result.rows, self.result.columns
        if self.pooling is not None:
            rows, columns = self.pooling.left(rows), self.pooling.left(columns)
        rows, columns = rows * self.spread[0], columns * self.spread[1]
        return Map(channels=self.part_of[1] if self.part_of else self.filters // self.across, rows=rows,
                   columns=columns, signed=self.result.signed)

    @property
    def spread(self) -> tuple[int, int]:
        """Rows and columns of `out` from a result to the next."""
        return self.factor[0], self.factor[1] * self.across

    def spots(self, number: int) -> list[tuple[int, int]]:
        """Rows and columns after its own in which a filter's results stand."""
        return [(0, number % self.across)] if self.across > 1 else list(np.ndindex(*self.factor))

    def planes(self, values: np.ndarray) -> np.ndarray:
        """The values of the map `out`, channel after channel and row after row, as `written` has it."""
        (py, px), across, written = self.phases, self.across, self.written
        rows, columns = written.rows, written.columns // across
        phased = values.reshape(-1, rows, py, columns, px).transpose(0, 2, 4, 1, 3)
        return phased.reshape(-1, across, rows, columns).transpose(0, 2, 3, 1).reshape(-1, rows, columns * across)
