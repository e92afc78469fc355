"""Averages of whole maps: channels side by side, so that the positions of a vector are channels.

The average of a whole map is one value for each channel. As a filter each, it fills one position of a vector. So the
step before writes several channels into one plane, column by column in turn; the entries that sum one channel's plane
then sum those of its neighbours in the positions beside it, and the averages lie side by side, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zeroskip.compiler.steps import Map, Step, Taps
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS

CHOICES = (2, 4, 8)
"""Channels side by side that are tried."""
WORD_COST = 0.05
"""Cycles that a word which is written costs the lanes that read, about."""


def side_by_side(config: EngineConfig, steps: Sequence[Step], leaving: str) -> list[Step]:
    """The same steps, the averages of whole maps taken of several channels at once where that takes fewer cycles."""
    found = list(steps)
    for step in steps:
        maker = _maker(found, step, leaving)
        if maker is not None:
            channels = min((1, *CHOICES), key=lambda own: _cycles(config, maker, step, own))
            if channels > 1:
                found = [_with(own, maker, step, channels) for own in found]
    return found


def _maker(steps: Sequence[Step], step: Step, leaving: str) -> Step | None:
    """The step that makes what `step` is the average of, if both can be done for several channels at once."""
    makers = [own for own in steps if own.out == step.sources[0]]
    whole = (step.result.rows, step.result.columns) == (1, 1) and len(step.sources) == 1 and step.out != leaving
    if not whole or step.part_of is not None or step.raw or len(makers) != 1 or not _alike(step):
        return None
    (maker,) = makers
    only = [own for own in steps if maker.out in own.sources] == [step]
    plain = maker.pooling is None and maker.part_of is None and maker.factor == (1, 1) and not maker.raw
    readers = all((own.result.rows, own.result.columns) == (1, 1) for own in steps if step.out in own.sources)
    return maker if only and plain and readers and maker.result.columns > 1 else None


def _alike(step: Step) -> bool:
    """Whether each filter does the same with the channel of its number."""
    first = step.taps[0]
    same = all(len(set(own.tolist())) == 1 for own in (step.bias, step.multiplier, step.shift))
    return same and all((taps.channel == number).all() and all(
        np.array_equal(getattr(taps, name), getattr(first, name)) for name in ("row", "column", "weight", "kind")
    ) for number, taps in enumerate(step.taps))


def _cycles(config: EngineConfig, maker: Step, step: Step, channels: int) -> float:
    """Cycles of both steps, about; infinite where it cannot be done."""
    columns = maker.result.columns * channels
    if maker.filters % channels or channels > config.vector or columns >= 1 << COLUMN_BITS:
        return float("inf")
    vectors = -(-maker.result.rows * maker.result.columns // config.vector)
    words = max(1, config.vector * channels // config.banks)
    least = config.vector // config.ways if channels == 1 else max(config.vector + words, config.lanes * (words + 1))
    made = sum(max(len(taps), least) + WORD_COST * words * config.lanes for taps in maker.taps) * vectors
    return (made + len(step.taps[0]) * maker.filters / channels) / config.lanes


def _with(own: Step, maker: Step, step: Step, channels: int) -> Step:
    """A step of the network, with so many channels of `maker` side by side."""
    if own is maker:
        return replace(own, across=channels)
    if own is step:
        count = own.filters // channels
        result = Map(channels=count, rows=1, columns=channels, signed=own.result.signed)
        taps = tuple(replace(taps, column=taps.column * channels) for taps in own.taps[:count])
        # one result has no next one; of several, the next one is the next column
        return replace(own, taps=taps, result=result, strides=((1, 1),), bias=own.bias[:count],
                       multiplier=own.multiplier[:count], shift=own.shift[:count])
    if step.out not in own.sources:
        return own
    sources = [number for number, name in enumerate(own.sources) if name == step.out]
    return replace(own, taps=tuple(_found(taps, sources, channels) for taps in own.taps))


def _found(taps: Taps, sources: Sequence[int], channels: int) -> Taps:
    """Taps that find the averages where they lie."""
    theirs = np.isin(taps.source, sources)
    return replace(taps, channel=np.where(theirs, taps.channel // channels, taps.channel),
                   column=np.where(theirs, taps.column + taps.channel % channels, taps.column))
