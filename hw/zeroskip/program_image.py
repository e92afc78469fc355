"""A packed layer: what goes over an engine's streams, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from amaranth.hdl import Shape

from zeroskip.layer import Layer
from zeroskip.program import GROUP_BASES, ConfigRegisters, GroupRegisters
from zeroskip.wire import BEAT_BYTES, Config, Section, SectionData


class PackError(ValueError):
    """A layer that does not fit the configuration: the message says what it needs and what there is."""


def need(what: str, needed: int, there: int) -> None:
    """Raise a PackError where `needed` is more than `there`."""
    if needed > there:
        raise PackError(f"{what}: the layer needs {needed}, the configuration has {there}")


def check_supported(layer: Layer) -> None:
    """Refuse a layer with what the arrays do not do: dilation, uneven padding, half to even. They know nothing of it.

    Raises
    ------
    PackError
        It has that, and is the host's.
    """
    has = {"rounding": "up", "dilation": (1, 1), "padding_end": layer.padding}
    lacking = [f"{key}: the layer needs {value}, the array has {has[key]}" for key, value in layer.unusual().items()
               if key != "rounding" or layer.multiplier is not None]
    if lacking:
        raise PackError("; ".join(lacking))


def check_layer(layer: Layer, acc_width: int) -> None:
    """Refuse a layer that an array would not answer right; the first thing that is asked of any layer.

    Raises
    ------
    PackError
        See `check_supported` and `check_accumulators`.
    """
    check_supported(layer)
    check_accumulators(layer, acc_width)


def check_accumulators(layer: Layer, acc_width: int) -> None:
    """Refuse a layer whose worst-case sum (any input of its type, bias included) could overflow.

    Bound: ``sum |weight| * max |activation| + |bias|`` of each filter against ``2 ** (acc_width - 1) - 1``.
    """
    largest = 255 if layer.needed_input().dtype == np.uint8 else 128
    weights = np.abs(layer.weight.reshape(layer.filters, -1).astype(np.int64)).sum(axis=1)
    bounds = weights * largest + np.abs(np.asarray(layer.bias, np.int64))
    worst = int(bounds.argmax())
    need(f"accumulator (worst case of filter {worst})", int(bounds[worst]), 2 ** (acc_width - 1) - 1)


def _register(number: int) -> tuple[str, Shape]:
    """Name and shape of a configuration register."""
    for name, base in GROUP_BASES.items():
        if base <= number < base + 32:
            return f"{name}[{number - base}]", Shape.cast(GroupRegisters[name].shape)
    name = Config(number).name.lower()
    return name, Shape.cast(ConfigRegisters[name].shape)


def config_sections(registers: dict[int, int]) -> list[SectionData]:
    """The configuration, one section for each run of register numbers.

    Raises
    ------
    PackError
        A value does not fit its register.
    """
    sections: list[SectionData] = []
    for number, value in sorted(registers.items()):
        name, shape = _register(number)
        need(f"configuration register {name}", value, 2 ** (shape.width - shape.signed) - 1)
        row = np.zeros((1, BEAT_BYTES), np.uint8)
        row[0, :4] = np.array([value & 0xFFFFFFFF], "<u4").view(np.uint8)
        if sections and sections[-1].address + len(sections[-1].rows) == number:
            rows = np.concatenate([sections.pop().rows, row])
            sections.append(SectionData(Section.CONFIG, 0, number + 1 - len(rows), rows))
        else:
            sections.append(SectionData(Section.CONFIG, 0, number, row))
    return sections


def read_config(sections: list[SectionData]) -> dict[int, int]:
    """Undo `config_sections` on a decoded program: values (signed 32 bits) by register."""
    return {section.address + at: int(value) for section in sections if section.kind == Section.CONFIG
            for at, value in enumerate(np.ascontiguousarray(section.rows[:, :4]).view("<i4").ravel())}


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
    programs: list[Program]
    decode: Callable[[list[np.ndarray]], np.ndarray]
    predicted: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """One layer, or a part of it, packed for one engine.

    Attributes
    ----------
    weights, map
        Beats, uint8 (beats, 16).
    result_beats
        Number of beats of the answer.
    decode
        From the answer's beats, uint8 (result_beats, 16), to the array that ``reference.run`` gives.
    predicted
        The cycle model's figures, ``total`` among them, where there is a model.
    """

    weights: np.ndarray
    map: np.ndarray
    result_beats: int
    decode: Callable[[np.ndarray], np.ndarray]
    predicted: dict[str, int] = field(default_factory=dict)
