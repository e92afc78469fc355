"""Records of a run that never ran: what the steps leave, with made-up but consistent figures."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
from tests.sw.small_layers import small_network

from cosim.account import CLASSES
from zerokeep.report import NEEDED
from zeroskip.export import program_file
from zeroskip.export.compiled import compile_network
from zeroskip.export.figures import figures
from zeroskip.spec.config import PRESETS

MULTIPLIERS = 64
ENGINES = {"dense": ("dense",), "dense-gate": ("gate",), "zero-skip": ("skip-weights", "skip-both")}


def engine(total: int, load: int, macs_inside: int, multiplications: int, gated: int = 0) -> dict[str, Any]:
    cycles = {"total": total, "load": load, "wait": 10, "compute": total - 15, "drain": 5, "stalled": 0,
              "end_to_end": total + load}
    lost = {"bubble": MULTIPLIERS * total - multiplications - 20 * MULTIPLIERS, "waiting": 10 * MULTIPLIERS,
            "drain": 5 * MULTIPLIERS, "tail": 5 * MULTIPLIERS}
    lanes = dict.fromkeys(CLASSES, 0) | lost | {"multiplying": multiplications - gated, "gated": gated}
    return {"bit_exact": True, "mismatches": 0, "cycles": cycles, "lanes": lanes,
            "multiplications": multiplications, "gated": gated, "utilisation": 0.5,
            "speedup": macs_inside / (MULTIPLIERS * total), "speedup_measured": None, "predicted": total + 1,
            "bounds": {"multipliers": total // 2, "program": load, "map": 10, "results": 5}, "errors": []}


def layer(name: str, names: tuple[str, ...], scale: int) -> dict[str, Any]:
    """A layer of `scale` times 6,400 products, of which 640 are not zero."""
    made = {
        "dense": engine(110 * scale, 10, 6_000 * scale, 6_400 * scale),
        "gate": engine(110 * scale, 10, 6_000 * scale, 6_400 * scale, 5_760 * scale),
        "skip-weights": engine(40 * scale, 20, 6_000 * scale, 1_280 * scale, 640 * scale),
        "skip-both": engine(20 * scale, 20, 6_000 * scale, 960 * scale, 320 * scale),
    }
    return {"name": name, "engines": {key: made[key] for key in names}, "macs": 6_400 * scale,
            "macs_inside": 6_000 * scale, "pairs": 640 * scale, "weight_pairs": 1_280 * scale, "weight_density": 0.2,
            "activation_density": 0.5, "ideal_cycles": 10.0 * scale, "multipliers": MULTIPLIERS, "preset": "base",
            "images": 2, "seed": 0, "stall": 0.0, "tool_versions": {"cocotb": "2.1.0"}}


@functools.cache
def program() -> dict[str, Any]:
    """The figures of a small network that was really compiled: pictures are drawn of them."""
    compiled = compile_network(PRESETS["tiny"], small_network(), name="test", engine="skip-both",
                               image=np.ones((1, 28, 28), np.uint8))
    return figures(compiled, program_file.content(compiled.program), "tiny")


def whole() -> dict[str, Any]:
    """The network as one program: an image in 50 cycles on skip-both, and in 90 on skip-weights."""
    def entry(latency: int, interval: float) -> dict[str, Any]:
        return {"bit_exact": True, "mismatches": 0, "images": 2, "load": 33, "latency": latency, "interval": interval,
                "predicted": {"latency": latency, "interval": interval}, "errors": []}

    return {"why": None, "engines": {"skip-weights": entry(110, 90.0), "skip-both": entry(77, 50.0)},
            "host": ["softmax"], "program": copy.deepcopy(program()), "failed": []}


def no_program(why: str = "step 'a' is not there") -> dict[str, Any]:
    """What is left where the network is no one program."""
    return {"why": why, "engines": {}, "host": [], "program": None, "failed": []}


def cells(luts: int) -> dict[str, Any]:
    return {"LUT4": luts, "CCU2C": 0, "DPR16X4": 0, "LUT": luts, "FF": 5, "DSP": 64, "BRAM": 7, "COMB": None}


def counts(name: str) -> dict[str, Any]:
    return {"name": name, "op": "conv", "filters": 3, "filters_before": 4, "weights": 75, "weights_before": 100,
            "nonzero": 15, "nzer": 0.2, "nzer_orig": 0.15}


def results() -> dict[str, dict[str, Any]]:
    """The result of every step by its name: two layers, the second three times the first."""
    accuracy = {"base": 0.93, "pruned": 0.91, "int8": 0.905, "data": "made up", "test_images": 10,
                "onnx_agreement": 1.0}
    recipe = {"criterion": "zero-keep", "zero_ratio": 0.85, "first_zero_ratio": 0.3, "linear_zero_ratio": 0.6,
              "filter_ratio": 0.25, "nzer_orig": None, "threshold": "layer", "schedule": "one-shot", "epochs": 1,
              "distil": True, "seed": 3}
    model = {"accuracy": accuracy, "recipe": recipe, "nzer": 0.2, "nzer_orig": 0.15,
             "counts": [counts("conv1"), counts("conv2")], "base": {"model": "vgg-small", "training": {}},
             "totals": {"filters": 6, "filters_before": 8, "filters_removed": 0.25},
             "tool_versions": {"torch": "2.13.0", "onnx": None}}
    made: dict[str, dict[str, Any]] = {
        "run": {"images": 2, "multipliers": MULTIPLIERS, "seed": 3, "preset": "base", "parameters": {"vector": 4},
                "command": "zerokeep run --seed 3"},
        "prune": model, "unpruned": model | {"accuracy": accuracy | {"int8": 0.93}},
        "break-even": {"layer": "made up", "points": [
            {"density": density, "cycles": {"dense": 100, "skip-both": round(200 * density)}}
            for density in (0.1, 0.4, 0.8)]},
        "network": whole(),
        "simulate-unpruned-dense": {"failed": [], "layers": [layer("conv1", ("dense",), 2),
                                                             layer("conv2", ("dense",), 6)]},
    }
    for kind, names in ENGINES.items():
        made[f"verilog-{kind}"] = {"kind": kind, "top": f"top_{kind}", "verilog": f"{kind}.v", "lines": 100,
                                   "sha256": "0" * 64, "failed": []}
        made[f"synth-{kind}"] = {"resources": cells(2000 if kind == "zero-skip" else 1000),
                                 "parts": {"engine.lane": {"count": 4, "COMB": 88, "FF": 12, "MULT": 4, "BRAM": 8}},
                                 "tool_versions": {"pyosys": "0.70"}}
        made[f"simulate-{kind}"] = {"failed": [], "layers": [layer("conv1", names, 1), layer("conv2", names, 3)]}
    return {name: made[name] for name in NEEDED}


def write(folder: Path, made: dict[str, dict[str, Any]]) -> Path:
    """Write the records as a finished run leaves them."""
    (folder / "steps").mkdir(parents=True)
    for name, result in made.items():
        record = {"name": name, "title": name.title(), "key": "k", "seconds": 1.5,
                  "finished": "2026-01-01T00:00:00+00:00", "result": result}
        (folder / "steps" / f"{name}.json").write_text(json.dumps(record))
    return folder
