"""From a layer to the streams of any engine."""

from __future__ import annotations

from zeroskip.config import ArrayConfig
from zeroskip.dense_tiling import pack_dense_parts, whole
from zeroskip.layer import Layer
from zeroskip.program_image import PackedLayer, check_accumulators
from zeroskip.zero_skip_packing import pack_zero_skip

ENGINES = ("dense", "gate", "skip-weights", "skip-both")
KINDS = {"dense": "dense", "gate": "dense-gate", "skip-weights": "zero-skip", "skip-both": "zero-skip"}
"""Which hardware runs an engine."""


def pack(layer: Layer, config: ArrayConfig, engine: str) -> PackedLayer:
    """Pack `layer` for one of `ENGINES`.

    Raises
    ------
    PackError
        The layer does not fit the configuration's memories, not even in tiles, or could overflow its accumulators.
    ValueError
        No such engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine: found {engine!r}, expected one of {', '.join(ENGINES)}")
    check_accumulators(layer, config.acc_width)
    if KINDS[engine] != "zero-skip":
        return pack_dense_parts(layer, config, gate=engine == "gate")
    return whole(pack_zero_skip(layer, config, skip_activations=engine == "skip-both"))
