"""The hardware that can be generated, by kind."""

from __future__ import annotations

from zeroskip.gateware.array.axi_engine import AxiEngine, watch_layout
from zeroskip.gateware.axi.top import AxiTop
from zeroskip.gateware.dense.engine import DenseEngine
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.dense import dense_of
from zeroskip.spec.engines import ENGINE_KINDS


def axi_top(config: EngineConfig, kind: str, *, watch: bool = False) -> AxiTop:
    """An engine of one of `ENGINE_KINDS` behind its AXI ports; the dense ones have as many multipliers as `config`.

    With `watch` a vector engine shows each word that it writes at the port ``watch``.

    Raises
    ------
    ValueError
        No such kind, or no dense array has so many multipliers.
    """
    if kind not in ENGINE_KINDS:
        raise ValueError(f"kind: found {kind!r}, expected one of {', '.join(ENGINE_KINDS)}")
    if kind == "zero-skip":
        return AxiTop(AxiEngine(config=config, watch=watch), multipliers=config.multipliers, beat_bytes=config.banks,
                      number_bits=config.word_bits, watch=watch_layout(config) if watch else None)
    return AxiTop(DenseEngine(config=dense_of(config), gate=kind == "dense-gate"), multipliers=config.multipliers)
