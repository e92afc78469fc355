"""The cycle model against generated Verilog: how far off it is, and how much faster.

``python -m benchmarks.model [--preset NAME]... [--random N] [--most CYCLES] [--json FILE]``

Seconds are processor time. Of the simulator: "run" is its process from start to end, "alone" is without the start-up
(as a layer of a few cycles takes it; short layers run many times over). Of the model, for a plan that stands: count of
the work and queues, the best of five; of the dense engine with packing, which it cannot do without. There is a ratio
for either. The search for the plan is timed apart. The standard layers run on the presets given, on skip-both,
skip-weights and dense; the random ones in turn on four presets and two engines.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import zerokeep  # noqa: F401  isort: skip - before numpy, since it asks for one thread

import numpy as np
from benchmarks.work import demo_folder, demo_layers

from cosim.designs import cached
from cosim.parts import jobs_of, join
from cosim.runner import run_jobs
from cosim.simulators import Build, build, find_simulator
from zeroskip.compiler.packed import PackError
from zeroskip.config import PRESETS, ArrayConfig
from zeroskip.cycle_model import predict
from zeroskip.files.cache import default_cache
from zeroskip.lane_work import lane_work
from zeroskip.layer import Layer
from zeroskip.packing import KINDS, pack
from zeroskip.random_layer import convolution, keep, linear
from zeroskip.zero_skip_packing import best_plan

STANDARD = {
    "64x32 3x3, 14x14, 20/50": lambda: convolution(64, 32, 3, 14, weights=0.2, activations=0.5),
    "64x128 1x1, 14x14, 20/50": lambda: convolution(64, 128, 1, 14, weights=0.2, activations=0.5),
    "64x32 3x3, 28x28 by 2, 20/50": lambda: convolution(64, 32, 3, 28, stride=2, weights=0.2, activations=0.5),
    "64x32 3x3, 14x14, 100/100": lambda: convolution(64, 32, 3, 14, weights=1.0, activations=1.0),
    "1000x1280 linear, 20/50": lambda: linear(1000, 1280, weights=0.2, activations=0.5),
    "384x768 1x1, 14x14, 20/50": lambda: convolution(384, 768, 1, 14, weights=0.2, activations=0.5),
    "512x512 3x3, 14x14, 10/15": lambda: convolution(512, 512, 3, 14, weights=0.1, activations=0.15),
}
ENGINES = ("skip-both", "skip-weights", "dense")
TURNS = [(preset, engine) for engine in ("skip-both", "skip-weights") for preset in ("base", "fine", "small", "tiny")]
ENOUGH = 30_000
"""Cycles that are simulated at least."""
COLUMNS = ("layer", "preset", "engine", "cycles", "predicted", "error", "run s",
           "alone s", "model ms", "ratio", "ratio alone", "search s")


def make_random(seed: int) -> Layer:
    """A layer of any kind: kernels, strides, paddings, groups, types; sizes that divide nothing."""
    rng = np.random.default_rng([2, seed])
    kind = ("plain", "plain", "plain", "linear", "grouped", "depthwise")[seed % 6]
    kernel, stride, padding = int(rng.choice([1, 3, 5])), int(rng.integers(1, 3)), int(rng.integers(0, 3))
    filters, channels, groups = (*(int(v) for v in rng.integers(1, 70, 2)), 1)
    if kind == "grouped":
        groups = int(rng.integers(2, 5))
        filters, channels = groups * int(rng.integers(1, 16)), groups * int(rng.integers(1, 16))
    elif kind == "depthwise":
        filters = channels = groups = int(rng.integers(2, 50))
    elif kind == "linear":
        filters, channels = int(rng.integers(5, 200)), int(rng.integers(10, 400))
    images, (height, width) = int(rng.integers(1, 4)), rng.integers(max(3, kernel), 16, 2)
    linear = kind == "linear"
    signed = rng.random() < 0.5
    data = rng.integers(-128 if signed else 0, 128 if signed else 256,
                        (images, channels) if linear else (images, channels, height, width))
    weight = rng.integers(-127, 128, (filters, channels) if linear else (filters, channels // groups, kernel, kernel))
    layer = Layer(weight=keep(rng, weight, rng.uniform(0.05, 1)).astype(np.int8),
                  input=keep(rng, data, rng.uniform(0.05, 1)).astype(np.int8 if signed else np.uint8),
                  bias=rng.integers(-3000, 3000, filters).astype(np.int32), groups=groups,
                  stride=(1, 1) if linear else (stride, stride), padding=(0, 0) if linear else (padding, padding))
    if seed % 3 == 0:
        return layer
    return replace(layer, multiplier=rng.integers(1, 65536, filters), shift=rng.integers(18, 30, filters),
                   output_dtype=str(rng.choice(["uint8", "int8"])), clamp=None)


def network_layers() -> Iterator[tuple[str, Layer]]:
    """The layers of the demo's network, pruned by the default recipe and further, on 1 and on 8 images."""
    for zero_ratio in (None, 0.95):
        folder = demo_folder(zero_ratio)
        for images in (1, 8):
            for name, layer in demo_layers(folder, images).items():
                yield f"{folder.name} {name}, {images} images", layer


def seconds(action: Callable[[], Any], who: int = resource.RUSAGE_SELF) -> tuple[float, Any]:
    """Processor time of an action, and what it gave."""
    before = resource.getrusage(who)
    result = action()
    after = resource.getrusage(who)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, result


class Simulator:
    """Runs layers, and times the simulator's process."""

    def __init__(self) -> None:
        self._builds: dict[tuple[str, str], tuple[Build, float]] = {}

    def _built(self, preset: str, kind: str) -> tuple[Build, float]:
        if (preset, kind) not in self._builds:
            design = cached(PRESETS[preset], kind, default_cache() / "verilog")
            built = build(design, find_simulator("verilator"), default_cache() / "simulators", waves=False)
            small = Layer(weight=np.ones((1, 1), np.int8), input=np.ones((1, 1), np.uint8))
            engine = next(name for name, its in KINDS.items() if its == kind)
            jobs = jobs_of("start-up", pack(small, PRESETS[preset], engine), patience=100_000)
            times = [seconds(lambda: run_jobs(built, jobs), resource.RUSAGE_CHILDREN)[0] for _ in range(3)]
            self._builds[preset, kind] = built, min(times)
        return self._builds[preset, kind]

    def run(self, name: str, preset: str, engine: str, packed: Any) -> tuple[int, float, float]:
        """The hardware's total, seconds of the whole run, and without the start-up."""
        built, start_up = self._built(preset, KINDS[engine])
        jobs = jobs_of(name, packed, patience=10_000_000)
        times = max(1, -(-ENOUGH // packed.predicted["total"]))
        spent, outcomes = seconds(lambda: run_jobs(built, jobs * times), resource.RUSAGE_CHILDREN)
        outcome = join(name, outcomes[: len(jobs)], multipliers=PRESETS[preset].multipliers)
        assert outcome.error is None, outcome.error
        alone = (spent - start_up) / times
        return outcome.counters["total"], start_up + alone, alone


def time_model(layer: Layer, config: ArrayConfig, engine: str) -> tuple[float, float]:
    """Seconds of the search for a plan, and of the model for that plan. The dense engine has but one."""
    if engine == "dense":
        spent = min(seconds(lambda: pack(layer, config, engine))[0] for _ in range(3))
        return 0.0, spent
    skip = engine == "skip-both"
    search, (plan, _) = seconds(lambda: best_plan(layer.as_convolution(), config, skip_activations=skip))
    times = []
    for _ in range(5):
        before = time.process_time()
        predict(plan, lane_work(plan))
        times.append(time.process_time() - before)
    return search, min(times)


def measure(simulator: Simulator, name: str, layer: Layer, preset: str, engine: str, most: int
            ) -> dict[str, Any] | None:
    """A row of the table, or nothing where the layer does not fit or runs too long."""
    config = PRESETS[preset]
    try:
        packed = pack(layer, config, engine)
    except PackError as error:
        print(f"{name} on {preset}, {engine}: {error}", flush=True)
        return None
    predicted = packed.predicted["total"]
    if predicted > most:
        print(f"{name} on {preset}, {engine}: left out, {predicted:,} cycles predicted", flush=True)
        return None
    search, model = time_model(layer, config, engine)
    total, run, alone = simulator.run(name, preset, engine, packed)
    row = {"layer": name, "preset": preset, "engine": engine, "cycles": total, "predicted": predicted,
           "error": (predicted - total) / total, "run_s": run, "alone_s": alone, "model_s": model,
           "ratio": run / model, "ratio_alone": alone / model, "search_s": search}
    print(f"{name:32} {preset:6} {engine:12} {total:9,} {predicted:9,} {100 * row['error']:7.3f} % "
          f"{run:9.3f} {alone:9.3f} {1000 * model:8.3f} {row['ratio']:9,.0f} {row['ratio_alone']:9,.0f} {search:7.3f}",
          flush=True)
    return row


def summary(rows: Sequence[dict[str, Any]]) -> None:
    """The largest error and the ratios; the runs below 1,000 by name."""
    worst = max(rows, key=lambda row: abs(row["error"]))
    print(f"{len(rows)} runs, {sum(row['error'] == 0 for row in rows)} of them without an error; the largest: "
          f"{100 * worst['error']:.3f} % ({worst['layer']}, {worst['preset']}, {worst['engine']})")
    for key, what in (("ratio", "run of the simulator"), ("ratio_alone", "run without start-up")):
        ratios = [row[key] for row in rows]
        slow = [row for row in rows if row[key] < 1000]
        print(f"{what} / model: median {median(ratios):,.0f}, least {min(ratios):,.0f}; below 1,000: {len(slow)}")
        for row in slow:
            print(f"  {row['layer']}, {row['preset']}, {row['engine']}: {row[key]:,.0f}")


def main(arguments: list[str]) -> int:
    """Print the table; 1 where an error is above 3 %."""
    parser = argparse.ArgumentParser(description="The cycle model against generated Verilog.")
    parser.add_argument("--preset", action="append", choices=sorted(PRESETS), help="default: base and fine")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="default: all")
    parser.add_argument("--random", type=int, default=50, metavar="N", help="random layers")
    parser.add_argument("--most", type=int, default=400_000, metavar="CYCLES", help="leave out what takes longer")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    layers = {name: make() for name, make in STANDARD.items()} | dict(network_layers())
    runs = [(name, layer, preset, engine) for preset in options.preset or ("base", "fine")
            for name, layer in layers.items() for engine in options.engine or ENGINES]
    runs += [(f"random {seed}", make_random(seed), *TURNS[seed % len(TURNS)]) for seed in range(options.random)]
    print("  ".join(COLUMNS))
    simulator = Simulator()
    rows = [row for run in runs if (row := measure(simulator, *run, options.most)) is not None]
    summary(rows)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 1 if any(abs(row["error"]) > 0.03 for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
