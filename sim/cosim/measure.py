"""From counters to the figures of the report, and the rules that always hold between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cosim.account import CLASSES, account, wrong_sum
from zeroskip.compiler.packed import PackedLayer
from zeroskip.spec.config import EngineConfig

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
        "program": sum(len(packet) for own in packed.programs for packet in (own.program, *own.later)),
        "map": sum(len(program.map) for program in packed.programs),
        "results": sum(program.result_beats for program in packed.programs),
    }


def longest_stream(least: Mapping[str, int]) -> str:
    """Of `bounds`, the beats of the longest stream, in words.

    >>> longest_stream({"multipliers": 9000, "program": 1200, "map": 40, "results": 5})
    '1,200 program'
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
        "beyond": beyond(engine, counters, counts),
        "utilisation": ratio(ideal_products(engine, counts), multipliers * total),
        "speedup": ratio(counts["macs_inside"], multipliers * total),
    }


def beyond(engine: str, counters: Mapping[str, int], counts: Mapping[str, Any]) -> int:
    """Products with both operands non-zero that are at no result; the dense engine computes those with zeros, too."""
    return 0 if engine == "dense" else counters["multiplications"] - counters["gated"] - counts["pairs"]


def nothing_measured() -> dict[str, Any]:
    """The entry of an engine that gave no answer."""
    cycles = dict.fromkeys((*CYCLES, "end_to_end"))
    return {"cycles": cycles, "lanes": dict.fromkeys(CLASSES), "multiplications": None, "gated": None,
            "beyond": None, "utilisation": None, "speedup": None}


def broken_rules(engine: str, counters: Mapping[str, int], counts: Mapping[str, Any], config: EngineConfig,
                 packed: PackedLayer, *, stall: float) -> list[str]:
    """Sentences for what does not hold between an engine's counters, the layer's exact counts and the cycle model."""
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
    if engine in ("dense", "gate") and counts["groups"] == 1 and issued != counts["macs"]:
        broken.append(f"{issued} multiplications, expected the {counts['macs']} products of the layer")
    beyond = packed.predicted.get("beyond", 0) + _again(packed, pairs)
    if engine != "dense" and issued - gated != pairs + beyond:
        broken.append(f"multiplications less gated are {issued} - {gated} = {issued - gated}, expected the {pairs} "
                      f"products with both operands non-zero and {beyond} beyond the results")
    if engine in ("skip-weights", "skip-both"):
        broken += _unlike_the_model(counters, packed, stall=stall)
    if engine == "skip-both" and config.vector == 1 and gated:
        broken.append(f"with one position to a vector {gated} multiplications were gated, expected none")
    return broken


def _again(packed: PackedLayer, pairs: int) -> int:
    """Products of rows that two bands of a layer compute, of which one is not used: what the model has beside `pairs`.

    Fewer than `pairs` are never right; and bands are several maps.
    """
    maps = sum(program.results for program in packed.programs)
    return max(0, packed.predicted.get("pairs", pairs) - pairs) if maps > 1 else 0


def _unlike_the_model(counters: Mapping[str, int], packed: PackedLayer, *, stall: float) -> list[str]:
    """Where the vector engine's counters differ from its exact model; cycles only where no stream paused."""
    names = ("multiplications", "gated") if stall else ("total", "multiplications", "gated")
    return [f"{name}: the hardware says {counters[name]}, the cycle model {packed.predicted[name]}" for name in names
            if counters[name] != packed.predicted[name]]
