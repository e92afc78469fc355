"""What the parts of a zero-skip array take of an ECP5, by yosys, and the coefficients of ``zeroskip.area``.

``python -m benchmarks.area [--cache FOLDER]``

Each shape is synthesised once, half a minute to two minutes each; what lies in the folder is not done again. A group's
LUTs are fitted over lanes and multipliers, all that is outside of the groups over groups, pixels and output units.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zerokeep  # noqa: F401  isort: skip - before numpy, since it asks for one thread

import numpy as np

from zeroskip.area import COEFFICIENTS, GROUP_TERMS, OUTSIDE_TERMS, estimate, luts_of, memory_luts, terms
from zeroskip.config import ArrayConfig, derive
from zeroskip.synth import synthesise
from zeroskip.verilog import generate

SHAPES = [  # groups, lanes, pixels, columns, output units
    (1, 1, 1, 2, 1), (1, 4, 1, 2, 1), (4, 2, 1, 2, 4), (1, 4, 1, 1, 1), (1, 2, 2, 1, 1), (2, 4, 2, 1, 2),
    (1, 1, 4, 1, 1), (2, 2, 4, 1, 1), (1, 8, 4, 1, 1), (1, 2, 8, 1, 1), (2, 4, 8, 1, 2), (4, 4, 4, 1, 4),
]


def measure(config: ArrayConfig, cache: Path) -> dict[str, Any]:
    """The counts of one configuration, from the folder or from yosys."""
    shape = f"{config.groups}-{config.lanes}-{config.pixels}-{config.columns}-{config.output_units}"
    kept = cache / f"{shape}.json"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="zerokeep-area-") as folder:
            design = generate(config, "zero-skip", Path(folder))
            found = synthesise(design.verilog, design.top, multipliers=config.multipliers)
        cache.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


def fit(configs: list[ArrayConfig], found: list[Mapping[str, Any]]) -> dict[str, float]:
    """The coefficients, by least squares on relative errors. All memories of LUTs are in the groups."""
    groups = np.array([luts_of(own["parts"]["engine.group"]) for own in found])
    outside = np.array([luts_of(own["total"]) for own in found]) - groups
    groups = groups - np.array([memory_luts(config) for config in configs])
    fitted: dict[str, float] = {}
    for names, values in ((GROUP_TERMS, groups), (OUTSIDE_TERMS, outside)):
        rows = np.array([[terms(config)[name] for name in names] for config in configs], float)
        solved = np.linalg.lstsq(rows / values[:, None], np.ones(len(values)), rcond=None)[0]
        for name, value in zip(names, solved.tolist(), strict=True):
            fitted[name] = fitted.get(name, 0.0) + value  # a group has a part inside of itself and one outside
    return fitted


def main(arguments: list[str]) -> int:
    """Print what was measured, what the model says, and the coefficients."""
    parser = argparse.ArgumentParser(description="Coefficients of the area model, by yosys.")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", default=Path("build/bench/area"))
    options = parser.parse_args(arguments)
    configs = [derive(groups=groups, lanes=lanes, pixels=pixels, columns=columns, output_units=units)
               for groups, lanes, pixels, columns, units in SHAPES]
    found = []
    for config in configs:
        found.append(measure(config, options.cache))
        print(config.groups, config.lanes, config.pixels, found[-1]["seconds"], "s", file=sys.stderr, flush=True)
    fitted = fit(configs, found)
    print("groups lanes pixels columns units      LUTs  model  error   multipliers model   memories model")
    for config, own in zip(configs, found, strict=True):
        area, total = estimate(config, fitted), own["total"]
        luts = luts_of(total)
        print(f"{config.groups:6} {config.lanes:5} {config.pixels:6} {config.columns:7} {config.output_units:5} "
              f"{luts:9,} {area.luts:6,} "
              f"{area.luts / luts - 1:+6.1%} {total['MULT']:13} {area.multipliers:5} {total['BRAM']:10} "
              f"{area.memories:5}")
    for name, value in fitted.items():
        print(f"{name}: {value:.0f} LUTs (in zeroskip.area: {COEFFICIENTS[name]})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
