"""Make a failing session of the fuzz smaller for as long as it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from cosim.fuzz_cases import Session
from zeroskip.compiler.packed import PackError
from zeroskip.layer import Layer, LayerError
from zeroskip.packing import pack

SECONDS = 180
"""After so many seconds what is found is taken."""
TOGETHER = 24
"""Candidates that are tried between two looks at what failed."""
CHUNKS = (2, 4, 8)
"""Into how many parts what is not zero is cut, to set one part to zero."""


def size(session: Session) -> int:
    """What is to become smaller: every number of the layers, those that are not zero or one more than others."""
    total: Any = 0
    for step in session.steps:
        layer = step.layer
        for array in (layer.weight, layer.needed_input(), np.asarray(layer.bias)):
            total += 10 * array.size + 5 * np.count_nonzero(array) + np.count_nonzero(np.abs(array.astype(int)) > 1)
        total += 10 * sum((*layer.stride, *layer.padding, *layer.dilation)) + 100 * (layer.multiplier is not None)
        total += 15 * (layer.rounding != "up") + 15 * (layer.padding_end != layer.padding) + 1000
        total += 50 * (step.abort_after is not None)
    return int(total)


def _with_filters(layer: Layer, kept: slice) -> dict[str, Any]:
    changes: dict[str, Any] = {"weight": layer.weight[kept], "bias": np.asarray(layer.bias)[kept]}
    if layer.multiplier is not None and layer.shift is not None:
        changes |= {"multiplier": layer.multiplier[kept], "shift": layer.shift[kept]}
    return changes


def _halves(count: int) -> list[slice]:
    """Both halves of a range, and all of it but the first or the last."""
    if count < 2:
        return []
    found = [slice(0, count // 2), slice(count // 2, count)]
    return found if count < 4 else [*found, slice(1, count), slice(0, count - 1)]


def _thinner(array: np.ndarray) -> Iterator[np.ndarray]:
    """One part after the other of what is not zero set to zero; then everything to one."""
    places = np.flatnonzero(array)
    for count in CHUNKS:
        if count <= len(places):
            for part in np.array_split(places, count):
                thinned = array.copy()
                thinned.flat[part] = 0
                yield thinned
    yield np.where(array != 0, 1, 0).astype(array.dtype)


def changes(layer: Layer) -> Iterator[dict[str, Any]]:
    """Fields of a layer that make it smaller; not all go with the rest."""
    data, weight, groups = layer.needed_input(), layer.weight, layer.groups
    outputs, inputs = len(weight) // groups, layer.channels // groups
    for kept in _halves(len(data)):
        yield {"input": data[kept]}
    for kept in _halves(groups):  # whole groups, or none of them
        some = kept.stop - kept.start
        yield {**_with_filters(layer, slice(kept.start * outputs, kept.stop * outputs)), "groups": some,
               "input": data[:, kept.start * inputs : kept.stop * inputs]}
    if groups == 1:
        for kept in _halves(len(weight)):
            yield _with_filters(layer, kept)
        for kept in _halves(layer.channels):
            yield {"weight": weight[:, kept], "input": data[:, kept]}
    for axis in range(2, weight.ndim):
        for kept in _halves(data.shape[axis]):
            yield {"input": data[(slice(None),) * axis + (kept,)]}
        for kept in _halves(weight.shape[axis]):
            yield {"weight": weight[(slice(None),) * axis + (kept,)]}
    for name, least in (("stride", 1), ("dilation", 1), ("padding", 0)):
        pair = getattr(layer, name)
        for value in {(least, pair[1]), (pair[0], least), tuple(max(least, v - 1) for v in pair)} - {pair}:
            yield {name: value, "padding_end": value} if name == "padding" else {name: value}
    if layer.padding_end != layer.padding:
        yield {"padding_end": layer.padding}
    if layer.rounding != "up":
        yield {"rounding": "up"}
    if layer.multiplier is not None:
        yield {"multiplier": None, "shift": None, "clamp": None, "output_dtype": "uint8", "rounding": "up"}
    yield {"bias": np.zeros(len(weight), np.int32)}
    for name in ("weight", "input"):
        for array in _thinner(getattr(layer, name)):
            yield {name: array}


def smaller(session: Session) -> list[Session]:
    """Sessions that are smaller by one change and can be packed: the one without pauses, then the smallest first."""
    found = [replace(session, stall=0.0)] if session.stall else []
    *earlier, last = session.steps
    for kept in [slice(0, 0), *_halves(len(earlier))] if earlier else []:
        found.append(replace(session, steps=(*earlier[kept], last)))
    for number, step in enumerate(session.steps):
        for fields in changes(step.layer):
            try:
                layer = replace(step.layer, **fields)
                pack(layer, session.config, step.engine)
            except (LayerError, PackError):
                continue
            steps = (*session.steps[:number], replace(step, layer=layer), *session.steps[number + 1 :])
            found.append(replace(session, steps=steps))
    limit = size(session)
    found = [candidate for candidate in found if candidate.stall < session.stall or size(candidate) < limit]
    return sorted(found, key=lambda candidate: (candidate.stall == session.stall, size(candidate)))


def shrink(session: Session, first_failing: Callable[[list[Session]], Session | None]) -> Session:
    """The smallest session that was found to fail; `session` fails.

    `first_failing` gives the first of some sessions whose last step is wrong.
    """
    end = time.monotonic() + SECONDS
    while True:
        candidates = smaller(session)
        for start in range(0, len(candidates), TOGETHER):
            failing = first_failing(candidates[start : start + TOGETHER])
            if time.monotonic() > end:
                return failing or session
            if failing is not None:
                session = failing
                break
        else:
            return session


def alone(session: Session, number: int) -> Iterator[Session]:
    """The step of that number with less and less left out: by itself, after the one before it, after all."""
    for first in dict.fromkeys((number, max(0, number - 1), 0)):
        yield replace(session, steps=session.steps[first : number + 1])
