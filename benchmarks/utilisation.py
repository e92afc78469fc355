"""How near the engines come to their bound on standard layers, on every preset.

``python -m benchmarks.utilisation [--preset NAME]... [--row TEXT]... [--rtl] [--json FILE]`` (``make bench``)

A row is a layer, or the layers of the demo's network but the first: the sum of an engine's ideal cycles over the sum of
their ``total``. Ideal cycles are products over multipliers: those with both operands not zero for `skip-both`, those
with a weight that is not zero for `skip-weights`, all for `dense`. Cycles are those of the models; the vector engine's
is exact, and every simulation compares it with the hardware's counters. With ``--rtl`` they are the hardware's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.work import demo_folder, demo_layers

from cosim.measure import ideal_products
from cosim.simulate import simulate
from zeroskip.compiler.packed import PackError
from zeroskip.counts import count
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.random_layer import convolution, linear
from zeroskip.spec.config import PRESETS, EngineConfig

ENGINES = ("dense", "skip-weights", "skip-both")
COLUMNS = ("row", "engine", "ideal", "total", "share of ideal", "at least", "", "dense / total", "exact")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: how to make its layers; the least share that is asked of `skip-weights`, by preset."""

    layers: Callable[[], dict[str, Layer]]
    least: Mapping[str, float] = field(default_factory=dict)


def one(make: Callable[..., Layer], *sizes: int, **options: float) -> Callable[[], dict[str, Layer]]:
    """A row of one layer."""
    return lambda: {"": make(*sizes, **options)}


def least(*shares: float) -> dict[str, float]:
    """Shares for the presets in their order."""
    return dict(zip(PRESETS, shares, strict=True))


def network(images: int) -> dict[str, Layer]:
    """The demo's layers but the first."""
    return dict(list(demo_layers(demo_folder(), images).items())[1:])


ROWS = {
    "L1: 3x3, 32 > 64, 14x14, 20/50": Row(
        layers=one(convolution, 64, 32, 3, 14, weights=0.2, activations=0.5),
        least=least(0.82, 0.80, 0.75, 0.72, 0.67)),
    "1x1, 128 > 64, 14x14, 20/50": Row(
        layers=one(convolution, 64, 128, 1, 14, weights=0.2, activations=0.5),
        least=least(0.91, 0.83, 0.70, 0.56, 0.58)),
    "3x3 by 2, 32 > 64, 28x28, 20/50": Row(
        layers=one(convolution, 64, 32, 3, 28, stride=2, weights=0.2, activations=0.5),
        least=least(0.84, 0.79, 0.71, 0.63, 0.65)),
    "3x3, 32 > 64, 14x14, no zeros": Row(
        layers=one(convolution, 64, 32, 3, 14, weights=1.0, activations=1.0),
        least=least(0.82, 0.81, 0.77, 0.77, 0.83)),
    "1x1, 768 > 384, 14x14, 20/50": Row(
        layers=one(convolution, 384, 768, 1, 14, weights=0.2, activations=0.5),
        least=least(0.97, 0.83, 0.75, 0.72, 0.86)),
    "linear, 512 > 128, 20/50": Row(layers=one(linear, 128, 512, weights=0.2, activations=0.5)),
    "demo, 1 image": Row(layers=partial(network, 1), least=least(0.79, 0.74, 0.63, 0.54, 0.49)),
}


def predicted(layers: Mapping[str, Layer], config: EngineConfig, engine: str) -> int:
    """Cycles of layers, one after the other, by the model."""
    return sum(pack(layer, config, engine).predicted["total"] for layer in layers.values())


def measured(layers: Mapping[str, Layer], config: EngineConfig, engine: str) -> tuple[int, bool]:
    """The same on generated Verilog, and whether all was right."""
    result = simulate(layers, config, [engine])
    for sentence in result.failed:
        print(sentence, file=sys.stderr)
    totals = [entry["engines"][engine]["cycles"]["total"] for entry in result.layers]
    return sum(total or 0 for total in totals), not result.failed


def measure(row: Row, config: EngineConfig, *, rtl: bool) -> dict[str, dict[str, Any]]:
    """Each engine's ``ideal`` and ``total`` cycles, and whether it was ``exact``; or ``why`` it does not run them."""
    layers, found = row.layers(), {}
    counts = [count(layer) for layer in layers.values()]
    for engine in ENGINES:
        ideal = sum(ideal_products(engine, own) for own in counts) / config.multipliers
        try:
            total, exact = measured(layers, config, engine) if rtl else (predicted(layers, config, engine), None)
        except PackError as error:
            found[engine] = {"ideal": ideal, "why": str(error)}
            continue
        found[engine] = {"ideal": ideal, "total": total, "exact": exact}
    return found


def words(name: str, engine: str, found: Mapping[str, Mapping[str, Any]], asked: float | None) -> list[str]:
    """A line of the table."""
    own = found[engine]
    if "total" not in own:
        return [name, engine, f"{own['ideal']:,.0f}", "does not fit", *["-"] * 5]
    dense, share = found["dense"].get("total"), own["ideal"] / max(1, own["total"])
    return [name, engine, f"{own['ideal']:,.0f}", f"{own['total']:,}", f"{share:.3f}",
            "-" if asked is None else f"{asked:.2f}", "" if asked is None else "yes" if share >= asked else "NO",
            "-" if dense is None else f"{dense / own['total']:.2f}",
            {True: "yes", False: "NO", None: "-"}[own["exact"]]]


def show(preset: str, found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Print the table of a preset."""
    table = [list(COLUMNS)]
    for name, own in found.items():
        asked = ROWS[name].least.get(preset)
        table += [words(name, engine, own, asked if engine == "skip-weights" else None) for engine in ENGINES]
    widths = [max(len(line[n]) for line in table) for n in range(len(COLUMNS))]
    print(f"\n{preset}, {PRESETS[preset].multipliers} multipliers")
    for line in table:
        print("  ".join(word.ljust(width) if n < 2 else word.rjust(width)
                        for n, (word, width) in enumerate(zip(line, widths, strict=True))).rstrip(), flush=True)


def right(preset: str, found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> bool:
    """Whether every answer was right, and every share is what is asked for."""
    for name, own in found.items():
        asked, sparse = ROWS[name].least.get(preset, 0.0), own["skip-weights"]
        if any(engine.get("exact") is False for engine in own.values()):
            return False
        if asked and sparse["ideal"] < asked * sparse.get("total", float("inf")):
            return False
    return True


def main(arguments: list[str]) -> int:
    """Print a table for each preset; 1 where the hardware was wrong, or a share is below what is asked for."""
    parser = argparse.ArgumentParser(description="Shares of the bound.")
    parser.add_argument("--preset", choices=sorted(PRESETS), action="append", help="default: all")
    parser.add_argument("--row", action="append", metavar="TEXT", help="only rows whose name has this in it")
    parser.add_argument("--rtl", action="store_true", help="on generated Verilog, compared bit for bit")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    rows = {name: row for name, row in ROWS.items() if not options.row or any(text in name for text in options.row)}
    document, good = {}, True
    for preset in options.preset or PRESETS:
        found = {name: measure(row, PRESETS[preset], rtl=options.rtl) for name, row in rows.items()}
        show(preset, found)
        document[preset], good = found, good and right(preset, found)
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
