"""Programs as the driver loads them: how a map goes in, and how its result is read, whatever the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zeroskip.compiler.dense.layout import map_beats
from zeroskip.compiler.dense.program import pack_dense
from zeroskip.compiler.program import Program
from zeroskip.layer import Layer
from zeroskip.spec.dense import DenseConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class Loadable:
    """A program that is loaded once, for any number of maps.

    Parameters
    ----------
    beats
        Of the program, uint8 (beats, bytes of a beat).
    shape, dtype
        Of a map.
    encode
        From a map to its beats.
    decode
        From the beats of its result, in order, to the result.
    result_beats
        How many these are.
    parts
        Packets of beats that come for every map again, in this order.
    stays
        Whether the engine keeps the program for further maps; else it is sent with each.
    """

    beats: np.ndarray
    shape: tuple[int, ...]
    dtype: str
    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]
    result_beats: int
    parts: Sequence[np.ndarray] = ()
    stays: bool = True

    def map_beats(self, map: np.ndarray) -> np.ndarray:
        """The beats of a map.

        Raises
        ------
        ValueError
            It is no map for this program.
        """
        if map.shape != self.shape or str(map.dtype) != self.dtype:
            raise ValueError(f"map: found {map.dtype} {map.shape}, expected {self.dtype} {self.shape}")
        return self.encode(map)


def vector_program(program: Program) -> Loadable:
    """A program of the vector engine; a map is (channels, rows, columns), and so is its result."""
    layout = program.incoming.layout
    return Loadable(
        beats=program.beats(), parts=program.part_beats(), shape=(layout.channels, layout.rows, layout.columns),
        dtype="int8" if program.incoming.signed else "uint8", encode=program.incoming.words,
        decode=program.leaving.values, result_beats=program.setup["result_words"])


def dense_program(layer: Layer, config: DenseConfig, *, gate: bool) -> Loadable:
    """A layer on the dense array; a map is the layer's input, all its images, and the result as the reference gives it.

    Raises
    ------
    PackError
        It does not fit as one program.
    """
    packed, given = pack_dense(layer, config, gate=gate), layer.needed_input()
    return Loadable(
        beats=packed.program, shape=given.shape, dtype=str(given.dtype), decode=packed.decode, stays=False,
        encode=lambda map: map_beats(replace(layer, input=map).as_convolution(), packed.plan.layout),
        result_beats=packed.result_beats)
