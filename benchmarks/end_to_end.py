"""Images a second over a board's serial line, beside the array's own rate; simulated, no board has shown it.

``python -m benchmarks.end_to_end [--board NAME] [--preset NAME] [--engine NAME] [--json FILE]``

One image goes layer by layer through the board's top, by the host's own driver and a modelled UART, every answer
compared. The line of the simulation is quicker than the board's, to be done sooner: bytes take 10 bits each at the
board's rate, and what is not bytes takes the simulated cycles at the board's clock. What a USB adapter adds to each
request is not in it, so a second figure takes a millisecond for each, the shortest latency of an FT231X's driver. The
array's own rate is by the cycle model: what it would do if its streams were never waited for.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from benchmarks.value import cycles
from benchmarks.work import demo_folder, demo_layers

from cosim.link import Line, over_the_line
from zeroskip import reference
from zeroskip.boards.catalogue import BOARDS, divisor, load_platform
from zeroskip.config import PRESETS
from zeroskip.files.cache import default_cache
from zeroskip.files.writing import write_json
from zeroskip.packing import ENGINES

BITS = 10
LATENCY_S = 1e-3


def main(arguments: list[str]) -> int:
    """Run the image, and print the rates."""
    parser = argparse.ArgumentParser(description="Images a second over the line.")
    parser.add_argument("--board", choices=BOARDS, default="ulx3s-85f")
    parser.add_argument("--preset", choices=PRESETS, default="tiny")
    parser.add_argument("--engine", choices=ENGINES, default="skip-both")
    parser.add_argument("--cache", type=Path, default=default_cache() / "simulators")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    layers = demo_layers(demo_folder(), 1)
    line = Line()
    results, seen, _ = over_the_line(layers, PRESETS[options.preset], options.engine, cache=options.cache,
                                            line=line)
    for name, layer in layers.items():
        if not np.array_equal(results[name], reference.run(layer)):
            print(f"{name}: the answer is wrong", file=sys.stderr)
            return 1
    clock = load_platform(BOARDS[options.board]).default_clk_frequency
    array = cycles(layers.values(), PRESETS[options.preset], options.engine)
    carried = seen["to_board"] + seen["to_host"]
    besides = max(0, seen["cycles"] - carried * BITS * line.divisor)
    seconds = carried * BITS * divisor(clock, BOARDS[options.board].baud) / clock + besides / clock
    found = {
        "board": options.board, "preset": options.preset, "engine": options.engine, "bytes_to_board": seen["to_board"],
        "bytes_to_host": seen["to_host"], "requests": seen["requests"], "array_cycles": array,
        "simulated_cycles": seen["cycles"], "images_per_second": 1 / seconds,
        "images_per_second_with_latency": 1 / (seconds + seen["requests"] * LATENCY_S),
        "images_per_second_of_the_array": clock / array,
    }
    for name, value in found.items():
        print(f"{name.replace('_', ' ')}: {value:,.2f}" if isinstance(value, float) else f"{name}: {value}")
    if options.json:
        write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
