"""Every way to share the groups of a preset over filters, rows and columns, for standard layers, by the cycle model.

``python -m benchmarks.arrangements [PRESET]``
"""

from __future__ import annotations

import sys

from zeroskip.arrangement import arrangements
from zeroskip.compiler.packed import PackError
from zeroskip.config import PRESETS
from zeroskip.counts import count
from zeroskip.cycle_model import predict
from zeroskip.plan import make_plan
from zeroskip.random_layer import convolution

LAYERS = {  # filters, channels, kernel, map, share of non-zero weights, of non-zero activations
    "24x16x3x3 on 28x28": (24, 16, 3, 28, 0.12, 0.5),
    "48x24x3x3 on 14x14": (48, 24, 3, 14, 0.12, 0.5),
    "48x48x3x3 on 7x7": (48, 48, 3, 7, 0.12, 0.5),
    "64x32x3x3 on 14x14": (64, 32, 3, 14, 0.2, 0.5),
    "64x128x1x1 on 14x14": (64, 128, 1, 14, 0.2, 0.5),
}


def main() -> None:
    """Print a line for each layer and arrangement."""
    config = PRESETS[sys.argv[1] if len(sys.argv) > 1 else "base"]
    for name, (*sizes, weights, activations) in LAYERS.items():
        layer = convolution(*sizes, weights=weights, activations=activations)
        ideal = count(layer)["pairs"] / config.multipliers
        for arrangement in arrangements(config.groups, config.pixels):
            try:
                total = predict(make_plan(layer, config, arrangement, skip_activations=True))["total"]
            except PackError as error:
                print(f"{name:22} {arrangement}: {error}")
                continue
            print(f"{name:22} {arrangement}: {total} cycles, utilisation {ideal / total:.3f}")


if __name__ == "__main__":
    main()
