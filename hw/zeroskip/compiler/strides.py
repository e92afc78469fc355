"""Maps that are read in several strides, or in one that a map cannot lie for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from zeroskip.compiler.lower import identity
from zeroskip.compiler.steps import Map, Pooling, Step
from zeroskip.spec.config import EngineConfig

COLUMN_PHASES = (1, 2, 4)
MOST_ROW_PHASES = 4
LARGEST_WINDOW = 7


def agreed(config: EngineConfig, incoming: Mapping[str, Map], steps: Sequence[Step], leaving: str) -> list[Step]:
    """The same steps, each map read in one stride that it can lie for.

    A map that comes in lies as most of its readers want it. A map that is made in order, and read in one stride alone,
    is written in phase planes. Else a reader gets a copy of its own; and where phase planes are too many, it computes
    all results in between, and leaves them out.
    """
    done: list[Step] = []
    for step in steps:
        done.append(_dense_if_needed(config, incoming, step))
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
                    found.append(_copy(config, maps[source], source, copies[key], chosen[source]))
                source = copies[key]
            sources.append(source)
        found.append(replace(step, sources=tuple(sources)))
    return found


def _chosen(name: str, counts: Counter[tuple[int, int]], incoming: Mapping[str, Map], makers: Mapping[str, Step]
            ) -> tuple[int, int]:
    """The stride for which a map lies."""
    if name in incoming:
        return (1, 1) if (1, 1) in counts else counts.most_common(1)[0][0]
    maker = makers[name]
    plain = maker.pooling is None and maker.part_of is None and maker.factor == (1, 1) and not maker.raw
    return next(iter(counts)) if plain and len(counts) == 1 else (1, 1)


def _copy(config: EngineConfig, own: Map, source: str, name: str, stride: tuple[int, int]) -> Step:
    assert stride == (1, 1), f"map {source!r} lies in phases {stride} and is read otherwise, too"
    return identity(name, source, own, name)


def _dense_if_needed(config: EngineConfig, incoming: Mapping[str, Map], step: Step) -> Step:
    """A step whose stride no map can lie for computes all results, of which the way out takes the first ones."""
    sizes = [s for source, s in zip(step.sources, step.strides, strict=True)
             if source not in incoming and not _fits(config, s)]
    if not sizes:
        return step
    (sy, sx) = stride = sizes[0]
    if sy != sx or any(own != stride for own in step.strides) or step.pooling is not None or step.factor != (1, 1):
        raise ValueError(f"step {step.name!r}: a stride of {stride} is not to be had here")
    rows, columns = (step.result.rows - 1) * sy + 1, (step.result.columns - 1) * sx + 1
    return replace(step, strides=((1, 1),) * len(step.sources), pooling=Pooling(window=sy, largest=False),
                   result=replace(step.result, rows=rows, columns=columns))


def _fits(config: EngineConfig, stride: tuple[int, int]) -> bool:
    return stride[0] <= MOST_ROW_PHASES and stride[1] in COLUMN_PHASES and stride[1] <= config.vector
