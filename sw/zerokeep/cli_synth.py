"""``zerokeep synth``: resources of an engine on an FPGA, by yosys."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from zerokeep.cli_common import Status, as_user_error, progress, table, writable, write_json
from zerokeep.cli_generate import Engines, Multipliers, Preset
from zerokeep.cli_shape import Groups, Lanes, Pixels, Settings, configuration

SHOWN = ("LUT4", "CCU2C", "DPR16X4", "FF", "MULT", "BRAM")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("synth", help="Count what engines take of an ECP5: LUTs, registers, multipliers, memories.")(synth)


def synth(
    engine: Engines = None, preset: Preset = None, multipliers: Multipliers = None, groups: Groups = None,
    lanes: Lanes = None, pixels: Pixels = None, settings: Settings = None,
    parts: Annotated[bool, typer.Option("--parts", help="Show the submodules, too.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1.0, help="For each engine.")] = 1800.0,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
) -> int:
    """Synthesise each kind of hardware that the engines need once; before place and route."""
    from cosim.simulate import check_engines
    from zeroskip.packing import ENGINES, KINDS, choices
    from zeroskip.verilog import preset_name, versions

    config = configuration(preset, multipliers, groups, lanes, pixels, settings)
    with as_user_error(ValueError):
        engines = choices(check_engines(engine or ENGINES))
    if json_file is not None:
        writable(json_file)
    kinds = list(dict.fromkeys(KINDS[name] for name in engines))
    with progress("synth") as say, tempfile.TemporaryDirectory(prefix="zerokeep-synth-") as folder:
        say(", ".join(kinds))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            found = dict(zip(kinds, pool.map(lambda kind: _one(config, kind, Path(folder), timeout), kinds),
                             strict=True))
    table(["engine", "part", "count", *SHOWN], _rows(engines, KINDS, found, config.multipliers, parts=parts))
    if json_file is not None:
        write_json(json_file, {
            "preset": preset_name(config), "multipliers": config.multipliers, "device": "ECP5",
            "engines": {name: {"kind": KINDS[name]} | found[KINDS[name]] for name in engines},
            "tool_versions": versions(),
        })
    return Status.DONE


def _one(config: Any, kind: str, folder: Path, timeout: float) -> dict[str, Any]:
    from zeroskip import verilog
    from zeroskip.synth import synthesise

    design = verilog.generate(config, kind, folder)
    return synthesise(design.verilog, design.top, multipliers=config.multipliers, timeout=timeout)


def _rows(engines: tuple[str, ...], kinds: dict[str, str], found: dict[str, Any], multipliers: int, *,
          parts: bool) -> list[list[str]]:
    """One row for an engine's total, one per multiplier, and those of its parts."""
    rows = []
    for kind in dict.fromkeys(kinds[name] for name in engines):
        names = ", ".join(name for name in engines if kinds[name] == kind)
        result = found[kind]
        rows.append([names, "all", "1", *(f"{result['total'][key]:,}" for key in SHOWN)])
        rows.append(["", "per multiplier", str(multipliers), *(f"{result['per_lane'][key]:.1f}" for key in SHOWN)])
        for part, entry in (result["parts"] if parts else {}).items():
            rows.append(["", part, str(entry["count"]), *(f"{entry[key]:,}" for key in SHOWN)])
    return rows
