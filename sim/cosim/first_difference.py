"""Where a network's answer went wrong first: the maps that an engine wrote, against those that it should have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zeroskip.compiler.build import Builder
from zeroskip.compiler.layers import VectorPacked

STEP, STREAM, WORD, MASK = range(4)
"""Columns of the rows that a testbench keeps."""


def first_difference(packed: VectorPacked, expected: Mapping[str, np.ndarray], rows: np.ndarray, data: np.ndarray
                     ) -> str | None:
    """A sentence on the first value that was written wrongly; nothing where all that was written was right.

    Parameters
    ----------
    packed
        A network.
    expected
        The result of each of its steps for all images, (N, ...), by the step's name.
    rows, data
        Of each word that was written, in order: step, whether it left the array, its number, a bit for each byte that
        counts, int64 (words, 4); and its bytes, uint8 (words, bytes of a beat).
    """
    builder = packed.builder
    assert builder is not None
    image, before = 0, 0
    for (step, stream, word, mask), own in zip(rows.tolist(), data, strict=True):
        image, before = image + (step < before), step
        if step >= len(builder.steps) or image >= packed.results:
            continue
        wrong = _wrong(builder, packed, step, bool(stream), word, mask, own, image, expected)
        if wrong is not None:
            return wrong
    return None


def _wrong(builder: Builder, packed: VectorPacked, number: int, stream: bool, word: int, mask: int, data: np.ndarray,
           image: int, expected: Mapping[str, np.ndarray]) -> str | None:
    step = builder.steps[number]
    whole = expected.get(step.out)
    if whole is None or step.raw:
        return None  # a copy in another layout, or sums: what comes of them is looked at
    own_map, written = whole[image], step.written
    wanted = step.planes(own_map)
    names = step.planes(np.arange(own_map.size))
    places = _places(builder, packed, number, stream)
    banks = packed.made.config.banks
    for bank in range(banks):
        at = places.get(word * banks + bank)
        if mask >> bank & 1 and at is not None:
            value, right = int(data[bank]), int(wanted[at])
            if value != right & 0xFF:
                found = value - 256 if written.signed and value > 127 else value
                channel, row, column = (*map(int, np.unravel_index(names[at], own_map.shape)), 0, 0)[:3]
                return (f"image {image}, step {step.name!r}: channel {channel}, row {row}, column {column} of "
                        f"{step.out!r} was written as {found}, expected {right}")
    return None


def _places(builder: Builder, packed: VectorPacked, number: int, stream: bool) -> dict[int, tuple[int, int, int]]:
    """Channel, row and column by the position in the memory, or in the stream."""
    step = builder.steps[number]
    written, leaving = step.written, packed.made.leaving
    channel, row, column = (axis.ravel() for axis in np.indices((written.channels, written.rows, written.columns)))
    if stream:
        position = channel * leaving.plane * packed.made.config.banks + row * leaving.pitch + column
    else:
        placed = builder.plan.maps[step.out]
        position = placed.origin + placed.layout.position(channel, row, column)
    return dict(zip(position.tolist(), zip(channel.tolist(), row.tolist(), column.tolist(), strict=True), strict=True))
