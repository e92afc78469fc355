"""From counters to the figures of the report, and the rules that always hold between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cosim.account import CLASSES, account, wrong_sum
from zeroskip.compiler.packed import PackedLayer
from zeroskip.config import ArrayConfig
from zeroskip.layer import Layer

CYCLES = ("total", "load", "wait", "compute", "drain", "stalled")


def ratio(above: float, below: float) -> float | None:
    """A quotient for JSON: ``None`` instead of infinity or NaN."""
    return above / below if below and math.isfinite(above / below) else None


def ideal_products(engine: str, counts: Mapping[str, Any]) -> int:
    """Products that an engine's ideal computes."""
    if engine in ("dense", "gate"):
        return counts["macs"]
    return counts["weight_pairs"] if engine == "skip-weights" else counts["pairs"]


def bounds(engine: str, packed: PackedLayer, counts: Mapping[str, Any], multipliers: int) -> dict[str, int]:
    """Cycles end to end that no schedule goes below: ideal products over the multipliers, and the streams' beats."""
    return {
        "multipliers": -(-ideal_products(engine, counts) // multipliers),
        "weights": sum(len(program.program) for program in packed.programs),
        "map": sum(len(program.map) for program in packed.programs),
        "results": sum(program.result_beats for program in packed.programs),
    }


def longest_stream(least: Mapping[str, int]) -> str:
    """Of `bounds`, the beats of the longest stream, in words.

    >>> longest_stream({"multipliers": 9000, "weights": 1200, "map": 40, "results": 5})
    '1,200 weights'
    """
    beats, name = max((beats, name) for name, beats in least.items() if name != "multipliers")
    return f"{beats:,} {name}"


def figures(engine: str, counters: Mapping[str, int], counts: Mapping[str, Any], multipliers: int) -> dict[str, Any]:
    """An engine's entry, less ``bit_exact``, ``mismatches`` and ``speedup_measured``."""
    total = counters["total"]
    cycles = {name: counters[name] for name in CYCLES} | {"end_to_end": counters["load"] + total}
    return {
        "cycles": cycles, "lanes": account(counters),
        "multiplications": counters["multiplications"], "gated": counters["gated"],
        "utilisation": ratio(ideal_products(engine, counts), multipliers * total),
        "speedup": ratio(counts["macs_inside"], multipliers * total),
    }


def nothing_measured() -> dict[str, Any]:
    """The entry of an engine that gave no answer."""
    cycles = dict.fromkeys((*CYCLES, "end_to_end"))
    return {"cycles": cycles, "lanes": dict.fromkeys(CLASSES), "multiplications": None, "gated": None,
            "utilisation": None, "speedup": None}


def slots_with_weight(layer: Layer, config: ArrayConfig) -> int:
    """At most so many multiplier slots have a non-zero weight: every output of every block, those beyond the edge too.

    A block is at most `groups` rows by `groups * pixels` columns, of the layer or with its rows and columns exchanged;
    the images of a linear layer are its columns.
    """
    images, _, height, width = layer.output_shape
    if layer.is_linear:
        images, height, width = 1, 1, images
    across = config.groups * config.pixels
    positions = max(-(-down // config.groups) * config.groups * -(-along // across) * across
                    for down, along in ((height, width), (width, height)))
    return int((layer.weight != 0).sum()) * images * positions


def broken_rules(engine: str, counters: Mapping[str, int], counts: Mapping[str, Any], config: ArrayConfig,
                 layer: Layer, *, stall: float) -> list[str]:
    """Sentences for what does not hold between an engine's counters and the layer's exact counts."""
    issued, gated, pairs = counters["multiplications"], counters["gated"], counts["pairs"]
    broken = []
    parts = sum(counters[name] for name in ("wait", "compute", "drain", "stalled"))
    if parts != counters["total"]:
        broken.append(f"wait + compute + drain + stalled is {parts}, expected the total of {counters['total']}")
    if (wrong := wrong_sum(counters, config.multipliers)) is not None:
        broken.append(wrong)
    if not stall and counters["stalled"]:
        broken.append(f"{counters['stalled']} cycles are counted as stalled although no stream paused")
    if engine == "dense" and gated:
        broken.append(f"the dense engine gated {gated} multiplications, expected none")
    if engine in ("dense", "gate") and layer.groups == 1 and issued != counts["macs"]:
        broken.append(f"{issued} multiplications, expected the {counts['macs']} products of the layer")
    if engine != "dense" and issued - gated != pairs:
        broken.append(f"multiplications less gated are {issued} - {gated} = {issued - gated}, expected the {pairs} "
                      f"products with both operands non-zero")
    if engine == "skip-both" and config.pixels == 1 and gated:
        broken.append(f"with one pixel to a weight {gated} multiplications were gated, expected none")
    if engine in ("skip-weights", "skip-both") and issued > slots_with_weight(layer, config):
        broken.append(f"{issued} multiplications are more than the {slots_with_weight(layer, config)} slots that have "
                      f"a non-zero weight")
    return broken
