"""A network as steps of the array: each layer lowered, pooling fused, flattening and views gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from zeroskip.compiler import lower
from zeroskip.compiler.lower import NetworkStep, UnsupportedError
from zeroskip.compiler.steps import Map, Step

INPUT = "input"
SUMS = "int32"


class QuantisedNetwork(Protocol):
    """A network as the compiler reads it."""

    @property
    def steps(self) -> Sequence[NetworkStep]:
        """In order."""

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Of the input and of every step's result."""

    def dtypes(self) -> Mapping[str, str]:
        """Of the same: uint8, int8 or int32."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lowered:
    """Steps of the array, the map that comes in, and the name of the one that goes out."""

    steps: tuple[Step, ...]
    incoming: Map
    leaving: str


class _Lowering:
    """The work on one network.

    `maps` has what really lies in the memory: what is flattened keeps its rows and columns, for a list can take its
    activations from anywhere.
    """

    def __init__(self, network: QuantisedNetwork) -> None:
        self.network = network
        shapes, self.dtypes = network.shapes(), network.dtypes()
        self.maps = {name: lower.as_map(shapes[name], self.dtypes[name]) for name in shapes}
        self.flat: dict[str, str] = {}
        self.done: list[Step] = []

    def source(self, name: str) -> str:
        """The map that a name stands for."""
        while name in self.flat:
            name = self.flat[name]
        return name

    def features(self, name: str) -> str:
        """A map of one position for each feature, in order: the map itself, or a copy."""
        source = self.source(name)
        own, copy = self.maps[source], f"{source}.features"
        if (own.rows, own.columns) == (1, 1):
            return source
        if copy not in self.maps:
            step = lower.flattened(copy, source, own)
            self.maps[copy] = step.result
            self.done.append(step)
        return copy

    def readers(self, name: str) -> list[NetworkStep]:
        """The steps that read a result."""
        return [step for step in self.network.steps if name in step.inputs]

    def add(self, step: NetworkStep) -> None:
        """The steps of the array for one step of the network."""
        for name in step.inputs:
            if self.dtypes[name] == SUMS:
                raise UnsupportedError(f"step {step.name!r} reads the sums of {name!r}, which have no codes")
        given, result = [self.maps[self.source(name)] for name in step.inputs], self.maps[step.name]
        made = getattr(self, f"_{step.op}", None)
        if made is None:
            raise UnsupportedError(f"step {step.name!r}: the array has no {step.op!r}")
        found = made(step, given, result)
        self.done += [replace(own, sources=tuple(self.source(name) for name in own.sources)) for own in found]

    def _conv(self, step: NetworkStep, given: list[Map], result: Map) -> list[Step]:
        assert step.layer is not None
        return [lower.convolution(step, step.layer, result, given[0])]

    def _linear(self, step: NetworkStep, given: list[Map], result: Map) -> list[Step]:
        assert step.layer is not None
        made = lower.convolution(step, step.layer, result, given[0], flat=given[0])
        return [replace(made, sources=(made.sources[0], *(self.features(name) for name in made.sources[1:])))]

    def _maxpool(self, step: NetworkStep, given: list[Map], result: Map) -> list[Step]:
        maker = next((own for own in self.done if own.out == self.source(step.inputs[0])), None)
        pooling = lower.fused_pooling(step, given[0])
        alone = maker is not None and len(self.readers(step.inputs[0])) == 1 and maker.out == step.inputs[0]
        free = alone and maker is not None and maker.pooling is None and maker.table is None and not maker.raw
        if pooling is not None and free and maker is not None and maker.part_of is None and maker.factor == (1, 1):
            self.done[self.done.index(maker)] = replace(maker, pooling=pooling, out=step.name,
                                                        name=f"{maker.name}+{step.name}")
            return []
        kernel, stride, padding = (tuple(step.parameters.get(name, (0, 0))) for name in ("kernel", "stride", "padding"))
        return lower.max_pooling(step, given[0], result, kernel, stride, padding)

    def _avgpool(self, step: NetworkStep, given: list[Map], result: Map) -> list[Step]:
        kernel, stride, padding = (tuple(step.parameters.get(name, (0, 0))) for name in ("kernel", "stride", "padding"))
        return [lower.average_pooling(step, given[0], result, kernel, stride, padding)]

    def _add(self, step: NetworkStep, given: list[Map], result: Map) -> list[Step]:
        if len({(own.rows, own.columns) for own in given}) == 1:
            self.maps[step.name] = result = replace(given[0], signed=result.signed)
            return [lower.addition(step, result)]
        return [replace(lower.addition(step, result), sources=tuple(self.features(name) for name in step.inputs))]

    def _concat(self, step: NetworkStep, given: list[Map], result: Map) -> list[Step]:
        if (result.rows, result.columns) != (1, 1):
            return lower.concatenation(step, given, result)
        names = [self.features(name) for name in step.inputs]
        return [replace(own, sources=(name,)) for own, name in zip(lower.concatenation(
            step, [self.maps[name] for name in names], result), names, strict=True)]

    def _table(self, step: NetworkStep, given: list[Map], result: Map) -> list[Step]:
        self.maps[step.name] = result = replace(given[0], signed=result.signed)
        return [lower.look_up(step, given[0], result)]

    def _upsample(self, step: NetworkStep, given: list[Map], result: Map) -> list[Step]:
        factor = tuple(step.parameters["factor"])
        return [lower.identity(step.name, step.inputs[0], given[0], step.name, factor=factor)]

    def _flatten(self, step: NetworkStep, given: list[Map], result: Map) -> list[Step]:
        self.flat[step.name] = step.inputs[0]
        return []


def lowered(network: QuantisedNetwork) -> Lowered:
    """All steps of a network.

    Raises
    ------
    UnsupportedError
        A step that the array does not run, by its name.
    """
    work = _Lowering(network)
    for step in network.steps:
        work.add(step)
    leaving = work.source(network.steps[-1].name)
    return Lowered(steps=_needed(work.done, leaving), incoming=work.maps[INPUT], leaving=leaving)


def _needed(steps: Sequence[Step], leaving: str) -> tuple[Step, ...]:
    """The steps without which the map `leaving` would not be what it is."""
    wanted, found = {leaving}, []
    for step in reversed(steps):
        if step.out in wanted:
            wanted |= set(step.sources)
            found.append(step)
    return tuple(reversed(found))
