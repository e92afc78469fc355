"""From a layer to the streams of any engine."""

from __future__ import annotations

from collections.abc import Iterable

from zeroskip.compiler.packed import PackedLayer, PackError, check_accumulators, whole
from zeroskip.compiler.dense.parts import pack_dense_parts
from zeroskip.config import ArrayConfig
from zeroskip.cycles.dense.model import predicted
from zeroskip.layer import Layer
from zeroskip.program_image import check_supported
from zeroskip.zero_skip_packing import pack_zero_skip

ENGINES = ("dense", "gate", "skip-weights", "skip-both")
KINDS = {"dense": "dense", "gate": "dense-gate", "skip-weights": "zero-skip", "skip-both": "zero-skip"}
"""Which hardware runs an engine."""
CHOICES = {"auto": ("dense", "skip-both")}
"""Names that leave the engine to the packer, and what it chooses from; of equals the first."""
NAMES = (*ENGINES, *CHOICES)
"""Every name that :func:`pack` takes."""


def pack(layer: Layer, config: ArrayConfig, engine: str) -> PackedLayer:
    """Pack `layer` for one of `ENGINES`, or for that one of `CHOICES` which the cycle model says is the fastest.

    Raises
    ------
    PackError
        The layer does not fit the configuration's memories, not even in tiles, could overflow its accumulators, or has
        what the zero-skip array does not do.
    ValueError
        No such engine.
    """
    if engine not in NAMES:
        raise ValueError(f"engine: found {engine!r}, expected one of {', '.join(NAMES)}")
    check_accumulators(layer, config.acc_width)
    if engine in CHOICES:
        return _fastest(layer, config, CHOICES[engine])
    if KINDS[engine] != "zero-skip":
        return predicted(pack_dense_parts(layer, config.dense, gate=engine == "gate"))
    check_supported(layer)
    return whole(pack_zero_skip(layer, config, skip_activations=engine == "skip-both"), engine)


def _fastest(layer: Layer, config: ArrayConfig, engines: Iterable[str]) -> PackedLayer:
    """The engine with the lowest predicted total, of those that the layer fits."""
    fitting, refusals = [], []
    for engine in engines:
        try:
            fitting.append(pack(layer, config, engine))
        except PackError as error:
            refusals.append(f"{engine}: {error}")
    if not fitting:
        raise PackError("; ".join(refusals))
    return min(fitting, key=lambda packed: packed.predicted["total"])


def choices(engines: Iterable[str]) -> tuple[str, ...]:
    """The engines that names stand for, each once: those that the hardware must be there for."""
    return tuple(dict.fromkeys(own for name in engines for own in CHOICES.get(name, (name,))))
