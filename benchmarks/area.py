"""What vector engines take of an ECP5, by yosys with the chip's own cells, and the coefficients of ``zeroskip.area``.

``python -m benchmarks.area [--cache FOLDER]``

Each configuration is synthesised once, half a minute to some minutes each; what lies in the folder is not done again.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import zerokeep  # noqa: F401  isort: skip - before numpy, since it asks for one thread

import numpy as np

from zeroskip.area import COEFFICIENTS, estimate, terms
from zeroskip.gateware.primitives.target import ECP5, Target
from zeroskip.spec.config import PRESETS, EngineConfig
from zeroskip.synth import synthesise
from zeroskip.verilog import design_name, generate

CONFIGS = [
    PRESETS["tiny"], PRESETS["small"], PRESETS["base"],
    *(EngineConfig(lanes=lanes, vector=vector, look=look, ways=ways, banks=banks)
      for lanes, vector, look, ways, banks in [
          (1, 8, 1, 1, 8), (2, 4, 4, 2, 8), (4, 4, 1, 1, 16), (2, 16, 1, 2, 16), (4, 8, 4, 1, 8), (8, 4, 2, 1, 16),
          (8, 1, 4, 1, 4), (16, 1, 8, 1, 16), (1, 16, 4, 4, 32)]),
]


def measure(config: EngineConfig, cache: Path) -> dict[str, Any]:
    """The counts of one configuration, from the folder or from yosys."""
    digest = hashlib.sha256(repr(sorted(dataclasses.asdict(config).items())).encode()).hexdigest()[:8]
    kept = cache / f"{design_name(config, 'zero-skip')}-{digest}.json"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="zerokeep-area-") as folder:
            design = generate(config, "zero-skip", Path(folder), target=Target(family=ECP5))
            found = synthesise(design.verilog, design.top, multipliers=config.multipliers)
        cache.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


def fit(configs: Sequence[EngineConfig], luts: Sequence[int]) -> dict[str, float]:
    """The coefficients, by least squares on relative errors."""
    rows = np.array([list(terms(config).values()) for config in configs], float) / np.array(luts, float)[:, None]
    solved = np.linalg.lstsq(rows, np.ones(len(luts)), rcond=None)[0]
    return dict(zip(terms(configs[0]), solved.tolist(), strict=True))


def show(configs: Sequence[EngineConfig], found: Sequence[Mapping[str, Any]], fitted: Mapping[str, float]) -> None:
    """A line for each configuration: what was counted, and what the model says with these coefficients."""
    print("lanes vector look ways banks    LUTs   model  error   multipliers model   memories model")
    for config, own in zip(configs, found, strict=True):
        area, total = estimate(config, fitted), own["total"]
        print(f"{config.lanes:5} {config.vector:6} {config.look:4} {config.ways:4} {config.banks:5} "
              f"{total['COMB']:7,} {area.luts:7,} {area.luts / total['COMB'] - 1:+6.1%} {total['MULT']:13} "
              f"{area.multipliers:5} {total['BRAM']:10} {area.memories:5}")


def main(arguments: list[str]) -> int:
    """Print what was measured, what the model says, and the coefficients."""
    parser = argparse.ArgumentParser(description="Coefficients of the area model, by yosys.")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", default=Path("build/bench/area"))
    options = parser.parse_args(arguments)
    found = []
    for config in CONFIGS:
        found.append(measure(config, options.cache))
        print(design_name(config, "zero-skip"), found[-1]["seconds"], "s", file=sys.stderr, flush=True)
    fitted = fit(CONFIGS, [own["total"]["COMB"] for own in found])
    print("With the coefficients of zeroskip.area:")
    show(CONFIGS, found, COEFFICIENTS)
    print("\nFitted:")
    show(CONFIGS, found, fitted)
    for name, value in fitted.items():
        print(f"{name}: {value:.0f} LUTs (in zeroskip.area: {COEFFICIENTS[name]:.0f})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
