"""How cycles grow with the work, and whether arrays of any size are kept as busy: ``skip-both``, on generated Verilog.

``python -m benchmarks.growth [--json FILE] [--plots FOLDER]``

Growth: layers with 20 / 50 % non-zeros, from ten thousand pairs of non-zeros to ten million, on `base` and `fine`.
Flatness: one layer on arrays of 4, 16, 64 and 128 multipliers. Between arrays of different P utilisation differs by
design (a weight that P pixels share is multiplied where any of them is not zero), and the presets have different P;
so it is compared at one P: 4, as in `base`, and 1, as in `fine`, with up to four lanes in each group.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zerokeep  # noqa: F401  isort: skip - before numpy, since it asks for one thread

import matplotlib as mpl
import numpy as np
from benchmarks.work import FOLDER

from cosim.simulate import simulate
from zeroskip.config import PRESETS, ArrayConfig, derive
from zeroskip.layer import Layer
from zeroskip.random_layer import convolution

mpl.use("Agg")
from matplotlib import pyplot as plt

DENSITY = {"weights": 0.2, "activations": 0.5}
SIZES = ((16, 16, 7), (16, 16, 14), (32, 32, 14), (64, 64, 14), (64, 64, 28), (128, 64, 28), (128, 128, 28))
"""Filters, channels, map; all 3x3."""
FLAT_SIZE = (128, 64, 28)
"""Filters, channels, map: large enough that 128 multipliers have more to do than to begin and to end."""
FLAT_SHAPES = {4: ((1, 1), (1, 4), (4, 4), (8, 4)), 1: ((1, 4), (4, 4), (16, 4), (32, 4))}
"""Groups and lanes of 4, 16, 64 and 128 multipliers, by P."""
FLAT = 5.0
"""Points of utilisation between the most and the least busy array."""


def layer_of(filters: int, channels: int, size: int) -> Layer:
    """A 3x3 layer."""
    return convolution(filters, channels, 3, size, **DENSITY)


def measure(layer: Layer, name: str, config: ArrayConfig) -> dict[str, Any]:
    """One layer on one array."""
    result = simulate({name: layer}, config, ["skip-both"])
    (entry,) = result.layers
    engine = entry["engines"]["skip-both"]
    print(f"{name} on {config.multipliers} multipliers, P = {config.pixels}: {engine['cycles']['total']} cycles",
          file=sys.stderr, flush=True)
    return {"layer": name, "multipliers": config.multipliers, "pixels": config.pixels, "pairs": entry["pairs"],
            "total": engine["cycles"]["total"], "predicted": engine["predicted"],
            "utilisation": engine["utilisation"], "failed": result.failed}


def measure_all(done: dict[str, Any], keep: Callable[[], None]) -> None:
    """Fill `done`; `keep` is called after each measurement, and what is there is not done again."""
    jobs = [("growth", f"{preset}: {'x'.join(map(str, size))}", size, PRESETS[preset])
            for size in SIZES for preset in ("base", "fine")]
    jobs += [("flat", f"{groups} x {lanes} x {pixels}", FLAT_SIZE, derive(groups=groups, lanes=lanes, pixels=pixels))
             for pixels, shapes in FLAT_SHAPES.items() for groups, lanes in shapes]
    for part, name, size, config in jobs:
        if name not in done.setdefault(part, {}):
            done[part][name] = measure(layer_of(*size), name, config)
            keep()


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
        (drawn,) = axes.loglog(pairs, [point["total"] for point in points], "o", label=f"{preset}, measured")
        axes.loglog(pairs, factor * pairs**exponent, "-", color=drawn.get_color(), linewidth=1,
                    label=f"pairs to the power of {exponent:.3f}")
    axes.loglog(pairs, pairs / points[0]["multipliers"], "--", color="grey", label="pairs / 64 multipliers")
    axes.set(xlabel="pairs of non-zeros", ylabel="total, cycles", title="Cycles as work grows")
    axes.grid(True, which="both", alpha=0.2)
    axes.legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_flat(parts: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Utilisation over multipliers."""
    figure, axes = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    for name, points in parts.items():
        axes.semilogx([point["multipliers"] for point in points], [100 * point["utilisation"] for point in points],
                      "o-", label=name, base=2)
    sizes = [point["multipliers"] for point in points]
    axes.set(xlabel="multipliers", ylabel="utilisation, % of pairs / multipliers", ylim=(0, 100), xticks=sizes,
             xticklabels=sizes, title=f"{' x '.join(map(str, FLAT_SIZE[:2]))} x 3 x 3, map of {FLAT_SIZE[2]}")
    axes.grid(True, alpha=0.2)
    axes.legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def show(growth: dict[str, list[dict[str, Any]]], flat: dict[str, list[dict[str, Any]]]) -> float:
    """Print the figures; the widest spread of utilisation, in points."""
    for name, points in (*growth.items(), *flat.items()):
        print(name)
        for point in points:
            print(f"  {point['layer']:18} {point['multipliers']:4} multipliers {point['pairs']:12,} pairs "
                  f"{point['total']:10,} cycles (predicted {point['predicted']:,}), utilisation "
                  f"{point['utilisation']:.3f}")
        if name in growth:
            exponent, factor, squared = line(points)
            print(f"  total = {factor:.5f} * pairs ** {exponent:.3f}, R squared {squared:.5f}")
    spreads = {name: 100 * float(np.ptp([point["utilisation"] for point in points])) for name, points in flat.items()}
    for name, spread in spreads.items():
        print(f"{name}: utilisation within {spread:.1f} points (at most {FLAT})")
    return max(spreads.values())


def main(arguments: list[str]) -> int:
    """Measure, or take what was measured; print and draw; 1 where the hardware was wrong or it is not flat."""
    parser = argparse.ArgumentParser(description="Cycles over pairs, utilisation over multipliers.")
    parser.add_argument("--json", type=Path, metavar="FILE", default=FOLDER / "growth.json", help=(
        "what is measured; what is there is not measured again"))
    parser.add_argument("--plots", type=Path, metavar="FOLDER", default=FOLDER)
    options = parser.parse_args(arguments)
    done = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    measure_all(done, lambda: options.json.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8") and None)
    points = [*done["growth"].values(), *done["flat"].values()]
    growth = {preset: [own for own in done["growth"].values() if own["layer"].startswith(f"{preset}:")]
              for preset in ("base", "fine")}
    flat = {f"P = {pixels}": [own for own in done["flat"].values() if own["pixels"] == pixels]
            for pixels in FLAT_SHAPES}
    spread = show(growth, flat)
    options.plots.mkdir(parents=True, exist_ok=True)
    draw_growth(growth, options.plots / "growth.png")
    draw_flat(flat, options.plots / "flat.png")
    failed = [sentence for point in points for sentence in point["failed"]]
    for sentence in failed:
        print(sentence, file=sys.stderr)
    return 1 if failed or spread > FLAT else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
