"""From a layer to the streams of any engine, with what its model says of them."""

from __future__ import annotations

from collections.abc import Iterable

from zeroskip.compiler.dense.parts import pack_dense_parts
from zeroskip.compiler.layers import pack_vector
from zeroskip.compiler.packed import PackedLayer, PackError
from zeroskip.cycles import prediction
from zeroskip.cycles.dense import model
from zeroskip.layer import Layer
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.dense import dense_of
from zeroskip.spec.engines import CHOICES, KINDS, NAMES


def pack(layer: Layer, config: EngineConfig, engine: str) -> PackedLayer:
    """Pack `layer` for one engine, or for that one of ``CHOICES`` which the cycle model says is the fastest.

    Raises
    ------
    PackError
        The layer does not fit the configuration's memories, not even in tiles, could overflow its sums, or has what
        the dense array does not do.
    ValueError
        No such engine.
    """
    if engine not in NAMES:
        raise ValueError(f"engine: found {engine!r}, expected one of {', '.join(NAMES)}")
    if engine in CHOICES:
        return _fastest(layer, config, CHOICES[engine])
    if KINDS[engine] != "zero-skip":
        return model.predicted(pack_dense_parts(layer, dense_of(config), gate=engine == "gate"))
    return prediction.predicted(pack_vector(layer, config, look=engine == "skip-both"))


def _fastest(layer: Layer, config: EngineConfig, engines: Iterable[str]) -> PackedLayer:
    """The engine with the lowest predicted total, of those that the layer fits."""
    fitting, refusals = [], []
    for engine in engines:
        try:
            fitting.append(pack(layer, config, engine))
        except ValueError as error:  # it does not fit, or there is no dense array of that size
            refusals.append(f"{engine}: {error}")
    if not fitting:
        raise PackError("; ".join(refusals))
    return min(fitting, key=lambda packed: packed.predicted["total"])
