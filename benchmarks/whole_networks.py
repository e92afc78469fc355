"""Whole networks as one program: cycles from answer to answer, by the exact model, and on the Verilog.

``python -m benchmarks.whole_networks [--preset NAME]... [--network NAME]... [--rtl] [--json FILE]``

Images come back to back: of the test set for the network that ships, of random codes (seed 1) for the others, which
have random weights. With ``--rtl`` the same program and images run on the engine's generated Verilog under a plain
driver (``cosim.engine_rtl``): answers are compared with the integer reference, and every answer's cycle with the
model's; a difference ends with status 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.networks import NETWORKS
from benchmarks.work import demo_folder

from cosim.engine_rtl import build, run_program
from zerokeep import integer, model_folder
from zerokeep.data import load
from zeroskip.compiler.layers import VectorPacked, pack_network
from zeroskip.compiler.places import PlanError
from zeroskip.cycles.prediction import modelled
from zeroskip.spec.config import PRESETS

SHIPPED = "vgg-small"
IMAGES = 6
RANDOM_IMAGES = 3
RIGHT = "bit-exact, cycles equal"
CACHE = Path("build/bench/simulators")
COLUMNS = ("network", "preset", "engine", "intervals", "latency", "load", "parts", "on the Verilog")


def drawn(name: str) -> tuple[Any, np.ndarray]:
    """A network by its name, and the codes of images (N, channels, rows, columns)."""
    if name == SHIPPED:
        network = model_folder.read(demo_folder()).network
        return network, integer.encode(network, load(None).test_images[:IMAGES])
    network = NETWORKS[name]()
    codes = np.random.default_rng(1).integers(0, 256, (RANDOM_IMAGES, *network.input_shape))
    return network, codes.astype(network.input_dtype)


def measured(name: str, preset: str, engine: str, *, rtl: bool) -> dict[str, Any]:
    """A row of the table."""
    config = PRESETS[preset]
    network, codes = drawn(name)
    row: dict[str, Any] = {"network": name, "preset": preset, "engine": engine}
    try:
        packed = pack_network(network, config, codes, look=engine == "skip-both")
    except PlanError as error:
        return row | {"refused": str(error)}
    run, _ = modelled(packed)
    row |= {"latency": run.lasts[0], "intervals": np.diff(run.lasts).tolist(), "load": len(packed.program),
            "parts": len(packed.made.parts)}
    return row | ({"rtl": _on_verilog(packed, network, codes, run.lasts)} if rtl else {})


def _on_verilog(packed: VectorPacked, network: Any, codes: np.ndarray, lasts: list[int]) -> str:
    """What came of the same on the Verilog."""
    found = run_program(build(packed.made.config, CACHE), packed.made, list(codes))
    wanted = integer.run(network, codes)
    if not np.array_equal(np.stack(found.maps).reshape(wanted.shape), wanted):
        return "WRONG ANSWERS"
    return RIGHT if list(found.lasts) == list(lasts) else f"OTHER CYCLES: {found.lasts}"


def main(arguments: list[str]) -> int:
    """Exit status."""
    names = (SHIPPED, *NETWORKS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole_networks")
    parser.add_argument("--preset", action="append", choices=list(PRESETS), help="default: large")
    parser.add_argument("--network", action="append", choices=names, help="default: all")
    parser.add_argument("--rtl", action="store_true", help="on the Verilog, too")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    rows = []
    print(" | ".join(COLUMNS))
    for preset in options.preset or ["large"]:
        for name in options.network or names:
            for engine in ("skip-weights", "skip-both"):
                row = measured(name, preset, engine, rtl=options.rtl)
                rows.append(row)
                print(name, preset, engine, *((row["refused"],) if "refused" in row else (
                    sorted(set(row["intervals"])), row["latency"], row["load"], row["parts"], row.get("rtl", ""))),
                    sep=" | ", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.get("rtl", RIGHT) == RIGHT for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
