"""Each kind of layer as steps of the array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from zeroskip.compiler.steps import RAW_SHIFT, Map, Pooling, Step, Taps
from zeroskip.layer import Layer
from zeroskip.spec.words import Kind

SIGN = 0x80
CODES = 256
LARGEST_POOL = 3


class UnsupportedError(ValueError):
    """A step that the array does not run; the message says which and why."""


class NetworkStep(Protocol):
    """A step of a network, as the compiler reads it."""

    @property
    def name(self) -> str:
        """Its own, and its result's."""

    @property
    def op(self) -> str:
        """What it does."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the steps whose results it reads, or of the input."""

    @property
    def layer(self) -> Layer | None:
        """Weights and integers, where it has any."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All others."""


def as_map(shape: Sequence[int], dtype: str) -> Map:
    """A map of that shape, (C, H, W) or (C,), and type; of sums the type does not count."""
    channels, rows, columns = (*shape, 1, 1)[:3] if len(shape) == 1 else shape
    return Map(channels=int(channels), rows=int(rows), columns=int(columns), signed=dtype == "int8")


def convolution(step: NetworkStep, layer: Layer, result: Map, source: Map, *, flat: Map | None = None) -> Step:
    """A convolution or linear layer; `flat` is the map that a linear layer's features are the codes of, in order."""
    raw = layer.multiplier is None
    taps = [_filter_taps(layer, number, flat) for number in range(layer.filters)]
    sources, strides = [step.inputs[0]], [(1, 1) if layer.is_linear else layer.stride]
    if len(step.inputs) > 1:
        factors = step.parameters["residual_factors"]
        sources.append(step.inputs[1])
        strides.append((1, 1))
        taps = [own + scaled(number, int(factor), source=1)
                for number, (own, factor) in enumerate(zip(taps, factors, strict=True))]
    whole = np.zeros(layer.filters, np.int64)
    low, high = (0, 0) if raw else layer.clamp  # type: ignore[misc]
    return Step(
        name=step.name, sources=tuple(sources), strides=tuple(strides), result=result, out=step.name,
        taps=tuple(taps), bias=np.asarray(layer.bias, np.int64),
        multiplier=whole + 2 if raw else np.asarray(layer.multiplier), shift=whole + 1 if raw else
        np.asarray(layer.shift), low=low, high=high, even=layer.rounding == "even", raw=raw,
    )


def _filter_taps(layer: Layer, number: int, flat: Map | None) -> Taps:
    """The weights of a filter that are not zero; those of one channel together, or in the order of the features."""
    weight = layer.weight4[number]
    channel, ky, kx = np.nonzero(weight)
    value = weight[channel, ky, kx].astype(np.int64)
    if flat is not None:
        per_plane = flat.rows * flat.columns
        return Taps.of(channel // per_plane, channel % per_plane // flat.columns, channel % flat.columns, value)
    group = number // (layer.filters // layer.groups)
    (py, px), (dy, dx) = layer.padding, layer.dilation
    return Taps.of(channel + group * layer.weight4.shape[1], ky * dy - py, kx * dx - px, value)


def scaled(channel: int, factor: int, *, source: int = 0, row: int = 0, column: int = 0) -> Taps:
    """The code of one place times a factor, -32768..65535, in as few entries as it takes."""
    low = (factor + SIGN) % CODES - SIGN
    high, parts = (factor - low) // CODES, []
    while high:
        part = max(-SIGN, min(high, SIGN - 1))
        parts.append((part, Kind.ADD_HIGH))
        high -= part
    if low or not parts:
        parts.append((low, Kind.ADD))
    if factor == 0:
        parts = []
    found = Taps.of(*(np.zeros(0, np.int64),) * 4)
    for weight, kind in parts:
        found = found + Taps.of(np.array([channel]), np.array([row]), np.array([column]), np.array([weight]),
                                source=source, kind=kind)
    return found


def _plain(step: NetworkStep, taps: list[Taps], sources: Sequence[str], strides: Sequence[tuple[int, int]],
           result: Map, *, multiplier: int, shift: int, clamp: Sequence[int], even: bool = False, **more: Any) -> Step:
    """A step whose filters are requantised alike, without a bias."""
    whole = np.zeros(len(taps), np.int64)
    return Step(name=step.name, sources=tuple(sources), strides=tuple(strides), result=result,
                taps=tuple(taps), bias=whole, multiplier=whole + multiplier, shift=whole + shift, low=int(clamp[0]),
                high=int(clamp[1]), even=even, **{"out": step.name, **more})


def code_range(signed: bool) -> tuple[int, int]:
    """The least and the largest code."""
    return (-SIGN, SIGN - 1) if signed else (0, CODES - 1)


def identity(name: str, source: str, given: Map, out: str, **more: Any) -> Step:
    """Copies a map as it is."""
    taps = [Taps.of(np.array([c]), np.array([0]), np.array([0]), np.array([1])) for c in range(given.channels)]
    whole = np.zeros(given.channels, np.int64)
    low, high = code_range(given.signed)
    return Step(name=name, sources=(source,), strides=((1, 1),), result=given, out=out, taps=tuple(taps), bias=whole,
                multiplier=whole + 2, shift=whole + RAW_SHIFT, low=low, high=high, **more)


def flattened(name: str, source: str, given: Map) -> Step:
    """Copies each code of a map to a plane of its own."""
    size = given.rows * given.columns
    taps = tuple(Taps.of(np.array([n // size]), np.array([n % size // given.columns]), np.array([n % given.columns]),
                         np.array([1])) for n in range(given.channels * size))
    whole = np.zeros(len(taps), np.int64)
    low, high = code_range(given.signed)
    return Step(name=name, sources=(source,), strides=((1, 1),), out=name, taps=taps, bias=whole, multiplier=whole + 2,
                result=Map(channels=len(taps), rows=1, columns=1, signed=given.signed), shift=whole + RAW_SHIFT,
                low=low, high=high)


def max_pooling(step: NetworkStep, given: Map, result: Map, kernel: tuple[int, int], stride: tuple[int, int],
                padding: tuple[int, int]) -> list[Step]:
    """The largest code of each place's kernel; signed codes with padding go by way of unsigned ones."""
    places = [(y - padding[0], x - padding[1]) for y in range(kernel[0]) for x in range(kernel[1])]
    if given.signed and any(padding):
        table = np.arange(CODES) ^ SIGN
        plain = Map(channels=given.channels, rows=given.rows, columns=given.columns)
        between = f"{step.name}.unsigned"
        first = replace(identity(between, step.inputs[0], given, between, table=table), result=plain)
        return [first, _pool_step(step, between, plain, result, places, stride, table=table)]
    return [_pool_step(step, step.inputs[0], given, result, places, stride)]


def _pool_step(step: NetworkStep, source: str, given: Map, result: Map, places: list[tuple[int, int]],
               stride: tuple[int, int], **more: Any) -> Step:
    """Compare and replace, place after place; the first one begins the sum, so that a look ahead must not drop it."""
    taps = []
    rows = np.array([places[0][0], *(y for y, _ in places[1:] for _ in range(2))])
    columns = np.array([places[0][1], *(x for _, x in places[1:] for _ in range(2))])
    weight = np.array([1, *(w for _ in places[1:] for w in (-1, 1))])
    kind = np.array([Kind.ADD, *(k for _ in places[1:] for k in (Kind.COMPARE, Kind.REPLACE))])
    for channel in range(given.channels):
        own = Taps.of(np.full(len(rows), channel), rows, columns, weight)
        taps.append(replace(own, kind=kind))
    low, high = code_range(given.signed)
    return _plain(step, taps, [source], [stride], result, multiplier=2, shift=RAW_SHIFT, clamp=(low, high), **more)


def average_pooling(step: NetworkStep, given: Map, result: Map, kernel: tuple[int, int], stride: tuple[int, int],
                    padding: tuple[int, int]) -> Step:
    """The sum of each place's kernel, requantised."""
    rows, columns = (axis.ravel() for axis in np.indices(kernel))
    taps = [Taps.of(np.full(rows.shape, channel), rows - padding[0], columns - padding[1], np.ones(rows.shape, int))
            for channel in range(given.channels)]
    return _plain(step, taps, step.inputs, [stride], result, multiplier=step.parameters["multipliers"][0],
                  shift=step.parameters["shift"], clamp=step.parameters["clamp"],
                  even=step.parameters.get("rounding", "up") == "even")


def addition(step: NetworkStep, result: Map) -> Step:
    """Two maps, each times its factor, and one requantisation."""
    factors = step.parameters["multipliers"]
    taps = [scaled(channel, factors[0]) + scaled(channel, factors[1], source=1)
            for channel in range(result.channels)]
    return _plain(step, taps, step.inputs, [(1, 1)] * 2, result, multiplier=1, shift=step.parameters["shift"],
                  clamp=step.parameters["clamp"], even=step.parameters.get("rounding", "up") == "even")


def concatenation(step: NetworkStep, given: Sequence[Map], result: Map) -> list[Step]:
    """Each map, requantised, into its place of the result."""
    found, first = [], 0
    for number, (name, own, factor) in enumerate(zip(step.inputs, given, step.parameters["multipliers"], strict=True)):
        taps = [Taps.of(np.array([c]), np.array([0]), np.array([0]), np.array([1])) for c in range(own.channels)]
        part = Map(channels=own.channels, rows=own.rows, columns=own.columns, signed=result.signed)
        made = _plain(step, taps, [name], [(1, 1)], part, multiplier=factor, shift=step.parameters["shift"],
                      clamp=step.parameters["clamp"], even=step.parameters.get("rounding", "up") == "even",
                      part_of=(first, result.channels))
        found.append(replace(made, name=f"{step.name}.{number}"))
        first += own.channels
    return found


def look_up(step: NetworkStep, given: Map, result: Map) -> Step:
    """A code for each of the 256 codes."""
    values = np.asarray(step.parameters["values"], np.int64) % CODES  # from the least code on
    table = np.roll(values, SIGN) if given.signed else values
    return replace(identity(step.name, step.inputs[0], given, step.name, table=table),
                   result=replace(given, signed=result.signed))


def fused_pooling(step: NetworkStep, given: Map) -> Pooling | None:
    """How the way out pools, where it can: squares side by side, without padding."""
    kernel, stride = tuple(step.parameters["kernel"]), tuple(step.parameters["stride"])
    padded = any(step.parameters.get("padding", (0, 0))) or any(step.parameters.get("padding_end", (0, 0)))
    square = kernel == stride and kernel[0] == kernel[1] and 2 <= kernel[0] <= LARGEST_POOL
    fits = square and not padded and given.rows >= kernel[0] and given.columns >= kernel[0]
    return Pooling(window=kernel[0], largest=True) if fits else None
