"""Maps that are made phase by phase: a plane for each phase of a channel, as if it were a channel of its own.

A map that is read in steps of two lies in phase planes. The step that makes it can scatter its results to them, which
takes the way out several words for a vector. Or it makes each plane by lists of its own, as one more filter: the same
weights at other offsets, in a map that itself lies in phase planes, and so on up to the map that comes in, which the
host lays as it is wanted. That takes as many lists as there are phases, and the way out a word for each vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zeroskip.compiler.program import Program
from zeroskip.compiler.steps import Map, Step, Taps

Phases = tuple[int, int]
WHOLE: Phases = (1, 1)
MOST_PHASES = 4
"""Of rows, and of columns."""
MOST_CHOICES = 12
"""Programs that are tried."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Phased:
    """A network's steps, some of whose maps are made phase by phase.

    Parameters
    ----------
    incoming
        The maps that come in, with a channel for each phase.
    steps
        The steps, with a filter for each phase.
    phases
        Of each map: in how many phases it is made, by rows and by columns.
    """

    incoming: Mapping[str, Map]
    steps: Sequence[Step]
    phases: Mapping[str, Phases]
    given: Map
    """The map that comes in, as the host has it."""

    def laid(self, program: Program) -> Program:
        """The program of the steps, which takes the map that comes in as the host has it."""
        ((name, _),) = self.incoming.items()
        if self.phases[name] == WHOLE:
            return program
        layout = replace(program.incoming.layout, channels=self.given.channels, rows=self.given.rows,
                         columns=self.given.columns, phases=self.phases[name])
        return replace(program, incoming=replace(program.incoming, layout=layout))


def choices(incoming: Mapping[str, Map], steps: Sequence[Step], leaving: str) -> list[Phased]:
    """Ways to make the same maps: first the steps as they are, which scatter all that is read in steps of two."""
    (given,) = incoming.values()
    found = [Phased(incoming=incoming, steps=steps, phases=dict.fromkeys(incoming, WHOLE), given=given)]
    for phases in _assignments(incoming, steps, leaving):
        if len(found) == MOST_CHOICES:
            break
        if any(own != WHOLE for name, own in phases.items() if name not in incoming):
            found.append(_phased(incoming, steps, phases))
    return found


def _assignments(incoming: Mapping[str, Map], steps: Sequence[Step], leaving: str) -> Iterator[dict[str, Phases]]:
    """Phases of all maps: from the last map back to the first one, each whole, or in the phases of its readers."""
    maps = dict(incoming) | {step.out: step.written for step in steps}
    order = [*dict.fromkeys(step.out for step in reversed(steps)), *incoming]

    def rest(at: int, phases: dict[str, Phases]) -> Iterator[dict[str, Phases]]:
        if at == len(order):
            yield dict(phases)
            return
        name = order[at]
        wanted = {_times(stride, phases[step.out]) for step in steps
                  for source, stride in zip(step.sources, step.strides, strict=True) if source == name}
        if len(wanted) > 1:
            return
        own = next(iter(wanted), WHOLE)
        plain = all(phases[step.out] == WHOLE for step in steps if name in step.sources)
        options = [own]
        if name not in incoming:
            makers = [step for step in steps if step.out == name]
            rows = [(own[0], 1)] if plain else []
            options = [option for option in (own, *rows)
                       if option != WHOLE and name != leaving and _divides(makers, maps[name], option)]
            options += [WHOLE] if plain else []
        for option in dict.fromkeys(options):
            yield from rest(at + 1, phases | {name: option})

    return rest(0, {})


def _times(one: Phases, other: Phases) -> Phases:
    return one[0] * other[0], one[1] * other[1]


def _divides(makers: Sequence[Step], made: Map, phases: Phases) -> bool:
    """Whether a map can be made phase by phase: its planes are alike, and the way out does nothing but requantise."""
    plain = all(step.pooling is None and step.spread == (1, 1) and not step.raw for step in makers)
    return plain and max(phases) <= MOST_PHASES and made.rows % phases[0] == 0 and made.columns % phases[1] == 0


def planes_of(given: Map, phases: Phases) -> Map:
    """The map with a channel for each phase of a channel."""
    return replace(given, channels=given.channels * phases[0] * phases[1], rows=-(-given.rows // phases[0]),
                   columns=-(-given.columns // phases[1]))


def _phased(incoming: Mapping[str, Map], steps: Sequence[Step], phases: Mapping[str, Phases]) -> Phased:
    return Phased(incoming={name: planes_of(own, phases[name]) for name, own in incoming.items()},
                  steps=[_step(step, phases) for step in steps], phases=phases, given=next(iter(incoming.values())))


def _step(step: Step, phases: Mapping[str, Phases]) -> Step:
    """The step with a filter for each phase of its map, and taps in the phases of its sources."""
    fy, fx = phases[step.out]
    count = fy * fx
    sources, strides = [phases[name] for name in step.sources], []
    for (sy, sx), (py, px) in zip(step.strides, sources, strict=True):
        strides.append((sy * fy // py, sx * fx // px))
    if count == 1 and all(own == WHOLE for own in sources):
        return step
    taps = tuple(_taps(own, step.strides, sources, phase) for own in step.taps for phase in np.ndindex(fy, fx))
    result = replace(planes_of(step.result, (fy, fx)), channels=step.result.channels * count)
    return replace(step, strides=tuple(strides), taps=taps, result=result, phases=(fy, fx),
                   bias=np.repeat(step.bias, count), multiplier=np.repeat(step.multiplier, count),
                   shift=np.repeat(step.shift, count),
                   part_of=step.part_of and (step.part_of[0] * count, step.part_of[1] * count))


def _taps(taps: Taps, strides: Sequence[Phases], sources: Sequence[Phases], phase: Sequence[int]) -> Taps:
    """A filter's taps for the results of one phase: which plane of its source each one lies in, and where there."""
    channel, row, column = taps.channel.copy(), taps.row.copy(), taps.column.copy()
    for number, ((sy, sx), (py, px)) in enumerate(zip(strides, sources, strict=True)):
        own = taps.source == number
        y, x = taps.row[own] + sy * phase[0], taps.column[own] + sx * phase[1]
        channel[own] = taps.channel[own] * py * px + y % py * px + x % px
        row[own], column[own] = y // py, x // px
    return replace(taps, channel=channel, row=row, column=column)
