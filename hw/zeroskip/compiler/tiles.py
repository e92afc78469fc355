"""One step that does not fit: bands of rows, and groups of filters, each a program of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zeroskip.compiler.build import build
from zeroskip.compiler.places import PlanError
from zeroskip.compiler.program import Program
from zeroskip.compiler.steps import Map, Step
from zeroskip.spec.config import EngineConfig

Execute = Callable[[Program, Sequence[np.ndarray]], Sequence[np.ndarray]]
"""Runs a program over maps (channels, rows, columns) that come one after the other, and gives the results."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Band:
    """Rows of a step's map that are computed alike, one band after the other.

    Parameters
    ----------
    rows
        Of the written map, in a band.
    above
        Rows of the source that lie before the row of a band's first result: the padding of the first band, too.
    step
        By how many rows of the source bands lie apart.
    height
        Rows of the source that a band sees.
    """

    rows: int
    above: int
    step: int
    height: int

    def of(self, source: np.ndarray, number: int) -> np.ndarray:
        """What band `number` sees of a source (channels, rows, columns); zeros beyond its rows."""
        first = number * self.step - self.above
        seen = np.zeros((source.shape[0], self.height, source.shape[2]), source.dtype)
        begin, end = max(0, first), min(source.shape[1], first + self.height)
        if begin < end:
            seen[:, begin - first:end - first] = source[:, begin:end]
        return seen


@dataclass(frozen=True, kw_only=True, eq=False)
class Tiled:
    """A step in bands of rows and groups of filters.

    `programs` are the groups' in order; each runs over all bands. `shape` is that of the written map.
    """

    step: Step
    band: Band
    bands: int
    programs: Sequence[Program]
    shape: tuple[int, int, int]

    def assemble(self, parts: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """The written map from what each program gave for each band."""
        channels = [np.concatenate(bands, axis=1)[:, : self.shape[1]] for bands in parts]
        return np.concatenate(channels)


def _bounds(step: Step) -> tuple[int, int]:
    """The first and the last row of the source that a result in row 0 sees."""
    rows = np.concatenate([taps.row for taps in step.taps] or [np.zeros(0, int)])
    return (int(rows.min()), int(rows.max())) if len(rows) else (0, 0)


def banded(step: Step, source: Map, rows: int) -> tuple[Step, Map, Band]:
    """The step of a band that leaves `rows` rows, the map that it sees, and which rows of the source these are."""
    window = step.pooling.window if step.pooling is not None else 1
    (stride, _), (low, high) = step.strides[0], _bounds(step)
    computed = rows * window
    height = (computed - 1) * stride + high - low + 1
    taps = tuple(replace(own, row=own.row - low) for own in step.taps)
    own = replace(step, taps=taps, result=replace(step.result, rows=computed))
    band = Band(rows=rows, above=-low, step=rows * window * stride, height=height)
    return own, replace(source, rows=height), band


def grouped(step: Step, first: int, count: int) -> Step:
    """The filters from `first` on, so many of them."""
    part = slice(first, first + count)
    return replace(step, taps=step.taps[part], bias=step.bias[part], multiplier=step.multiplier[part],
                   shift=step.shift[part], result=replace(step.result, channels=len(step.taps[part])))


def tiled(config: EngineConfig, step: Step, source: Map, *, look: bool, parts: bool = False) -> Tiled:
    """The fewest programs and bands that were found to fit: bands as high as can be, then groups as large as can be.

    With `parts` one program takes all filters, in as many bands as that needs, if it can be had.

    Raises
    ------
    PlanError
        Not even one row and one filter fit; the message says what is missing.
    """
    if len(step.sources) > 1:
        raise PlanError(f"step {step.name!r} reads {len(step.sources)} maps and does not fit whole")
    whole = step.written
    if parts:
        found = _all_filters(config, step, source, look=look)
        if found is not None:
            return found
    rows = whole.rows
    while True:
        own, seen, band = banded(step, source, rows)
        try:
            _program(config, grouped(own, 0, 1), seen, look=look, parts=parts)
            break
        except PlanError:
            if rows == 1:
                raise
            rows = -(-rows // 2)
    programs, first = [], 0
    count = step.filters
    while first < step.filters:
        count = min(count, step.filters - first)
        try:
            programs.append(_program(config, grouped(own, first, count), seen, look=look, parts=parts))
            first += count
        except PlanError:
            if count == 1:
                raise
            count = -(-count * 3 // 4) if count > 4 else count - 1
    return Tiled(step=step, band=band, bands=-(-whole.rows // rows), programs=programs,
                 shape=(whole.channels, whole.rows, whole.columns))


def _all_filters(config: EngineConfig, step: Step, source: Map, *, look: bool) -> Tiled | None:
    """One program of parts for all filters, in the fewest bands that fit; nothing if none does."""
    whole, bands = step.written, 1
    while bands <= whole.rows:
        rows = -(-whole.rows // bands)
        own, seen, band = banded(step, source, rows)
        try:
            made = _program(config, own, seen, look=look, parts=True)
        except PlanError:
            bands = max(bands + 1, -(-whole.rows // max(1, rows - 1)))
            continue
        return Tiled(step=step, band=band, bands=-(-whole.rows // rows), programs=[made],
                     shape=(whole.channels, whole.rows, whole.columns))
    return None


def _program(config: EngineConfig, step: Step, source: Map, *, look: bool, parts: bool) -> Program:
    (name,) = step.sources
    return build(config, {name: source}, [step], step.out, look=look, parts=parts)[0]


def run(made: Tiled, maps: Mapping[str, np.ndarray], execute: Execute) -> np.ndarray:
    """The written map: `execute(program, maps)` gives the results of maps that come one after the other."""
    (name,) = made.step.sources
    bands = [made.band.of(maps[name], number) for number in range(made.bands)]
    return made.assemble([execute(program, bands) for program in made.programs])
