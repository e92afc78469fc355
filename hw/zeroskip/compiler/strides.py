"""Maps that are read in several strides, or in one that a map cannot lie for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from zeroskip.compiler.lower import UnsupportedError, identity
from zeroskip.compiler.steps import Map, Pooling, Step
from zeroskip.spec.config import EngineConfig

COLUMN_PHASES = (1, 2, 4)
MOST_ROW_PHASES = 4
LARGEST_WINDOW = 7


def with_own_exit(incoming: Mapping[str, Map], steps: Sequence[Step], leaving: str) -> tuple[list[Step], str]:
    """The same steps, with a copy of the map that goes out where it cannot go as it is made; and that map's name.

    What goes out is made by one step, in order, and is not read again.
    """
    found = list(steps)
    makers = [step for step in steps if step.out == leaving]
    read = any(leaving in step.sources for step in steps)
    if leaving in incoming or read or len(makers) > 1 or makers[0].spread != (1, 1):
        own = incoming[leaving] if leaving in incoming else makers[0].written
        found.append(identity(f"{leaving}.out", leaving, own, f"{leaving}.out"))
    return found, found[-1].out if len(found) > len(steps) else leaving


def agreed(config: EngineConfig, incoming: Mapping[str, Map], steps: Sequence[Step]) -> list[Step]:
    """The same steps, each map read in one stride that it can lie for.

    A map that comes in lies as its readers want it, if they agree. A map that is made in order, and read in one stride
    alone, is written in phase planes. Else a reader gets a copy of its own; and where phase planes are too many, it
    computes all results in between, and leaves them out.
    """
    read = {name: {stride for step in steps for source, stride in zip(step.sources, step.strides, strict=True)
                   if source == name} for name in incoming}
    alone = {name for name, strides in read.items() if len(strides) == 1}  # the host lays it for any stride
    done = [own for step in steps for own in _realised(config, alone, step)]
    maps = dict(incoming) | {step.out: step.written for step in done}
    makers = {step.out: step for step in done}
    wanted: dict[str, Counter[tuple[int, int]]] = {}
    for step in done:
        for source, stride in zip(step.sources, step.strides, strict=True):
            wanted.setdefault(source, Counter())[stride] += 1
    chosen = {name: _chosen(name, counts, incoming, makers) for name, counts in wanted.items()}
    copies: dict[tuple[str, tuple[int, int]], str] = {}
    found: list[Step] = []
    for step in done:
        sources = []
        for source, stride in zip(step.sources, step.strides, strict=True):
            if stride != chosen[source]:
                key = (source, stride)
                if key not in copies:
                    copies[key] = f"{source}.by{stride[0]}x{stride[1]}"
                    found.append(identity(copies[key], source, maps[source], copies[key]))
                source = copies[key]
            sources.append(source)
        found.append(replace(step, sources=tuple(sources)))
    return found


def _chosen(name: str, counts: Counter[tuple[int, int]], incoming: Mapping[str, Map], makers: Mapping[str, Step]
            ) -> tuple[int, int]:
    """The stride for which a map lies."""
    if name in incoming:
        return next(iter(counts)) if len(counts) == 1 else (1, 1)
    maker = makers[name]
    plain = maker.pooling is None and maker.part_of is None and maker.spread == (1, 1) and not maker.raw
    return next(iter(counts)) if plain and len(counts) == 1 else (1, 1)


def _realised(config: EngineConfig, alone: set[str], step: Step) -> list[Step]:
    """Steps that do the same in strides that a map can lie for.

    The way out leaves out rows and columns alike; where only columns are too many, rows are doubled before.
    """
    sizes = {s for source, s in zip(step.sources, step.strides, strict=True)
             if source not in alone and not _fits(config, s)}
    if not sizes:
        return [step]
    (sy, sx), *others = sizes
    if others or any(s != (sy, sx) for s in step.strides):
        raise UnsupportedError(f"step {step.name!r} reads maps in strides {sorted({*step.strides})} at once")
    if step.pooling is not None:
        whole = replace(step, pooling=None, out=f"{step.out}.whole")
        given = replace(step.result, channels=step.filters)
        return [*_realised(config, alone, whole),
                identity(f"{step.name}.pool", whole.out, given, step.out, pooling=step.pooling)]
    columns = (step.result.columns - 1) * sx + 1
    if sy == sx:
        rows = (step.result.rows - 1) * sy + 1
        return [replace(step, strides=((1, 1),) * len(step.sources), pooling=Pooling(window=sy, largest=False),
                        result=replace(step.result, rows=rows, columns=columns))]
    wide = replace(step.result, columns=columns, channels=step.filters)
    first = replace(step, strides=((sy, 1),) * len(step.sources), result=wide, out=f"{step.out}.wide")
    second = identity(f"{step.name}.high", first.out, wide, f"{step.out}.high", factor=(sx, 1))
    high = replace(wide, rows=(wide.rows - 1) * sx + 1)
    third = identity(f"{step.name}.thin", second.out, high, step.out, pooling=Pooling(window=sx, largest=False))
    return [first, second, third]


def _fits(config: EngineConfig, stride: tuple[int, int]) -> bool:
    return stride[0] <= MOST_ROW_PHASES and stride[1] in COLUMN_PHASES and stride[1] <= config.vector
