"""Images a second over a board's serial line, beside the array's own rate; simulated, no board has shown it.

``python -m benchmarks.end_to_end [--board NAME] [--preset NAME] [--engine NAME] [--images N] [--json FILE]``

The network that ships is one program, which is loaded once; then images come in two batches through the board's top, by
the host's own driver and a modelled UART at the board's rate, every answer compared. The figures are those of the
second batch, without reading the counters. What a USB adapter adds to each request is not in it, so a second figure
takes a millisecond for each, the shortest latency of an FT231X's driver. The array's own rate is by the cycle model,
images back to back: what it would do if its streams were never waited for.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.work import demo_folder

from cosim.link import Line, network_over_the_line
from zerokeep import integer, model_folder
from zerokeep.data import load
from zeroskip.boards.catalogue import BOARDS, divisor, load_platform
from zeroskip.compiler.layers import VectorPacked, pack_network
from zeroskip.cycles.prediction import modelled
from zeroskip.files.cache import default_cache
from zeroskip.files.writing import write_json
from zeroskip.spec.config import PRESETS

LATENCY_S = 1e-3
BATCHES = 2
ENGINES = ("skip-both", "skip-weights")


def own_interval(packed: VectorPacked) -> float:
    """Cycles from answer to answer of images that come back to back."""
    run, _ = modelled(packed)
    return (run.lasts[-1] - run.lasts[0]) / (len(run.lasts) - 1)


def main(arguments: list[str]) -> int:
    """Run the images, and print the rates."""
    parser = argparse.ArgumentParser(description="Images a second over the line.")
    parser.add_argument("--board", choices=BOARDS, default="ulx3s-85f")
    parser.add_argument("--preset", choices=PRESETS, default="tiny")
    parser.add_argument("--engine", choices=ENGINES, default="skip-both")
    parser.add_argument("--images", type=int, default=4, help="of a batch")
    parser.add_argument("--cache", type=Path, default=default_cache() / "simulators")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    network, config = model_folder.read(demo_folder()).network, PRESETS[options.preset]
    clock = load_platform(BOARDS[options.board]).default_clk_frequency
    line = Line(divisor=divisor(clock, BOARDS[options.board].baud))
    codes = integer.encode(network, load(None).test_images[: BATCHES * options.images])
    packed = pack_network(network, config, codes, look=options.engine == "skip-both")
    answers, outcomes = network_over_the_line(packed, BATCHES, config, cache=options.cache, line=line)
    wanted = [result for _, _, result in integer.walk(network, codes)][-1]
    if not np.array_equal(answers, wanted):
        print(f"{(answers != wanted).any(axis=1).sum()} of {len(wanted)} answers are wrong", file=sys.stderr)
        return 1
    seen, interval = outcomes[-1].observed, own_interval(packed)
    seconds = seen["own_cycles"] / clock
    found: dict[str, Any] = {
        "board": options.board, "preset": options.preset, "engine": options.engine, "images": options.images,
        "program_bytes": packed.program.size, "bytes_to_board": seen["own_to_board"],
        "bytes_to_host": seen["own_to_host"], "requests": seen["own_requests"], "simulated_cycles": seen["own_cycles"],
        "array_interval": interval, "images_per_second": options.images / seconds,
        "images_per_second_with_latency": options.images / (seconds + seen["own_requests"] * LATENCY_S),
        "images_per_second_of_the_array": clock / interval,
    }
    for name, value in found.items():
        print(f"{name.replace('_', ' ')}: {value:,.2f}" if isinstance(value, float) else f"{name}: {value}")
    if options.json:
        write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
