"""Dense against zero-skip on standard layers with zeros at random, on generated Verilog, compared bit for bit.

``python benchmarks/layers.py [--preset NAME] [--json FILE]`` (``make bench``)

The first layer is the one on which other systems were measured: 32 to 64 channels, 3x3, 14x14 map. The ideal is the
products with both operands non-zero over the multipliers.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import zerokeep  # noqa: F401  isort: skip - before numpy, since it asks for one thread

import numpy as np

from cosim.simulate import ENGINES, simulate
from zeroskip.config import PRESETS, ArrayConfig
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.program_image import PackError

CONVOLUTIONS = {  # filters, channels, kernel, map, stride, share of weights and of activations that are not zero
    "64x32 3x3, 14x14, 20/50": (64, 32, 3, 14, 1, 0.2, 0.5),
    "64x32 3x3, 14x14, 100/100": (64, 32, 3, 14, 1, 1.0, 1.0),
    "24x16 3x3, 28x28, 12/50": (24, 16, 3, 28, 1, 0.12, 0.5),
    "48x48 3x3, 7x7, 12/50": (48, 48, 3, 7, 1, 0.12, 0.5),
    "48x48 3x3, 7x7, 5/40": (48, 48, 3, 7, 1, 0.05, 0.4),
    "64x32 3x3, 28x28 by 2, 20/50": (64, 32, 3, 28, 2, 0.2, 0.5),
    "64x32 1x1, 28x28, 20/50": (64, 32, 1, 28, 1, 0.2, 0.5),
}
LINEAR = {"128x512 linear, 20/50": (128, 512, 0.2, 0.5)}
COLUMNS = ("layer", "engine", "cycles", "predicted", "ideal", "utilisation", "speed-up", "measured", "exact")


def zeros(rng: np.random.Generator, values: np.ndarray, kept: float) -> np.ndarray:
    """The values with all but that share of them set to zero."""
    return np.where(rng.random(values.shape) < kept, values, 0).astype(values.dtype)


def make_layers(seed: int = 0) -> dict[str, Layer]:
    """The layers by name."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, (filters, channels, kernel, size, stride, weights, activations) in CONVOLUTIONS.items():
        weight = rng.integers(1, 128, (filters, channels, kernel, kernel)).astype(np.int8)
        weight *= rng.choice(np.array([-1, 1], np.int8), weight.shape)
        data = rng.integers(1, 256, (1, channels, size, size)).astype(np.uint8)
        found[name] = Layer(weight=zeros(rng, weight, weights), input=zeros(rng, data, activations),
                            stride=(stride, stride), padding=(kernel // 2, kernel // 2),
                            multiplier=np.full(filters, 3000), shift=np.full(filters, 22))
    for name, (filters, channels, weights, activations) in LINEAR.items():
        weight = rng.integers(-127, 128, (filters, channels)).astype(np.int8)
        data = rng.integers(1, 256, (1, channels)).astype(np.uint8)
        found[name] = Layer(weight=zeros(rng, weight, weights), input=zeros(rng, data, activations))
    return found


def refusal(layer: Layer, config: ArrayConfig) -> str | None:
    """Why a layer does not fit, if it does not."""
    try:
        for engine in ENGINES:
            pack(layer, config, engine)
    except PackError as error:
        return str(error)
    return None


def show(value: float | None, form: str) -> str:
    """A figure, or a dash."""
    return "-" if value is None else format(value, form)


def main(arguments: list[str]) -> int:
    """Print the table; 1 where the hardware was wrong."""
    parser = argparse.ArgumentParser(description="Dense against zero-skip on standard layers.")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="base")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    config = PRESETS[options.preset]
    layers = make_layers()
    refused = {name: why for name, layer in layers.items() if (why := refusal(layer, config)) is not None}
    result = simulate({name: layer for name, layer in layers.items() if name not in refused}, config)
    rows = [COLUMNS]
    for entry in result.layers:
        for name, engine in entry["engines"].items():
            rows.append((entry["name"], name, show(engine["cycles"]["total"], ",d"), show(engine["predicted"], ",d"),
                         show(entry["ideal_cycles"], ",.0f"), show(engine["utilisation"], ".3f"),
                         show(engine["speedup"], ".2f"), show(engine["speedup_measured"], ".2f"),
                         "yes" if engine["bit_exact"] and not engine["errors"] else "NO"))
    widths = [max(len(row[n]) for row in rows) for n in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(word.ljust(width) if n < 2 else word.rjust(width)
                        for n, (word, width) in enumerate(zip(row, widths, strict=True))))
    for name, why in refused.items():
        print(f"{name}: does not fit {options.preset}: {why}")
    for sentence in result.failed:
        print(sentence, file=sys.stderr)
    if options.json is not None:
        document = {"preset": options.preset, "layers": result.layers, "refused": refused}
        options.json.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 1 if result.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
