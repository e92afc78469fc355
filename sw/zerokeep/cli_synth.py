"""``zerokeep synth``: resources of an engine on an FPGA, by yosys; the clock it reaches, by nextpnr."""

from __future__ import annotations

import math
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from zerokeep.cli_common import Status, apart, as_user_error, progress, say, table, writable, write_json
from zerokeep.cli_config import Config, Multipliers, Preset, engine_config, named_engines
from zerokeep.cli_generate import Engines
from zerokeep.errors import UserError


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("synth", help="Count what engines take of an FPGA: LUTs, registers, multipliers, memories; and the "
                "clock that they reach.")(synth)


def synth(
    engine: Engines = None, preset: Preset = None, multipliers: Multipliers = None, config: Config = None,
    family: Annotated[str, typer.Option("--family", metavar="NAME", help="ecp5, ice40 (UP5K), gowin (GW2A) or "
                                        "xilinx7.")] = "ecp5",
    parts: Annotated[bool, typer.Option("--parts", help="Show the submodules, too.")] = False,
    clock: Annotated[bool, typer.Option("--clock", help="Place and route on an LFE5U-85F, out of context: minutes to "
                                        "hours for each engine. Counts COMB after packing.")] = False,
    seeds: Annotated[str, typer.Option("--seeds", metavar="N,N,...", help="Of the placer, with --clock: the median is "
                                       "given.")] = "1,2,3",
    mhz: Annotated[float | None, typer.Option("--mhz", metavar="F", min=1.0, help="With --clock: the clock to reach, "
                                              "for which the router mends slow paths until it is there; 1 is "
                                              "returned where it is not.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1.0, help="For each engine.")] = 1800.0,
    route_timeout: Annotated[float, typer.Option("--route-timeout", metavar="SECONDS", min=1.0, help="With --clock: "
                                                 "for each seed of each engine.")] = 7200.0,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
) -> int:
    """Synthesise each kind of hardware that the engines need once, and place and route it with each seed.

    COMB counts as nextpnr does: LUTs, two for each carry cell, six for each LUT memory; in the row of the whole, with
    `clock`, it is nextpnr's own count after packing.
    """
    from zeroskip.clock import reach
    from zeroskip.spec.config import preset_name
    from zeroskip.spec.engines import KINDS, choices
    from zeroskip.verilog import versions

    apart({"--json": json_file}, config)
    shape, _ = engine_config(preset, multipliers, config)
    chip = _family(family, clock=clock)
    if mhz is not None and not math.isfinite(mhz):
        raise UserError(f"--mhz must be a number of MHz, not {mhz}")
    if mhz is not None and not clock:
        raise UserError("--mhz is the clock that is to be reached with --clock, which is missing")
    engines = choices(named_engines(engine, shape))
    with as_user_error(ValueError):
        chosen = placer_seeds(seeds) if clock else ()
    if json_file is not None:
        writable(json_file)
    kinds = list(dict.fromkeys(KINDS[name] for name in engines))
    with progress("synth") as told, tempfile.TemporaryDirectory(prefix="zerokeep-synth-") as folder:
        told(", ".join(kinds))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            every = pool.map(lambda kind: _one(shape, kind, Path(folder), timeout, chip, clock=clock), kinds)
            found = dict(zip(kinds, every, strict=True))
        for kind in kinds if clock else ():
            told(f"{kind}: place and route")
            found[kind]["clock"] = reach(Path(folder) / f"{kind}.json", seeds=chosen, mhz=mhz, timeout=route_timeout)
            found[kind]["total"]["COMB"] = found[kind]["clock"]["used"]["COMB"]
    table(["engine", "part", "count", *chip.shown], _rows(engines, KINDS, found, shape.multipliers, chip, parts=parts))
    print(f"{chip.title}: {chip.units}")
    for kind in kinds:
        found[kind]["lacks"] = chip.lacks(found[kind]["total"])
        if found[kind]["lacks"] and not clock:
            print(f"{kind} does not fit a {chip.chip}: {_lacks(found[kind]['lacks'])}")
    if clock:
        print()
        table(["engine", "MHz", "by seed", "COMB each", "critical path", "logic ns", "routing ns"],
              _clock_rows(engines, KINDS, found, shape.multipliers))
    if json_file is not None:
        write_json(json_file, {
            "preset": preset_name(shape), "multipliers": shape.multipliers, "device": chip.title, "chip": chip.chip,
            "engines": {name: {"kind": KINDS[name]} | found[KINDS[name]] for name in engines},
            "tool_versions": versions(),
        })
    return _ended({kind: found[kind]["clock"] for kind in kinds}, mhz) if clock else Status.DONE


def _ended(clocks: dict[str, dict[str, Any]], mhz: float | None) -> Status:
    """Whether every kind of hardware has a clock, and the one asked for was reached."""
    lacking = [f"{kind}: {_lacks(own['lacks'])}" for kind, own in clocks.items() if "lacks" in own]
    if lacking:
        raise UserError(f"no clock, an LFE5U-85F is too small: {'; '.join(lacking)}")
    missed = [f"{kind} {'in time' if own['mhz'] is None else 'but ' + _mhz(own['mhz'])}"
              for kind, own in clocks.items() if mhz is not None and (own["mhz"] or 0.0) < mhz]
    if not missed:
        return Status.DONE
    say(f"zerokeep: {mhz:g} MHz not reached by the median of the seeds: {', '.join(missed)}; ask for less, or give "
        "more time with --route-timeout", error=True)
    return Status.WRONG


def placer_seeds(text: str) -> tuple[int, ...]:
    """Seeds out of ``N,N,...``.

    Raises
    ------
    ValueError
        Something else than different numbers.
    """
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts) or len(set(map(int, parts))) < len(parts):
        raise ValueError(f"seeds must be different whole numbers with commas between them, not {text!r}")
    return tuple(map(int, parts))


def _family(name: str, *, clock: bool) -> Any:
    from zeroskip.families import FAMILIES

    if name not in FAMILIES:
        raise UserError(f"--family must be one of {', '.join(FAMILIES)}, not {name!r}")
    if clock and name != "ecp5":
        raise UserError(f"--clock places and routes on an ECP5, not on {name}")
    return FAMILIES[name]


def _lacks(lacks: dict[str, tuple[int, int]]) -> str:
    return ", ".join(f"{used:,} of {available:,} {name}" for name, (used, available) in lacks.items())


def _clock_rows(engines: tuple[str, ...], kinds: dict[str, str], found: dict[str, Any],
                multipliers: int) -> list[list[str]]:
    """The median, every seed's, LUTs to a multiplier, and what bounds the clock."""
    rows = []
    for kind in dict.fromkeys(kinds[name] for name in engines):
        names = ", ".join(name for name in engines if kinds[name] == kind)
        clock = found[kind]["clock"]
        each = f"{clock['used']['COMB'] / multipliers:.1f}"
        if "lacks" in clock:
            rows.append([names, "-", "-", each, _lacks(clock["lacks"]), "-", "-"])
            continue
        seeds = " ".join(map(_mhz, clock["by_seed"].values()))
        path = clock.get("critical")
        bound = ["-"] * 3 if path is None else [f"{path['from']} > {path['to']}", f"{path['logic']:.1f}",
                                                f"{path['routing']:.1f}"]
        rows.append([names, _mhz(clock["mhz"]), seeds, each, *bound])
    return rows


def _mhz(found: float | None) -> str:
    """A clock; a dash where the one asked for was not reached in time."""
    return "-" if found is None else f"{found:.1f}"


def _one(config: Any, kind: str, folder: Path, timeout: float, family: Any, *, clock: bool) -> dict[str, Any]:
    from zeroskip import verilog
    from zeroskip.gateware.primitives.target import ECP5, Target
    from zeroskip.synth import synthesise

    target = Target(family=ECP5) if family.name == ECP5 else None
    design = verilog.generate(config, kind, folder, target=target)
    return synthesise(design.verilog, design.top, multipliers=config.multipliers,
                      netlist=folder / f"{kind}.json" if clock else None, timeout=timeout, family=family)


def _rows(engines: tuple[str, ...], kinds: dict[str, str], found: dict[str, Any], multipliers: int, family: Any,
          *, parts: bool) -> list[list[str]]:
    """One row for an engine's total, one per multiplier, and those of its parts."""
    rows = []
    for kind in dict.fromkeys(kinds[name] for name in engines):
        names = ", ".join(name for name in engines if kinds[name] == kind)
        result = found[kind]
        rows.append([names, "all", "1", *(f"{result['total'][key]:,}" for key in family.shown)])
        rows.append(["", "per multiplier", str(multipliers),
                     *(f"{result['per_lane'][key]:.1f}" for key in family.shown)])
        for part, entry in (result["parts"] if parts else {}).items():
            rows.append(["", part, str(entry["count"]), *(f"{entry[key]:,}" for key in family.shown)])
    return rows
