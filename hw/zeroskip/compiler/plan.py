"""Rasters, layouts and places: how the steps of a program lie in the map memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from zeroskip.compiler.in_place import predecessors
from zeroskip.compiler.layout import Layout, Margin, margin_of
from zeroskip.compiler.leaving import way_out, zeros_around
from zeroskip.compiler.places import Placed, PlanError, Work, beside, lives_of, placed
from zeroskip.compiler.steps import Map, Step
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS

WHOLE = (1, 1)
LONGEST_PITCH = (1 << COLUMN_BITS) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Where each map lies, and the pitch in which each step computes."""

    maps: Mapping[str, Placed]
    pitches: Sequence[int]
    kept: Mapping[str, bool]
    """Whether a map is alone in its place."""
    released: int
    """The step after which the next map may come in."""
    cycles: float
    """What the choice costs, about, to be compared with other plans of the same steps."""


def phases_of(steps: Sequence[Step]) -> dict[str, tuple[int, int]]:
    """By how much the readers of each map step."""
    found: dict[str, tuple[int, int]] = {}
    for step in steps:
        for source, stride in zip(step.sources, step.strides, strict=True):
            if found.setdefault(source, stride) != stride:
                raise PlanError(f"map {source!r} is read in steps of {found[source]} and of {stride}")
    return found


def plan(config: EngineConfig, incoming: Mapping[str, Map], steps: Sequence[Step], leaving: str) -> Plan:
    """Place all maps of a program; `leaving` goes out by the stream, `incoming` come by one.

    The next map can come in early if it keeps its place; only where that does not fit it does not. Of rows that are as
    long as those of the maps that are scattered, and shorter ones, which take fewer vectors but more zeros, the better
    are taken.
    """
    maps = dict(incoming) | {step.out: step.written for step in steps}
    found: list[Plan] = []
    failure: PlanError | None = None
    for stay in (True, False):
        for tied in (True, False):
            try:
                found.append(_planned(config, incoming, steps, leaving, maps, tied=tied, stay=stay))
            except PlanError as error:
                failure = error
        if found:
            return min(found, key=lambda own: own.cycles)
    assert failure is not None
    raise failure


def _planned(config: EngineConfig, incoming: Mapping[str, Map], steps: Sequence[Step], leaving: str,
             maps: Mapping[str, Map], *, tied: bool, stay: bool) -> Plan:
    phases = phases_of(steps)
    before = {name: own for name, own in predecessors(steps, incoming, leaving).items()
              if phases.get(name, WHOLE) == phases[own] == WHOLE}
    margins = _margins(maps, steps, phases)
    for pairs in (reversed(before.items()), before.items()):  # they lie alike, and so do those of a chain
        for name, own in pairs:
            margins[name] = margins[own] = margins.get(name, Margin()).with_(margins[own])
    pitches = _pitches(maps, steps, phases, margins, tied=tied)
    layouts = {
        name: Layout(channels=own.channels, rows=own.rows, columns=own.columns, phases=phases.get(name, WHOLE),
                     pitch=pitches[name], margin=margins.get(name, Margin()), banks=config.banks)
        for name, own in maps.items()
    }
    rasters = [_raster_pitch(step, layouts) for step in steps]
    lives = lives_of(incoming, steps, stay=stay)
    places, disturbed = placed(Work(
        config=config, steps=steps, lives=lives, predecessors=before,
        layouts={name: own for name, own in layouts.items() if name != leaving},
        zeros=_zeros(config, steps, rasters, layouts, leaving)))
    return Plan(maps={**places, leaving: Placed(layout=layouts[leaving], base=0)}, pitches=rasters,
                kept={name: not beside(name, places) for name in places},
                released=_released(incoming, places, lives, steps),
                cycles=disturbed + sum(map(_multiplying, [config] * len(steps), steps, rasters)))


def _multiplying(config: EngineConfig, step: Step, pitch: int) -> float:
    """Cycles of a step's lists, about, on all lanes."""
    vectors = -(-((step.result.rows - 1) * pitch + step.result.columns) // config.vector)
    return sum(map(len, step.taps)) * vectors / config.lanes


def _zeros(config: EngineConfig, steps: Sequence[Step], rasters: Sequence[int], layouts: Mapping[str, Layout],
           leaving: str) -> dict[str, int]:
    """Words of zeros around each map, which have to be written every time unless it is alone in its place."""
    found: dict[str, int] = {}
    for step, pitch in zip(steps, rasters, strict=True):
        if step.out != leaving:
            layout = layouts[step.out]
            out = way_out(config, step, pitch, layout, stream=False, pads=True)
            gaps, _ = zeros_around(config, step, pitch, layout, out)
            found.setdefault(step.out, layout.lead // config.banks)
            found[step.out] += len(gaps) * step.written.channels
    return found


def _margins(maps: Mapping[str, Map], steps: Sequence[Step], phases: Mapping[str, tuple[int, int]]
             ) -> dict[str, Margin]:
    found: dict[str, Margin] = {}
    for step in steps:
        for number, source in enumerate(step.sources):
            rows = np.concatenate([taps.row[taps.source == number] for taps in step.taps] or [np.zeros(0, int)])
            columns = np.concatenate([taps.column[taps.source == number] for taps in step.taps] or [np.zeros(0, int)])
            own = margin_of(maps[source], phases[source], rows, columns, step.result.rows, step.result.columns)
            found[source] = found.get(source, Margin()).with_(own)
    return found


def _ratio(step: Step, phases: Mapping[str, tuple[int, int]]) -> Fraction:
    """The pitch of the map that a step writes, by the pitch of its raster."""
    window = step.pooling.window if step.pooling is not None else 1
    return Fraction(step.spread[1], window * phases.get(step.out, (1, 1))[1])


def _pitches(maps: Mapping[str, Map], steps: Sequence[Step], phases: Mapping[str, tuple[int, int]],
             margins: Mapping[str, Margin], *, tied: bool) -> dict[str, int]:
    """The least pitches so that a step's sources and result agree.

    A raster of one row binds nothing. What is scattered can have a pitch of its own, but for that its column phases
    divide the raster's; with `tied` it has the raster's, too, so that the zeros between its rows are written with them.
    """
    unit, root = {name: Fraction(1) for name in maps}, {name: name for name in maps}

    def bind(one: str, other: str, ratio: Fraction) -> None:
        """`other` has `ratio` times the pitch of `one`."""
        if root[one] == root[other]:
            if unit[one] * ratio != unit[other]:
                raise PlanError(f"maps {one!r} and {other!r} cannot lie in rows that agree")
            return
        factor, old = unit[one] * ratio / unit[other], root[other]
        for name in maps:
            if root[name] == old:
                root[name], unit[name] = root[one], unit[name] * factor

    for step in steps:
        if step.result.rows > 1:
            for source in step.sources[1:]:
                bind(step.sources[0], source, Fraction(1))
            scatters = phases.get(step.out, (1, 1)) != (1, 1) or step.spread != (1, 1)
            if tied or not scatters:
                bind(step.sources[0], step.out, _ratio(step, phases))
    least: dict[str, Fraction] = {}
    for name, own in maps.items():
        margin, columns = margins.get(name, Margin()), -(-own.columns // phases.get(name, (1, 1))[1])
        needed = columns + max(margin.left, margin.right)
        least[root[name]] = max(least.get(root[name], Fraction(0)), Fraction(needed) / unit[name])
    scattered = {step.sources[0]: phases[step.out][1] for step in steps if step.out in phases and step.result.rows > 1}
    whole = {name: _whole_unit([unit[m] / scattered.get(m, 1) for m in maps if root[m] == name], least[name])
             for name in least}
    found = {name: int(whole[root[name]] * unit[name]) for name in maps}
    for name, pitch in found.items():
        if pitch > LONGEST_PITCH:
            raise PlanError(f"map {name!r} needs rows of {pitch} positions, a row has at most {LONGEST_PITCH}: cut it "
                            "into strips of columns")
    return found


def _whole_unit(units: Sequence[Fraction], least: Fraction) -> Fraction:
    """The least pitch of the root, `least` or more, that makes all pitches integers."""
    step = Fraction(1)
    for own in units:
        step = Fraction(np.lcm(step.numerator, own.denominator))
    return -(-least // step) * step


def _raster_pitch(step: Step, layouts: Mapping[str, Layout]) -> int:
    """The pitch in which a step computes; in one row it only has to be long enough."""
    if step.result.rows > 1:
        return layouts[step.sources[0]].pitch
    unit = int(np.lcm(step.pooling.window if step.pooling is not None else 1, layouts[step.out].phases[1]))
    return -(-step.result.columns // unit) * unit


def _released(incoming: Mapping[str, Map], places: Mapping[str, Placed], lives: Mapping[str, tuple[int, int]],
              steps: Sequence[Step]) -> int:
    """The last step that needs a map that came in, or another one in its place."""
    (name,) = incoming
    last_read = max(number for number, step in enumerate(steps) if name in step.sources)
    return max((lives[other][1] for other in beside(name, places)), default=last_read)
