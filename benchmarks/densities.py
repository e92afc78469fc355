"""Engine ``auto`` against the better of ``dense`` and ``skip-both``, from few non-zeros to none but non-zeros.

``python -m benchmarks.densities [--preset NAME] [--json FILE] [--plot FILE] [--from FILE]``

Two layers on generated Verilog, compared bit for bit, at every pair of a weight density and an activation density of
`DENSITIES`: the standard one, and one without padding and with nothing left over, on which a dense array is at its
best. Status 1 where the hardware was wrong, or where `auto` took more than `MOST` times the cycles of the better of the
two.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import zerokeep  # noqa: F401  isort: skip - before numpy, since it asks for one thread

import matplotlib as mpl
import numpy as np
from benchmarks.work import FOLDER

from cosim.simulate import simulate
from zeroskip.random_layer import convolution
from zeroskip.spec.config import PRESETS, EngineConfig

mpl.use("Agg")
from matplotlib import pyplot as plt

LAYERS = {"64 x 32 x 3 x 3 on 14 x 14": (64, 32, 3, 14), "64 x 32 x 1 x 1 on 16 x 16": (64, 32, 1, 16)}
DENSITIES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
MOST = 1.02
FIXED = ("dense", "skip-both")


def measure(config: EngineConfig, sizes: tuple[int, int, int, int], densities: tuple[float, ...] = DENSITIES
            ) -> tuple[list[dict[str, Any]], list[str]]:
    """The points of a layer, row by row of the weight density, and what was wrong."""
    points, failed = [], []
    for weights in densities:
        layers = {f"{weights:g}/{activations:g}": convolution(*sizes, weights=weights, activations=activations)
                  for activations in densities}
        result = simulate(layers, config, [*FIXED, "auto"])
        failed += result.failed
        for activations, entry in zip(densities, result.layers, strict=True):
            engines = entry["engines"]
            points.append({"weights": weights, "activations": activations, "ideal_cycles": entry["ideal_cycles"],
                           "share": entry["pairs"] / entry["macs_inside"], "chosen": engines["auto"]["chosen"],
                           "total": {name: engines[name]["cycles"]["total"] for name in engines},
                           "predicted": {name: engines[name]["predicted"] for name in engines}})
            print(f"{weights:g}/{activations:g} measured", file=sys.stderr, flush=True)
    return points, failed


def ratio(point: dict[str, Any]) -> float:
    """Cycles of `auto` over those of the better of the others."""
    return point["total"]["auto"] / min(point["total"][name] for name in FIXED)


def show(points: list[dict[str, Any]]) -> None:
    """Print a line for each point."""
    print("weights  activations     ideal     dense  skip-both      auto  chosen     ratio")
    for point in points:
        total = point["total"]
        print(f"{point['weights']:7.0%} {point['activations']:12.0%} {point['ideal_cycles']:9,.0f} "
              f"{total['dense']:9,} {total['skip-both']:10,} {total['auto']:9,}  {point['chosen']:9} "
              f"{ratio(point):6.3f}")


def draw(layers: dict[str, list[dict[str, Any]]], preset: str, path: Path) -> None:
    """A row for each layer."""
    figure, axes = plt.subplots(len(layers), 2, figsize=(11, 4.2 * len(layers)), layout="constrained", squeeze=False)
    for (name, points), (left, right) in zip(layers.items(), axes, strict=True):
        draw_cycles(points, f"{name}, {preset}", left)
        draw_ratios(points, right)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def draw_cycles(points: list[dict[str, Any]], title: str, axes: Any) -> None:
    """Cycles over the share of products that count."""
    order = sorted(points, key=lambda point: point["share"])
    share = [point["share"] for point in order]
    for name, style in (("dense", "s"), ("skip-both", "o"), ("auto", "kx")):
        axes.loglog(share, [point["total"][name] for point in order], style, label=name, markersize=5,
                    fillstyle="none")
    axes.loglog(share, [point["ideal_cycles"] for point in order], "--", color="grey", label="pairs / multipliers")
    axes.set(xlabel="share of products with both operands non-zero", ylabel="total, cycles", title=title)
    axes.grid(True, which="both", alpha=0.2)
    axes.legend()


def draw_ratios(points: list[dict[str, Any]], axes: Any) -> None:
    """For each pair of densities what was chosen, and at what ratio."""
    rows = sorted({point["weights"] for point in points})
    columns = sorted({point["activations"] for point in points})
    table = {(point["weights"], point["activations"]): point for point in points}
    values = np.array([[ratio(table[row, column]) for column in columns] for row in rows])
    axes.imshow(values, origin="lower", vmin=1.0, vmax=1.05, cmap="YlOrRd", aspect="auto")
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            text = f"{values[y, x]:.3f}\n{table[row, column]['chosen']}"
            axes.text(x, y, text, ha="center", va="center", fontsize=7)
    axes.set(xticks=range(len(columns)), xticklabels=[f"{value:.0%}" for value in columns],
              yticks=range(len(rows)), yticklabels=[f"{value:.0%}" for value in rows],
              xlabel="activations that are not zero", ylabel="weights that are not zero",
              title="auto / the better of dense and skip-both")


def main(arguments: list[str]) -> int:
    """Measure, or take what was measured; print, draw, judge."""
    parser = argparse.ArgumentParser(description="auto against the better of dense and skip-both.")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="base")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: build/bench/densities-PRESET.json")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="default: build/bench/densities-PRESET.png")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="draw this instead of measuring")
    options = parser.parse_args(arguments)
    if options.source is None:
        layers, failed = {}, []
        for name, sizes in LAYERS.items():
            layers[name], wrong = measure(PRESETS[options.preset], sizes)
            failed += wrong
        found = {"preset": options.preset, "layers": layers, "failed": failed}
        target = options.json or FOLDER / f"densities-{options.preset}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    else:
        found = json.loads(options.source.read_text(encoding="utf-8"))
    for name, points in found["layers"].items():
        print(name)
        show(points)
    draw(found["layers"], found["preset"], options.plot or FOLDER / f"densities-{found['preset']}.png")
    worst = max(ratio(point) for points in found["layers"].values() for point in points)
    print(f"worst ratio of auto to the better of {' and '.join(FIXED)}: {worst:.4f} (at most {MOST})")
    for sentence in found["failed"]:
        print(sentence, file=sys.stderr)
    return 1 if found["failed"] or worst > MOST else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
