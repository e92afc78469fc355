"""A layer, or a network, with its maps, as what goes over the vector engine's streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zeroskip.compiler.build import Builder, build
from zeroskip.compiler.lower import as_map, convolution
from zeroskip.compiler.network import INPUT, QuantisedNetwork
from zeroskip.compiler.packed import Packed, PackedLayer, PackError, whole
from zeroskip.compiler.places import PlanError
from zeroskip.compiler.program import Program
from zeroskip.compiler.steps import Map, Step
from zeroskip.compiler.strides import agreed
from zeroskip.compiler.tiles import tiled
from zeroskip.compiler.whole import whole as whole_network
from zeroskip.layer import Layer
from zeroskip.spec.config import EngineConfig

LAYER = "layer"
MOST_COLUMNS = 256
"""Images of a linear layer that are the columns of one map."""


@dataclass(frozen=True, kw_only=True, eq=False)
class VectorPacked(Packed):
    """A program of the vector engine with its maps.

    ``made`` is the program; ``columns``, for each of its steps, the columns of a row that are results (what the cycle
    model wants to know); ``look``: whether it looks ahead; ``builder``: of a network, what became of each step.
    """

    made: Program
    columns: Mapping[int, int]
    look: bool
    builder: Builder | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _LayerStep:
    """A layer as the step of a network."""

    layer: Layer | None
    name: str = LAYER
    inputs: tuple[str, ...] = (INPUT,)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def op(self) -> str:
        return "layer"


def _maps(layer: Layer) -> list[np.ndarray]:
    """The maps (channels, rows, columns) of a layer's images; those of a linear layer are columns of few maps."""
    values = layer.needed_input()
    if not layer.is_linear:
        return list(values)
    images, size = len(values), min(len(values), MOST_COLUMNS)
    padded = np.zeros((-(-images // size) * size, values.shape[1]), values.dtype)
    padded[:images] = values
    return [part.T[:, None] for part in np.split(padded, len(padded) // size)]


def _step(layer: Layer, source: Map) -> Step:
    """The one step of a layer."""
    if layer.is_linear:
        shape = (layer.filters, 1, source.columns)
    else:
        shape = (layer.filters, *layer.output_sides(source.rows, source.columns))
    result = as_map(shape, "int32" if layer.multiplier is None else layer.output_dtype)
    return convolution(_LayerStep(layer=layer), layer, result, source)


def _answer(layer: Layer, maps: Sequence[np.ndarray]) -> np.ndarray:
    """The result of a layer, as the reference gives it, of the maps that came back."""
    if not layer.is_linear:
        return np.stack(maps)
    return np.ascontiguousarray(np.concatenate([own[:, 0].T for own in maps])[: len(layer.needed_input())])


def _packed(made: Program, steps: Sequence[Step], maps: Sequence[np.ndarray], *, look: bool,
            answer: Callable[[list[np.ndarray]], np.ndarray]) -> VectorPacked:
    words = made.setup["result_words"]

    def decode(beats: np.ndarray) -> np.ndarray:
        return answer([made.leaving.values(own) for own in np.split(beats, len(maps))])

    return VectorPacked(
        program=made.beats(), later=(*(len(maps) * made.part_beats()),), results=len(maps),
        map=np.concatenate([made.incoming.words(own) for own in maps]), result_beats=words * len(maps),
        decode=decode, made=made, look=look,
        columns={number: step.result.columns for number, step in enumerate(steps)})


def pack_vector(layer: Layer, config: EngineConfig, *, look: bool) -> PackedLayer:
    """Pack `layer` for the vector engine: as one program, or in bands of rows and groups of filters.

    Parameters
    ----------
    layer
        With its input.
    config
        The engine.
    look
        Whether the array looks ahead: `skip-both`, else `skip-weights`.

    Raises
    ------
    PackError
        Not even a band of one row and one filter fits: what it needs, and what there is.
    """
    engine, maps = ("skip-both" if look else "skip-weights"), _maps(layer)
    source = as_map(maps[0].shape, str(maps[0].dtype))
    step = _step(layer, source)
    try:
        steps = agreed(config, {INPUT: source}, [step])
        made, _ = build(config, {INPUT: source}, steps, step.out, look=look, parts=True)
    except PlanError:
        return _in_parts(layer, config, step, source, maps, look=look)
    return whole(_packed(made, steps, maps, look=look, answer=lambda found: _answer(layer, found)), engine)


def _in_parts(layer: Layer, config: EngineConfig, step: Step, source: Map, maps: Sequence[np.ndarray], *, look: bool
              ) -> PackedLayer:
    try:
        parts = tiled(config, step, source, look=look, parts=True)
    except PlanError as error:
        raise PackError(str(error)) from None
    bands = [parts.band.of(own, number) for own in maps for number in range(parts.bands)]
    programs = [_packed(made, [step], bands, look=look, answer=np.stack) for made in parts.programs]

    def decode(answers: list[np.ndarray]) -> np.ndarray:
        found = [program.decode(beats) for program, beats in zip(programs, answers, strict=True)]
        own = [[list(part[at:at + parts.bands]) for part in found] for at in range(0, len(bands), parts.bands)]
        return _answer(layer, [parts.assemble(image) for image in own])

    return PackedLayer(engine="skip-both" if look else "skip-weights", programs=[*programs], decode=decode)


def pack_network(network: QuantisedNetwork, config: EngineConfig, codes: np.ndarray, *, look: bool,
                 parts: bool = True) -> VectorPacked:
    """A whole network as one program, with the codes of images (N, channels, rows, columns).

    With `parts` lists and instructions come in parts where they do not fit at once.

    Raises
    ------
    UnsupportedError
        A step that the array does not run, by its name.
    PlanError
        The network does not fit.
    """
    made, builder = whole_network(config, network, look=look, parts=parts)
    shape = network.shapes()[network.steps[-1].name]
    packed = _packed(made, builder.steps, list(codes), look=look,
                     answer=lambda found: np.stack(found).reshape(len(found), *shape))
    return replace(packed, builder=builder)
