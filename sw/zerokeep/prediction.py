"""What the cycle models say of a layer: cycles, what bounds them, and how many programs it takes."""

from __future__ import annotations

from typing import Any

from cosim.measure import bounds, ideal_products, ratio
from zeroskip.counts import count
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.engines import CHOICES


def predict_layer(layer: Layer, config: EngineConfig, engine: str) -> dict[str, Any]:
    """The entry of one engine; of a name in ``CHOICES`` that of the fastest which the layer fits, as ``chosen``.

    Returns
    -------
    dict
        ``total``, ``load`` and ``end_to_end`` in cycles; ``utilisation``, ``speedup``; ``bounds``, cycles that no
        schedule goes below: ``multipliers`` (the ideal products over all of them), ``program``, ``map``, ``results``
        (beats of each stream); ``bound_by``, the largest of them; and ``plan`` in words.

    Raises
    ------
    PackError
        The layer does not fit.
    """
    packed = pack(layer, config, engine)
    counts, multipliers = count(layer), config.multipliers
    total, load = packed.predicted["total"], len(packed.programs[0].program)
    least, parts = bounds(packed.engine, packed, counts, multipliers), len(packed.programs)
    found = {
        "total": total, "load": load, "end_to_end": load + total,
        "utilisation": ratio(ideal_products(packed.engine, counts), multipliers * total),
        "speedup": ratio(counts["macs_inside"], multipliers * total),
        "bounds": least, "bound_by": max(least, key=lambda name: least[name]),
        "plan": "whole" if parts == 1 else f"{parts} programs, one after the other",
    }
    return found | ({"chosen": packed.engine} if engine in CHOICES else {})


def add_up(layers: list[dict[str, Any]], multipliers: int) -> dict[str, dict[str, Any]]:
    """The sums of a folder, by engine."""
    sums: dict[str, dict[str, Any]] = {}
    for engine in layers[0]["engines"]:
        own = [entry["engines"][engine] for entry in layers]
        total = sum(entry["total"] for entry in own)
        load = sum(entry["load"] for entry in own)
        products = sum(ideal_products(mine.get("chosen", engine), entry)
                       for mine, entry in zip(own, layers, strict=True))
        sums[engine] = {"total": total, "load": load, "end_to_end": total + load,
                        "utilisation": ratio(products, multipliers * total),
                        "speedup": ratio(sum(entry["macs_inside"] for entry in layers), multipliers * total)}
    return sums
