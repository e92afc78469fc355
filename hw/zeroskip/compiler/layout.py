"""How a map lies in the memory: flattened rows, with the padding really stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeroskip.compiler.steps import Map


@dataclass(frozen=True, kw_only=True)
class Margin:
    """Rows and columns of zeros that the readers of a map want around it."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def with_(self, other: Margin) -> Margin:
        """What satisfies both."""
        return Margin(**{name: max(getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the values of a map lie.

    A plane is a channel's values in one phase: rows r and columns c with r % phases[0] and c % phases[1] alike, one
    row of it `pitch` positions after the other. The columns that a row does not fill are zeros, and are the padding to
    its right and to the left of the next row; so are the `zeros` behind each plane, and before the first one.

    Parameters
    ----------
    channels, rows, columns
        Of the map.
    phases
        By how many rows and columns its readers step.
    pitch
        Positions from a row of a plane to the next.
    margin
        Zeros that readers want, in rows and columns of a plane.
    banks
        Positions in a word of the memory; a plane begins with a word.
    """

    channels: int
    rows: int
    columns: int
    phases: tuple[int, int]
    pitch: int
    margin: Margin
    banks: int

    @property
    def plane_rows(self) -> int:
        """Rows of a plane."""
        return -(-self.rows // self.phases[0])

    @property
    def plane_columns(self) -> int:
        """Columns of a plane that are not padding."""
        return -(-self.columns // self.phases[1])

    @property
    def filled(self) -> int:
        """Positions of a plane before the zeros behind it."""
        return self.plane_rows * self.pitch

    @property
    def lead(self) -> int:
        """Positions of zeros before the first plane."""
        return self._whole(self.margin.top * self.pitch + self.margin.left)

    @property
    def plane(self) -> int:
        """Positions from a plane to the next."""
        ahead, behind = self.margin.top * self.pitch + self.margin.left, self.margin.bottom * self.pitch
        last = self.pitch - self.plane_columns  # zeros that the last row ends with
        behind += max(0, self.margin.right - last)
        return self._whole(self.filled + max(ahead - last, behind, 0))

    def _whole(self, positions: int) -> int:
        return -(-positions // self.banks) * self.banks

    @property
    def channel(self) -> int:
        """Positions from a channel to the next."""
        return self.plane * self.phases[0] * self.phases[1]

    @property
    def size(self) -> int:
        """Positions that it takes, the zeros before the first plane among them."""
        return self.lead + self.channels * self.channel

    @property
    def words(self) -> int:
        """Words of the memory that it takes."""
        return self.size // self.banks

    def position(self, channel: npt.ArrayLike, row: npt.ArrayLike, column: npt.ArrayLike) -> np.ndarray:
        """Where values lie, from the begin of the first plane on; rows and columns of padding included."""
        (py, px), row, column = self.phases, np.asarray(row), np.asarray(column)
        phase = row % py * px + column % px
        return np.asarray(channel) * self.channel + phase * self.plane + row // py * self.pitch + column // px

    def image(self, values: np.ndarray) -> np.ndarray:
        """The words (words, banks), uint8, of a map (channels, rows, columns) of codes."""
        whole = np.zeros(self.size, np.uint8)
        channel, row, column = np.indices(values.shape)
        whole[self.lead + self.position(channel, row, column)] = values.astype(np.uint8)
        return whole.reshape(-1, self.banks)

    def values(self, words: np.ndarray, signed: bool) -> np.ndarray:
        """The map (channels, rows, columns) that lies in words, uint8 or int8; the inverse of `image`."""
        channel, row, column = np.indices((self.channels, self.rows, self.columns))
        found = words.reshape(-1)[self.lead + self.position(channel, row, column)]
        return found.view(np.int8) if signed else found


def margin_of(source: Map, phases: tuple[int, int], rows: np.ndarray, columns: np.ndarray, out_rows: int,
              out_columns: int) -> Margin:
    """Zeros around a source's planes, for taps at `rows` and `columns` and so many results in steps of `phases`."""
    (py, px) = phases
    plane_rows, plane_columns = -(-source.rows // py), -(-source.columns // px)
    down, along = rows // py, columns // px  # of the first result, in rows and columns of a plane
    return Margin(top=max(0, -int(down.min(initial=0))), left=max(0, -int(along.min(initial=0))),
                  bottom=max(0, int(down.max(initial=0)) + out_rows - plane_rows),
                  right=max(0, int(along.max(initial=0)) + out_columns - plane_columns))
