"""Do the cycles of a study hold in the RTL? Cells done again, their networks simulated layer by layer.

``python -m benchmarks.study_rtl CELLS.jsonl --study FILE.toml --bases FOLDER --cells N`` takes N cells, spread evenly
over the lines, repeats them, runs every layer of the networks that come out on `skip-both` in generated Verilog, bit
for bit, and prints the total beside the cycle model's for the same network, and the line's prediction (of a network
that may have been calibrated otherwise, where the line is older than decision 0013).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from cosim import simulate as simulation
from zerokeep import integer
from zerokeep.data import load
from zerokeep.models import load_base
from zerokeep.pipeline import carry_out
from zerokeep.prediction import predict_layer
from zerokeep.study.plan import read_plan
from zerokeep.study.runner import read_lines
from zeroskip.spec.config import PRESETS


def main() -> None:
    """Print a line for each cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--study", type=Path, required=True)
    parser.add_argument("--bases", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=3)
    given = parser.parse_args()
    lines = {line["key"]: line for line in read_lines(given.lines)}
    plan = read_plan(given.study)
    cells = [cell for cell in plan.cells if cell.key in lines]
    chosen = [cells[place] for place in np.linspace(0, len(cells) - 1, given.cells).round().astype(int)]
    data = load(plan.data)
    for cell in chosen:
        base = load_base(given.bases / f"{cell.base.key}.safetensors")
        fitted = data.fitted(base.input_shape or data.shape)
        network = carry_out(base, fitted, cell.recipe).network
        layers = {step.name: layer for step, layer in
                  integer.layer_inputs(network, fitted.test_images[: cell.images])}
        config = PRESETS[cell.preset]
        done = simulation.simulate(layers, config, ["skip-both"], options=simulation.Options())
        totals = [entry["engines"]["skip-both"]["cycles"]["total"] for entry in done.layers]
        exact = all(entry["engines"]["skip-both"]["bit_exact"] for entry in done.layers)
        predicted = [predict_layer(layer, config, "skip-both")["total"] for layer in layers.values()]
        line = lines[cell.key]["cycles"]["skip-both"]["total"]
        print(f"{cell.recipe.criterion} {cell.recipe.nzer_orig} seed {cell.recipe.seed}: RTL {sum(totals):,}, "
              f"predicted {sum(predicted):,} ({sum(totals) / sum(predicted) - 1:+.3%}), the line says {line:,} "
              f"({sum(totals) / line - 1:+.3%}); by layer {totals}, predicted {predicted}; "
              f"{'bit-exact' if exact else 'WRONG'}", flush=True)


if __name__ == "__main__":
    main()
