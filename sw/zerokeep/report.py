"""The report of a run: ``report.json`` and one page, made from what the steps of the run left in their folder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zerokeep.errors import UserError, as_written
from zerokeep.report_hardware import break_even, read_board, read_energy, weights_digest
from zerokeep.run import BREAK_EVEN, KINDS, RUN, UNPRUNED, WHOLE
from zerokeep.run_steps import output_errors, read_record
from zeroskip.files.ledger import claim
from zeroskip.files.names import shown
from zeroskip.files.writing import write_text

SCHEMA = 1
DOCUMENT, PAGE = "report.json", "report.html"
ENGINES = tuple(name for names in KINDS.values() for name in names)
BASELINE = "unpruned"
"""The unpruned network on the dense engine, beside the engines in ``network`` and ``throughput``."""
NEEDED = (RUN, "prune", UNPRUNED, BREAK_EVEN, WHOLE, *(f"verilog-{kind}" for kind in KINDS),
          *(f"simulate-{kind}" for kind in KINDS), f"simulate-{UNPRUNED}-dense", *(f"synth-{kind}" for kind in KINDS))
CYCLES = ("total", "load", "wait", "compute", "drain", "stalled", "end_to_end")


def ratio(above: float | None, below: float | None) -> float | None:
    """A quotient for JSON: ``None`` where there is no finite one."""
    if above is None or not below:
        return None
    quotient = above / below
    return quotient if math.isfinite(quotient) else None


def add(values: Iterable[float | None]) -> Any:
    """The sum, or ``None`` where a value is missing."""
    known = list(values)
    return None if None in known else sum(v for v in known if v is not None)


def read_steps(folder: Path) -> dict[str, dict[str, Any]]:
    """The records of a finished run, by step.

    Raises
    ------
    UserError
        There is no run in the folder, or it is not finished.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    records = {name: record for name in NEEDED if (record := read_record(folder, name)) is not None}
    if RUN not in records:
        raise UserError(f"{folder} is no folder of 'zerokeep run': it has no steps/{RUN}.json")
    missing = [name for name in NEEDED if name not in records]
    if missing:
        raise UserError(f"the run in {folder} is not finished: the step {missing[0]} is missing; finish it with "
                        f"'{shown(records[RUN]['result'].get('command', 'zerokeep run'))}'")
    return records


def _layers(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each layer with its counts and with every engine's entry."""
    found = []
    simulated = [results[f"simulate-{kind}"]["layers"] for kind in KINDS]
    for counts, *entries in zip(results["prune"]["counts"], *simulated, strict=True):
        engines = {name: dict(engine) for entry in entries for name, engine in entry["engines"].items()}
        dense = engines["dense"]["cycles"]["total"]
        for engine in engines.values():
            engine["speedup_measured"] = ratio(dense, engine["cycles"]["total"])
        shared = {key: value for key, value in entries[0].items() if key not in ("engines", "tool_versions")}
        found.append(counts | shared | {
            "ideal_speedup": {"skip-weights": ratio(shared["macs_inside"], shared["weight_pairs"]),
                              "skip-both": ratio(shared["macs_inside"], shared["pairs"])},
            "engines": engines})
    return found


def _sum(layers: list[dict[str, Any]], engine: str) -> dict[str, Any]:
    """An engine's cycles over all layers."""
    entries = [layer["engines"][engine] for layer in layers]
    cycles = {key: add(entry["cycles"][key] for entry in entries) for key in CYCLES}
    return {"cycles": cycles, "multiplications": add(e["multiplications"] for e in entries),
            "gated": add(e["gated"] for e in entries),
            "end_to_end_by_layer": [entry["cycles"]["end_to_end"] for entry in entries]}


def _network(layers: list[dict[str, Any]], unpruned: list[dict[str, Any]], images: int) -> dict[str, Any]:
    """Cycles of the whole network on every engine, against the unpruned one on the dense engine."""
    found = {BASELINE: _sum(unpruned, "dense")} | {name: _sum(layers, name) for name in ENGINES}
    base = found[BASELINE]["cycles"]["end_to_end"]
    for entry in found.values():
        entry["cycles_per_image"] = ratio(entry["cycles"]["end_to_end"], images)
        entry["speedup_over_unpruned"] = ratio(base, entry["cycles"]["end_to_end"])
    totals = {name: add(layer["engines"][name]["cycles"]["total"] for layer in layers[1:]) for name in ENGINES}
    return {"images": images, "engines": found, "total_beyond_first_layer": totals,
            "speedup_beyond_first_layer": ratio(totals["dense"], totals["skip-both"])}


def _whole(result: Mapping[str, Any], network: Mapping[str, Any]) -> dict[str, Any]:
    """The pruned network as one program, beside the sum over its layers one by one.

    Each engine of `network` gets ``cycles_each``: cycles for an image, as one program where it is one (the interval;
    of one image the latency), else layer by layer with loading; and ``speedup_each`` over the unpruned network.
    """
    base = network["engines"][BASELINE]["cycles_per_image"]
    for name, entry in network["engines"].items():
        own = result["engines"].get(name, {})
        each = own.get("interval") or own.get("latency") or entry["cycles_per_image"]
        entry |= {"cycles_each": each, "speedup_each": ratio(base, each)}
    engines = {name: dict(own) | {"by_layer": network["engines"][name]["cycles_per_image"]}
               for name, own in result["engines"].items()}
    return {"why": result["why"], "engines": engines, "host": result["host"], "program": result["program"]}


def _throughput(network: Mapping[str, Any], work: int, multipliers: int,
                resources: Mapping[str, Any]) -> dict[str, Any]:
    """Useful work a cycle: the products of the unpruned network, padding left out, whoever computes the answer."""
    found: dict[str, Any] = {}
    for name, entry in network["engines"].items():
        speed = ratio(ratio(work, network["images"]), entry["cycles_each"])
        luts = resources.get("dense" if name == BASELINE else name, {}).get("LUT")
        found[name] = {"macs_per_cycle": speed, "per_multiplier": ratio(speed, multipliers), "LUT": luts,
                       "per_1000_LUT": ratio(speed and 1000 * speed, luts)}
    for key in ("per_multiplier", "per_1000_LUT"):
        base = found[BASELINE][key]
        for entry in found.values():
            entry[f"{key}_over_unpruned"] = ratio(entry[key], base)
    return found


def _resources(results: Mapping[str, Any]) -> dict[str, Any]:
    """What synthesis found, by engine."""
    return {name: results[f"synth-{kind}"]["resources"] for kind, names in KINDS.items() for name in names}


def _versions(results: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(results["prune"]["tool_versions"])
    for kind in KINDS:
        for layer in results[f"simulate-{kind}"]["layers"]:
            found |= layer["tool_versions"]
        found |= results[f"synth-{kind}"]["tool_versions"]
    return found


def document(records: Mapping[str, Mapping[str, Any]], boards: Sequence[Mapping[str, Any]] = (),
             energy: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content of ``report.json``; with builds for boards and a measurement of energy, where there are."""
    results = {name: record["result"] for name, record in records.items()}
    asked, pruned, unpruned = results[RUN], results["prune"], results[UNPRUNED]
    layers, before = _layers(results), results[f"simulate-{UNPRUNED}-dense"]["layers"]
    network = _network(layers, before, asked["images"])
    whole = _whole(results[WHOLE], network)
    resources = _resources(results)
    work = sum(layer["macs_inside"] for layer in before)
    failed = [sentence for result in results.values() for sentence in result.get("failed", [])]
    runs = [engine for layer in [*layers, *before] for engine in layer["engines"].values()]
    runs += results[WHOLE]["engines"].values()
    return {
        "format": "zerokeep-report", "schema": SCHEMA,
        "accuracy": dict(pruned["accuracy"]) | {"unpruned_int8": unpruned["accuracy"]["int8"]},
        "accuracy_here": pruned.get("accuracy_here"), "shipped": pruned.get("shipped"),
        "recipe": pruned["recipe"], "nzer": pruned["nzer"], "nzer_orig": pruned["nzer_orig"],
        "totals": pruned["totals"], "base": pruned["base"],
        "bit_exact": all(run["bit_exact"] for run in runs) and not failed,
        "runs": {"count": len(runs), "bit_exact": sum(bool(run["bit_exact"]) for run in runs)}, "failed": failed,
        "layers": layers, "unpruned": {"layers": [_short(layer) for layer in before], "macs_inside": work},
        "network": network, "whole": whole, "resources": resources,
        "submodules": {name: results[f"synth-{kind}"]["parts"] for kind, names in KINDS.items() for name in names[-1:]},
        "throughput": _throughput(network, work, asked["multipliers"], resources),
        "boards": list(boards), "energy": energy,
        "break_even": break_even(results[BREAK_EVEN], resources, energy),
        "verilog": [{key: results[f"verilog-{kind}"][key] for key in ("kind", "top", "verilog", "lines", "sha256")}
                    for kind in KINDS],
        "options": asked, "command": asked["command"], "seed": asked["seed"], "preset": asked["preset"],
        "multipliers": asked["multipliers"], "images": asked["images"],
        "steps": [{key: record[key] for key in ("name", "title", "seconds", "finished")}
                  for record in records.values()],
        "tool_versions": _versions(results),
    }


def _short(layer: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in layer.items() if key != "tool_versions"}


def make(folder: Path, boards: Iterable[Path] = (), energy: Path | None = None) -> dict[str, Any]:
    """Write ``report.json`` and ``report.html`` into the folder of a run; gives the former's content.

    Parameters
    ----------
    folder
        Of the run.
    boards
        Folders of `zerokeep build`, to be shown beside it.
    energy
        A file of `zerokeep energy --json`, measured on the run's network.

    Raises
    ------
    UserError
        There is no finished run in the folder, a file is not what it should be, or nothing can be written there.
    """
    from zerokeep import model_folder
    from zerokeep.cli_common import write_json
    from zerokeep.report_page import page

    records = read_steps(folder)
    measured = None
    if energy is not None:
        measured = read_energy(energy, weights_digest(
            {step.name: step.weights for step in model_folder.read(folder / "model").network.layers()}))
    shown_boards = [read_board(board) for board in boards]
    with as_written(f"the run in {folder}, or what stands beside it in the report,"):
        found = document(records, shown_boards, measured)
        text = page(found)
    with output_errors(folder):
        claim(folder, (DOCUMENT, PAGE))
    write_json(folder / DOCUMENT, found)
    with output_errors(folder):
        write_text(folder / PAGE, text)
    return found
