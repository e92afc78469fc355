"""What goes over an engine's streams, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from zeroskip.layer import Layer


class PackError(ValueError):
    """A layer that does not fit the configuration: the message says what it needs and what there is."""


def need(what: str, needed: int, there: int) -> None:
    """Raise a PackError where `needed` is more than `there`."""
    if needed > there:
        raise PackError(f"{what}: the layer needs {needed}, the configuration has {there}")


def check_accumulators(layer: Layer, acc_width: int) -> None:
    """Refuse a layer whose worst-case sum (any input of its type, bias included) could overflow.

    Bound: ``sum |weight| * max |activation| + |bias|`` of each filter against ``2 ** (acc_width - 1) - 1``.
    """
    largest = 255 if layer.needed_input().dtype == np.uint8 else 128
    weights = np.abs(layer.weight.reshape(layer.filters, -1).astype(np.int64)).sum(axis=1)
    bounds = weights * largest + np.abs(np.asarray(layer.bias, np.int64))
    worst = int(bounds.argmax())
    need(f"accumulator (worst case of filter {worst})", int(bounds[worst]), 2 ** (acc_width - 1) - 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """A layer, a part of it or a network, packed for one engine: what goes over its streams once.

    Attributes
    ----------
    program, map
        Beats, uint8 (beats, bytes of a beat).
    later
        Packets that follow the program on its stream while maps are at work, likewise: its parts, for each map again.
    result_beats
        Number of beats of the answer.
    decode
        From the answer's beats in the order of their numbers, uint8 (result_beats, bytes of a beat), to the array
        that the integer reference gives.
    results
        Packets in which the answer comes, one for each image or one for all; they have the same number of beats.
    predicted
        The cycle model's figures, ``total`` among them, where somebody asked it.
    """

    program: np.ndarray
    map: np.ndarray
    result_beats: int
    decode: Callable[[np.ndarray], np.ndarray]
    results: int = 1
    later: tuple[np.ndarray, ...] = ()
    predicted: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class PackedLayer:
    """A layer as the programs that run one after the other, usually one.

    Attributes
    ----------
    engine
        Which one runs it.
    programs
        At least one.
    decode
        From the answers' beats, one array for each program, to the array that ``reference.run`` gives.
    predicted
        The cycle model's figures for all of them; ``total`` includes the programs that come after the first one's.
    """

    engine: str
    programs: list[Packed]
    decode: Callable[[list[np.ndarray]], np.ndarray]
    predicted: dict[str, int] = field(default_factory=dict)


def whole(program: Packed, engine: str) -> PackedLayer:
    """A layer that is one program."""
    return PackedLayer(engine=engine, programs=[program], decode=lambda answers: program.decode(answers[0]),
                       predicted=program.predicted)
