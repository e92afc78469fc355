"""What every kind of array takes of every family of FPGAs, and what that buys on the network that ships.

``python -m benchmarks.resources [--preset NAME]... [--family NAME]... [--json FILE] [--markdown FILE]``

Synthesised by yosys, half a minute to some minutes each, with the chip's own cells where the sources have them (ECP5);
what the JSON file has already, of the same sources, is kept. Cycles are those of the models for an image of the network
that ships: as one program on the vector engine, every layer with loading on the dense ones.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.work import FOLDER, demo_cycles

from cosim.designs import source_digest
from zeroskip.families import FAMILIES, Family
from zeroskip.files.writing import write_json, write_text
from zeroskip.gateware.primitives.target import ECP5, Target
from zeroskip.spec.config import PRESETS
from zeroskip.synth import synthesise
from zeroskip.verilog import ToolError, generate

ENGINES = {"dense": "dense", "dense-gate": "gate", "zero-skip": "skip-both"}
"""The kinds of arrays, and the engine that each is measured with."""
TIMEOUT = 3600.0


def one(preset: str, family: str, kind: str) -> dict[str, Any]:
    """A synthesis: cells, submodules, what the chip lacks; or why there is none."""
    config = PRESETS[preset]
    with tempfile.TemporaryDirectory(prefix="zerokeep-resources-") as scratch:
        target = Target(family=ECP5) if family == ECP5 else None
        design = generate(config, kind, Path(scratch), target=target)
        try:
            found = synthesise(design.verilog, design.top, multipliers=config.multipliers, timeout=TIMEOUT,
                               family=FAMILIES[family])
        except ToolError as error:
            return {"preset": preset, "family": family, "kind": kind, "error": str(error)}
    print(f"{preset} {kind} {family}: {found['seconds']} s", file=sys.stderr, flush=True)
    lacks = FAMILIES[family].lacks(found["total"])
    return {"preset": preset, "family": family, "kind": kind, "lacks": lacks} | found


def measured(presets: list[str], families: list[str], file: Path | None) -> list[dict[str, Any]]:
    """Of each family the presets up to the first that does not fit the chip; written as soon as they are there."""
    digest = source_digest()
    known = json.loads(file.read_text()) if file and file.is_file() else {}
    rows = {(own["preset"], own["family"], own["kind"]): own for own in known.get("rows", [])
            if known.get("sources") == digest}
    found: list[dict[str, Any]] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for family in families:
            for preset in sorted(presets, key=lambda name: PRESETS[name].multipliers):
                keys = [(preset, family, kind) for kind in ENGINES]
                missing = [key for key in keys if key not in rows]
                rows |= dict(zip(missing, pool.map(lambda key: one(*key), missing), strict=True))
                if file and missing:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    known = {"sources": digest, "rows": list(rows.values())}
                    write_json(file, known)
                found += [rows[key] for key in keys]
                if all(rows[key].get("lacks", True) for key in keys):
                    break  # larger ones do not fit either
    return found


def markdown(rows: list[dict[str, Any]], taken: dict[tuple[str, str], int]) -> Iterator[str]:
    """The tables: one for each family, and the submodules of each array under them."""
    yield "# Resources"
    yield ""
    yield ("By yosys, not placed; `python -m benchmarks.resources` made this page. Cycles: an image of the network "
           "that ships, by the models; as one program on the zero-skip engine, from answer to answer; every layer with "
           "loading on the dense ones. “At equal LUTs”: the dense array's cycles times its LUTs over this array's, at "
           "an equal clock. Of each family, the "
           "presets up to the first that does not fit the chip.")
    for name, family in FAMILIES.items():
        own = [row for row in rows if row["family"] == name]
        if own:
            yield from _table(family, own, taken)
            yield from _parts(family, own)


def _table(family: Family, rows: list[dict[str, Any]], taken: dict[tuple[str, str], int]) -> Iterator[str]:
    have = ", ".join(f"{there:,} {name}" for name, there in family.holds.items())
    yield from ("", f"## {family.title}", "", f"Counted: {family.units}. The {family.chip} has {have}.", "")
    columns = ["preset", "array", *family.shown, "cycles", "fewer cycles", "at equal LUTs", f"fits the {family.chip}"]
    yield f"| {' | '.join(columns)} |"
    yield "|" + " --- |" * len(columns)
    dense = {row["preset"]: row["total"]["COMB"] for row in rows if row["kind"] == "dense" and "total" in row}
    for row in rows:
        if "error" in row:
            yield f"| {row['preset']} | {row['kind']} |" + " |" * (len(family.shown) + 3) + f" {row['error']} |"
            continue
        spent, base = taken[row["preset"], row["kind"]], taken[row["preset"], "dense"]
        equal = base * dense[row["preset"]] / (spent * row["total"]["COMB"]) if row["preset"] in dense else None
        lacks = ", ".join(f"{there:,} {name}" for name, (_, there) in row["lacks"].items())
        yield "| " + " | ".join([row["preset"], row["kind"], *(f"{row['total'][key]:,}" for key in family.shown),
                                 f"{spent:,}", f"{base / spent:.2f}x", "" if equal is None else f"{equal:.2f}x",
                                 f"no: only {lacks}" if lacks else "yes"]) + " |"


def _parts(family: Family, rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        if row["kind"] != "zero-skip" or "error" in row:
            continue
        yield from ("", f"Zero-skip `{row['preset']}` by submodule (with what is inside; equal ones together):",
                    "", f"| part | count | {' | '.join(family.shown)} |", "|" + " --- |" * (len(family.shown) + 2))
        for part, cells in row["parts"].items():
            yield f"| {part} | {cells['count']} | " + " | ".join(f"{cells[key]:,}" for key in family.shown) + " |"


def main(arguments: list[str]) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Resources of every array on every family.")
    parser.add_argument("--preset", action="append", choices=PRESETS)
    parser.add_argument("--family", action="append", choices=FAMILIES)
    parser.add_argument("--json", type=Path, metavar="FILE", default=FOLDER / "resources.json")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    presets, families = options.preset or list(PRESETS), options.family or list(FAMILIES)
    taken = {(preset, kind): demo_cycles(PRESETS[preset], engine)
             for preset in presets for kind, engine in ENGINES.items()}
    text = "\n".join(markdown(measured(presets, families, options.json), taken)) + "\n"
    print(text)
    if options.markdown:
        write_text(options.markdown, text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
