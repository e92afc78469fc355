"""How near the zero-skip array comes to its bound, on generated Verilog, compared bit for bit.

``python -m benchmarks.utilisation [--preset NAME]... [--row TEXT]... [--predict] [--json FILE]`` (``make bench``)

A row is a layer, or the layers of a network but the first: the sum of their ideal cycles (products with both operands
non-zero over the multipliers) over the sum of their ``total``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.work import demo_folder, demo_layers

from cosim.simulate import simulate
from zeroskip.config import PRESETS, ArrayConfig
from zeroskip.counts import count
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.random_layer import convolution, linear


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: how to make its layers, and the least utilisation that is asked of a preset."""

    layers: Callable[[], dict[str, Layer]]
    least: dict[str, float] = field(default_factory=dict)
    dense: bool = False
    """Whether the dense engine runs, too."""


def one(make: Callable[..., Layer], *sizes: int, **options: float) -> Callable[[], dict[str, Layer]]:
    """A row of one layer."""
    return lambda: {"": make(*sizes, **options)}


def network(zero_ratio: float | None, images: int) -> dict[str, Layer]:
    """The demo's layers but the first."""
    return dict(list(demo_layers(demo_folder(zero_ratio), images).items())[1:])


ROWS = {
    "L1: 3x3, 32 > 64, 14x14, 20/50": Row(
        layers=one(convolution, 64, 32, 3, 14, weights=0.2, activations=0.5), least={"fine": 0.80, "base": 0.43},
        dense=True),
    "1x1, 128 > 64, 14x14, 20/50": Row(
        layers=one(convolution, 64, 128, 1, 14, weights=0.2, activations=0.5), least={"fine": 0.75, "base": 0.43}),
    "3x3 by 2, 32 > 64, 28x28, 20/50": Row(
        layers=one(convolution, 64, 32, 3, 28, stride=2, weights=0.2, activations=0.5),
        least={"fine": 0.75, "base": 0.43}),
    "demo, 1 image": Row(layers=partial(network, None, 1), least={"fine": 0.78, "base": 0.65}, dense=True),
    "demo, 8 images": Row(layers=partial(network, None, 8), least={"fine": 0.87, "base": 0.63}),
    "demo at zero ratio 0.95, 8 images": Row(layers=partial(network, 0.95, 8), least={"fine": 0.78, "base": 0.58}),
    "demo with 95 % zeros left, 8 images": Row(layers=partial(network, 0.942, 8), least={"fine": 0.78, "base": 0.58}),
    "3x3, 32 > 64, 14x14, no zeros": Row(
        layers=one(convolution, 64, 32, 3, 14, weights=1.0, activations=1.0), least={"fine": 0.88, "base": 0.88}),
    "3x3, 512 > 512, 14x14, 10/15": Row(
        layers=one(convolution, 512, 512, 3, 14, weights=0.1, activations=0.15), least={"fine": 0.75}),
    "1x1, 768 > 384, 14x14, 20/50": Row(layers=one(convolution, 384, 768, 1, 14, weights=0.2, activations=0.5)),
    "linear, 1280 > 1000, 20/50": Row(layers=one(linear, 1000, 1280, weights=0.2, activations=0.5)),
    "linear, 512 > 128, 20/50": Row(layers=one(linear, 128, 512, weights=0.2, activations=0.5)),
}
COLUMNS = ("row", "ideal", "total", "predicted", "load", "utilisation", "at least", "", "dense", "dense / total",
           "exact")


def measure(rows: dict[str, Row], config: ArrayConfig) -> dict[str, dict[str, Any]]:
    """Simulate the rows; each layer of each on its engines."""
    found: dict[str, dict[str, Any]] = {}
    for engines in (["skip-both"], ["dense", "skip-both"]):
        own = {name: row for name, row in rows.items() if row.dense == (len(engines) == 2)}
        layers = {f"{name}/{part}": layer for name, row in own.items() for part, layer in row.layers().items()}
        if not layers:
            continue
        result = simulate(layers, config, engines)
        for sentence in result.failed:
            print(sentence, file=sys.stderr)
        for entry in result.layers:
            name, part = entry["name"].rsplit("/", 1)
            found.setdefault(name, {})[part] = entry
    return {name: found[name] for name in rows}


def predict(rows: dict[str, Row], config: ArrayConfig) -> dict[str, dict[str, Any]]:
    """The same shape, by the cycle model alone."""
    found: dict[str, dict[str, Any]] = {}
    for name, row in rows.items():
        for part, layer in row.layers().items():
            engines = {}
            for engine in ["dense", "skip-both"] if row.dense else ["skip-both"]:
                packed = pack(layer, config, engine)
                engines[engine] = {"cycles": {"total": None, "load": None}, "predicted": packed.predicted["total"],
                                   "bit_exact": None, "errors": []}
            found.setdefault(name, {})[part] = {"engines": engines,
                                                "ideal_cycles": count(layer)["pairs"] / config.multipliers}
    return found


def line(name: str, row: Row, preset: str, parts: dict[str, Any], *, measured: bool) -> tuple[list[str], bool]:
    """The words of a row, and whether it is as it should be."""
    def add(engine: str, *keys: str) -> int:
        total = 0
        for entry in parts.values():
            value = entry["engines"][engine]
            for key in keys:
                value = value[key]
            total += value
        return total

    ideal = sum(entry["ideal_cycles"] for entry in parts.values())
    predicted = add("skip-both", "predicted")
    total = add("skip-both", "cycles", "total") if measured else predicted
    least, utilisation = row.least.get(preset), ideal / total
    reached = least is None or utilisation >= least
    dense = (add("dense", "cycles", "total") if measured else add("dense", "predicted")) if row.dense else None
    exact = all(run["bit_exact"] and not run["errors"] for entry in parts.values() for run in entry["engines"].values())
    words = [name, f"{ideal:,.0f}", f"{total:,}" if measured else "-", f"{predicted:,}",
             f"{add('skip-both', 'cycles', 'load'):,}" if measured else "-", f"{utilisation:.3f}",
             f"{least:.2f}" if least else "-", "" if least is None else "yes" if reached else "NO",
             f"{dense:,}" if dense else "-", f"{dense / total:.2f}" if dense else "-",
             ("yes" if exact else "NO") if measured else "-"]
    return words, exact or not measured


def main(arguments: list[str]) -> int:
    """Print a table for each preset; 1 where the hardware was wrong."""
    parser = argparse.ArgumentParser(description="Utilisation of the two-sided bound.")
    parser.add_argument("--preset", choices=sorted(PRESETS), action="append", help="default: fine and base")
    parser.add_argument("--row", action="append", metavar="TEXT", help="only rows whose name has this in it")
    parser.add_argument("--predict", action="store_true", help="by the cycle model alone")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    rows = {name: row for name, row in ROWS.items() if not options.row or any(text in name for text in options.row)}
    right, document = True, {}
    for preset in options.preset or ["fine", "base"]:
        found = (predict if options.predict else measure)(rows, PRESETS[preset])
        table = [list(COLUMNS)]
        for name, parts in found.items():
            words, good = line(name, rows[name], preset, parts, measured=not options.predict)
            table.append(words)
            right = right and good
        widths = [max(len(words[n]) for words in table) for n in range(len(COLUMNS))]
        print(f"\n{preset}, skip-both{' (cycle model)' if options.predict else ''}")
        for words in table:
            print("  ".join(word.ljust(width) if n == 0 else word.rjust(width)
                            for n, (word, width) in enumerate(zip(words, widths, strict=True))), flush=True)
        document[preset] = found
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
