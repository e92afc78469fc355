"""How cycles grow with the work, and whether engines of any size are kept as busy: by the exact cycle model.

``python -m benchmarks.growth [--engine NAME] [--json FILE] [--plots FOLDER]``

Growth: layers with 20 / 50 % non-zeros, from ten thousand pairs of non-zeros to ten million, on every preset.
Flatness: one layer on engines of 4 to 128 multipliers. Between engines of different P the share of the ideal differs by
design (a weight meets P positions, some of them beyond the end of a row, or zero), and the presets have different P; so
it is compared at one P: 4, as in `tiny`, and 16, as in `base`. On `skip-weights` the ideal is the products with a
weight that is not zero, on `skip-both` the pairs, over the multipliers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import zerokeep  # noqa: F401  isort: skip - before numpy, since it asks for one thread

import matplotlib as mpl
import numpy as np
from benchmarks.work import FOLDER, WHOLE

from cosim.measure import ideal_products
from zeroskip.counts import count
from zeroskip.files.writing import write_json
from zeroskip.packing import pack
from zeroskip.random_layer import convolution
from zeroskip.spec.config import PRESETS, EngineConfig

mpl.use("Agg")
from matplotlib import pyplot as plt

DENSITY = {"weights": 0.2, "activations": 0.5}
SIZES = ((16, 16, 7), (16, 16, 14), (32, 32, 14), (64, 64, 14), (64, 64, 28), (128, 64, 28), (128, 128, 28))
"""Filters, channels, map; all 3x3."""
FLAT_SIZE = (128, 64, 28)
"""Filters, channels, map: large enough that 128 multipliers have more to do than to begin and to end."""
FLAT_LANES = {4: (1, 4, 16, 32), 16: (1, 4, 8)}
"""Lanes, by P."""
FLAT = 5.0
"""Points of the share of the ideal between the most and the least busy engine."""


def flat_config(lanes: int, vector: int) -> EngineConfig:
    """An engine with memories that do not bound it."""
    return EngineConfig(lanes=lanes, vector=vector, ways=2, map_words=1 << 14, list_words=1 << 14, instructions=1024)


def measure(size: tuple[int, int, int], config: EngineConfig, engine: str) -> dict[str, Any]:
    """One layer on one engine."""
    filters, channels, side = size
    layer = convolution(filters, channels, 3, side, **DENSITY)
    total, counts = pack(layer, config, engine).predicted["total"], count(layer)
    return {"layer": f"{filters} x {channels} x 3 x 3 on {side} x {side}", "lanes": config.lanes,
            "vector": config.vector, "multipliers": config.multipliers, "pairs": counts["pairs"], "total": total,
            "share": ideal_products(engine, counts) / config.multipliers / total}


def line(points: list[dict[str, Any]]) -> tuple[float, float, float]:
    """Exponent, factor and R squared of ``total = factor * pairs ** exponent``."""
    x, y = (np.log([point[key] for point in points]) for key in ("pairs", "total"))
    exponent, offset = np.polyfit(x, y, 1)
    rest = y - exponent * x - offset
    return float(exponent), float(np.exp(offset)), float(1 - rest.var() / y.var())


def draw_growth(parts: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Total over pairs, both by decades."""
    figure, axes = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    for preset, points in parts.items():
        exponent, factor, _ = line(points)
        pairs = np.array([point["pairs"] for point in points])
        (drawn,) = axes.loglog(pairs, [point["total"] for point in points], "o", label=preset)
        axes.loglog(pairs, factor * pairs**exponent, "-", color=drawn.get_color(), linewidth=1,
                    label=f"pairs to the power of {exponent:.3f}")
    axes.set(xlabel="pairs of non-zeros", ylabel="total, cycles", title="Cycles as work grows")
    axes.grid(True, which="both", alpha=0.2)
    axes.legend(fontsize=7)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_flat(parts: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """The share of the ideal over multipliers."""
    figure, axes = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    for name, points in parts.items():
        axes.semilogx([point["multipliers"] for point in points], [100 * point["share"] for point in points],
                      "o-", label=name, base=2)
    sizes = sorted({point["multipliers"] for points in parts.values() for point in points})
    axes.set(xlabel="multipliers", ylabel="ideal cycles, % of total", ylim=(0, 100), xticks=sizes, xticklabels=sizes,
             title=f"{' x '.join(map(str, FLAT_SIZE[:2]))} x 3 x 3, map of {FLAT_SIZE[2]}")
    axes.grid(True, alpha=0.2)
    axes.legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def show(name: str, points: list[dict[str, Any]]) -> None:
    """Print the figures of a curve."""
    print(name)
    for point in points:
        print(f"  {point['layer']:28} {point['multipliers']:4} multipliers {point['pairs']:12,} pairs "
              f"{point['total']:10,} cycles, {point['share']:.3f} of the ideal", flush=True)


def main(arguments: list[str]) -> int:
    """Measure, print, draw; 1 where it is not flat."""
    parser = argparse.ArgumentParser(description="Cycles over pairs, share of the ideal over multipliers.")
    parser.add_argument("--engine", choices=WHOLE, default="skip-weights")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", default=FOLDER)
    options = parser.parse_args(arguments)
    growth: dict[str, list[dict[str, Any]]] = {}
    for name, config in PRESETS.items():
        growth[name] = [measure(size, config, options.engine) for size in SIZES]
        show(name, growth[name])
        exponent, factor, squared = line(growth[name])
        print(f"  total = {factor:.5f} * pairs ** {exponent:.3f}, R squared {squared:.5f}")
    flat = {f"P = {vector}": [measure(FLAT_SIZE, flat_config(lanes, vector), options.engine) for lanes in own]
            for vector, own in FLAT_LANES.items()}
    for name, points in flat.items():
        show(name, points)
    spreads = {name: 100 * float(np.ptp([point["share"] for point in points])) for name, points in flat.items()}
    for name, spread in spreads.items():
        print(f"{name}: within {spread:.1f} points of the ideal (at most {FLAT})")
    options.plots.mkdir(parents=True, exist_ok=True)
    draw_growth(growth, options.plots / "growth.png")
    draw_flat(flat, options.plots / "flat.png")
    if options.json is not None:
        write_json(options.json, {"engine": options.engine, "growth": growth, "flat": flat})
    return int(max(spreads.values()) > FLAT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
