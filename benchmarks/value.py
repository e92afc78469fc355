"""What an array is worth: effective MACs a second for each LUT and each multiplier, dense against zero-skip.

``python -m benchmarks.value --size N --mhz dense=MHZ --mhz zero-skip=MHZ [--cache FOLDER] [--json FILE]``

The work is an image of the demo's network: on the vector engine the network as one program, from answer to answer, on
the dense array every layer with loading. An effective MAC is one of the layers as they would be without zeros; cycles
are those of the models. LUTs are nextpnr's after packing, everything included; each shape is synthesised once, half a
minute to some minutes each, and kept in the folder. The clocks are those that `zerokeep synth --clock` measured at that
size; all shapes of a kind are taken to reach the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.work import FOLDER, demo_cycles, demo_folder, demo_layers

from zerokeep.break_even import advantage, crossing, predicted
from zeroskip.clock import pack as pack_cells
from zeroskip.counts import count
from zeroskip.gateware.primitives.target import ECP5, Target
from zeroskip.spec.config import BY_MULTIPLIERS, LIMITS, PRESETS, EngineConfig
from zeroskip.synth import synthesise
from zeroskip.verilog import generate

SIZES = tuple(BY_MULTIPLIERS)
CHIP = {"COMB": 83640, "MULT": 156, "BRAM": 208}
"""An LFE5U-85F."""
LUT_MULTIPLIER = 203
"""LUTs of a 9 x 8 multiplier without a multiplier block: what ``synth_ecp5 -nodsp`` makes of one."""
KINDS = {"dense": "dense", "zero-skip": "skip-both"}


@dataclass(frozen=True, kw_only=True)
class Worth:
    """An array on the demo's network: MACs a second, cells by the names of ``CHIP``."""

    name: str
    kind: str
    multipliers: int
    cycles: int
    macs: float
    cells: dict[str, int]

    @property
    def per_lut(self) -> float:
        """Effective MACs a second for each LUT."""
        return self.macs / self.cells["COMB"]

    @property
    def copies(self) -> int:
        """How many fit the chip; a dense array's multipliers beyond the chip's are made of LUTs."""
        most = min(CHIP["COMB"] // self.cells["COMB"], CHIP["BRAM"] // self.cells["BRAM"])
        if self.kind != "dense":
            return min(most, CHIP["MULT"] // self.cells["MULT"])
        while most and self._luts(most) > CHIP["COMB"]:
            most -= 1
        return most

    def _luts(self, copies: int) -> int:
        beyond = max(0, copies * self.cells["MULT"] - CHIP["MULT"])
        return copies * self.cells["COMB"] + beyond * LUT_MULTIPLIER


def shapes(size: int) -> dict[str, EngineConfig]:
    """Vector engines of a size, by positions to a weight: the preset's memories, and two ways out where they can be."""
    found = {}
    for vector in (1, 2, 4, 8, 16):
        lanes = size // vector
        if 0 < lanes <= LIMITS["lanes"][1] and size % vector == 0:
            preset = PRESETS[BY_MULTIPLIERS[size]]
            found[f"P = {vector}"] = replace(preset, lanes=lanes, vector=vector, banks=max(preset.banks, vector),
                                             ways=min(preset.ways, vector))
    return found


def cells(config: EngineConfig, kind: str, name: str, cache: Path) -> dict[str, int]:
    """What the array takes after packing, from the folder or from yosys and nextpnr."""
    kept = cache / f"{name}.json"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="zerokeep-value-") as scratch:
            folder = Path(scratch)
            design = generate(config, kind, folder, target=Target(family=ECP5))
            synthesise(design.verilog, design.top, multipliers=config.multipliers, netlist=folder / "netlist.json")
            packed = {key: used for key, (used, _) in pack_cells(folder / "netlist.json").items()}
        cache.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(packed) + "\n", encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


def worth(name: str, kind: str, config: EngineConfig, macs: int, mhz: float, cache: Path) -> Worth:
    """One array, for a network of so many products."""
    taken = demo_cycles(config, KINDS[kind])
    print(name, taken, "cycles", file=sys.stderr, flush=True)
    file = name.replace(" ", "").replace(",", "-").replace("=", "")
    return Worth(name=name, kind=kind, multipliers=config.multipliers, cycles=taken, macs=macs / taken * mhz * 1e6,
                 cells=cells(config, kind, file, cache))


def break_even(dense: Worth, sparse: Worth, config: EngineConfig, mhz: dict[str, float]) -> float | None:
    """The density of both operands from which on the dense array wins for each LUT; None: it does not, up to 1."""
    arrays = {"dense": (dense, mhz["dense"]), "skip-both": (sparse, mhz["zero-skip"])}

    def cost(point: Mapping[str, Any], engine: str) -> float:
        array, clock = arrays[engine]
        return point["cycles"][engine] / clock * array.cells["COMB"]

    return crossing(advantage(predicted(config), cost))


def main(arguments: list[str]) -> int:
    """Print the table; and write it."""
    parser = argparse.ArgumentParser(description="Effective MACs for each LUT and each multiplier.")
    parser.add_argument("--mhz", action="append", metavar="KIND=MHZ", required=True)
    parser.add_argument("--size", type=int, choices=SIZES, required=True, help="multipliers")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", default=FOLDER / "value")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    mhz = {kind: float(value) for kind, _, value in (own.partition("=") for own in options.mhz)}
    macs = sum(int(count(layer)["macs"]) for layer in demo_layers(demo_folder(), 1).values())
    rows = []
    print("array                 cycles  GMAC/s    LUTs  mult.  MMAC/s per LUT  per mult.  x dense per LUT  "
          "copies on the chip, GMAC/s  break-even")
    size, own = options.size, shapes(options.size)
    dense = worth(f"dense, {size}", "dense", next(iter(own.values())), macs, mhz["dense"], options.cache)
    for name, config in [("dense", None), *own.items()]:
        one = dense if config is None else worth(f"{name}, {size}", "zero-skip", config, macs, mhz["zero-skip"],
                                                 options.cache)
        even = None if config is None else break_even(dense, one, config, mhz)
        rows.append(vars(one) | {"per_lut": one.per_lut, "copies": one.copies, "break_even": even})
        print(f"{one.name:18} {one.cycles:9,} {one.macs / 1e9:7.2f} {one.cells['COMB']:7,} {size:6} "
              f"{one.per_lut / 1e6:15.3f} {one.macs / size / 1e6:10.1f} {one.per_lut / dense.per_lut:16.2f} "
              f"{one.copies:7} {one.copies * one.macs / 1e9:18.2f}  "
              f"{'-' if config is None else 'above 1' if even is None else f'{even:.2f}'}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"mhz": mhz, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
