"""The hardware that can be generated, by kind."""

from __future__ import annotations

from amaranth.lib import wiring

from zeroskip.config import ArrayConfig

ENGINE_KINDS = ("dense", "dense-gate", "zero-skip")


def build_engine(config: ArrayConfig, kind: str) -> wiring.Component:
    """An engine of one of `ENGINE_KINDS`, with the members of :func:`zeroskip.gateware.axi.ports.engine_members`.

    Raises
    ------
    ValueError
        No such kind.
    """
    if kind == "zero-skip":
        from zeroskip.array import ZeroSkipArray

        return ZeroSkipArray(config=config)
    if kind in ENGINE_KINDS:
        from zeroskip.gateware.dense.engine import DenseEngine

        return DenseEngine(config=config.dense, gate=kind == "dense-gate")
    raise ValueError(f"kind: found {kind!r}, expected one of {', '.join(ENGINE_KINDS)}")
