"""Folders of a run for `report`, and what is to stand beside it: a measurement of energy, a board's build."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attacks.case import Case, Content, case, fifo, folder, link_to, sparse
from tests.attacks.ingredients import model
from tests.sw import report_records

Records = dict[str, dict[str, Any]]


@functools.cache
def _records() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as place:
        made = report_records.write(Path(place) / "run", report_records.results())
        return {f"run/steps/{path.name}": path.read_bytes() for path in (made / "steps").iterdir()}


def run_folder(step: str = "", change: Callable[[dict[str, Any]], Any] | None = None,
               content: Content | None = None) -> dict[str, Content]:
    """The folder of a run, in which one step's result is changed, or its record is other bytes."""
    made: dict[str, Content] = dict(_records())
    name = f"run/steps/{step}.json"
    if content is not None:
        made[name] = content
    elif change is not None:
        record = json.loads(_records()[name])
        change(record["result"])
        made[name] = json.dumps(record)
    elif step:
        del made[name]
    return made


def _layer(**changed: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda result: result["layers"][0].update(changed)


def _engine(name: str, **changed: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda result: result["layers"][0]["engines"][name].update(changed)


FOLDERS: list[tuple[str, dict[str, Content], str]] = [
    ("no folder", {}, "there is no folder"),
    ("an empty folder", {"run": folder}, "is no folder of 'zerokeep run'"),
    ("a FIFO in its place", {"run": fifo}, "there is no folder"),
    ("steps that are a file", {"run/steps": b"x"}, "is no folder of 'zerokeep run'"),
    ("no record of what was asked", run_folder("run"), "it has no steps/run.json"),
    ("no record of pruning", run_folder("prune"), "is not finished"),
    ("a record that is a FIFO", run_folder("prune", content=fifo), "is not finished"),
    ("a record that is a device", run_folder("prune", content=link_to("/dev/zero")), "is not finished"),
    ("a record without end", run_folder("prune", content=sparse(1 << 40)), "is not finished"),
    ("a record of brackets", run_folder("prune", content="[" * 100_000), "is not finished"),
    ("a record that is a list", run_folder("prune", content="[]"), "is not finished"),
    ("a record {}", run_folder("prune", content="{}"), "is not finished"),
    ("a record with NaN", run_folder("prune", content='{"seconds": NaN, "result": {}}'), "is not finished"),
    ("a result {}", run_folder("prune", content='{"seconds": 1, "result": {}}'), "not as it was written"),
    ("a command of control characters", {
        **run_folder("run", lambda result: result.update(command="\x1b[2J\nzerokeep: done")),
        "run/steps/prune.json": "{}"}, "is not finished"),
    ("no counts", run_folder("prune", lambda result: result.pop("counts")), "not as it was written"),
    ("counts of one layer", run_folder("prune", lambda result: result["counts"].pop()), "not as it was written"),
    ("counts of text", run_folder("prune", lambda result: result.update(counts="ab")), "not as it was written"),
    ("an accuracy of text", run_folder("prune", lambda result: result["accuracy"].update(base="high")),
     "not as it was written"),
    ("an accuracy that is a list", run_folder("prune", lambda result: result.update(accuracy=[])),
     "not as it was written"),
    ("a recipe that is a number", run_folder("prune", lambda result: result.update(recipe=3)),
     "not as it was written"),
    ("versions that are a number", run_folder("prune", lambda result: result.update(tool_versions=3)),
     "not as it was written"),
    ("layers that are an object", run_folder("simulate-dense", lambda result: result.update(layers={})),
     "not as it was written"),
    ("a layer without engines", run_folder("simulate-dense", _layer(engines={})), "not as it was written"),
    ("cycles of text", run_folder("simulate-dense", _engine("dense", cycles="many")), "not as it was written"),
    ("cycles that are a list", run_folder("simulate-zero-skip", _engine("skip-both", cycles=[1])),
     "not as it was written"),
    ("lanes of text", run_folder("simulate-zero-skip", _engine("skip-both", lanes={"multiplying": "x"})),
     "not as it was written"),
    ("products of text", run_folder("simulate-unpruned-dense", _layer(macs_inside="x")), "not as it was written"),
    ("failures that are a number", run_folder("simulate-dense", lambda result: result.update(failed=3)),
     "not as it was written"),
    ("resources that are a list", run_folder("synth-dense", lambda result: result.update(resources=[])),
     "not as it was written"),
    ("LUTs of text", run_folder("synth-dense", lambda result: result["resources"].update(LUT="many")),
     "not as it was written"),
    ("images of text", run_folder("run", lambda result: result.update(images="two")), "not as it was written"),
    ("points that are a number", run_folder("break-even", lambda result: result.update(points=3)),
     "not as it was written"),
    ("densities of text", run_folder("break-even", lambda result: result["points"][0].update(density="x")),
     "not as it was written"),
    ("a report of the user's", {**run_folder(), "run/report.json": "mine"}, "which zerokeep did not write"),
    ("a page of the user's", {**run_folder(), "run/report.html": "mine"}, "which zerokeep did not write"),
    ("a report that is a folder", {**run_folder(), "run/report.json": folder}, "report.json"),
]
"""Name, files, what must be said by ``report run``."""

ENERGY: list[tuple[str, Content | None, str]] = [
    ("missing", None, "no such file"), ("empty", b"", "no JSON"), ("no JSON", "energy", "no JSON"),
    ("{}", "{}", "has no network"), ("a list", "[]", "is not a file of"), ("a number", "3", "is not a file of"),
    ("a FIFO", fifo, "found a FIFO"), ("a folder", folder, "found a folder"),
    ("a device", link_to("/dev/zero"), "found a device"), ("1 TB of nothing", sparse(1 << 40), "at most 16.0 MB"),
    ("brackets", "[" * 100_000, "nested too deeply"), ("NaN", '{"network": NaN}', "no finite number"),
    ("another network's", json.dumps(dict.fromkeys((
        "network", "weights_sha256", "node", "period_ns", "preset", "multipliers", "images", "memory_table", "layers",
        "whole", "saved"), "\x1b[2J")), "another network"),
]
"""A file for ``--energy``."""

BOARDS: list[tuple[str, dict[str, Content], str]] = [
    ("no folder", {}, "no such file"), ("an empty folder", {"board": folder}, "no such file"),
    ("a file", {"board": b"x"}, "cannot"), ("manifest {}", {"board/manifest.json": "{}", "board/resources.json": "{}"},
                                            "is no whole folder"),
    ("no resources", {"board/manifest.json": "{}"}, "no such file"),
    ("lists", {"board/manifest.json": "[]", "board/resources.json": "[]"}, "is not a folder of"),
    ("FIFOs", {"board/manifest.json": fifo, "board/resources.json": fifo}, "found a FIFO"),
    ("brackets", {"board/manifest.json": "[" * 100_000, "board/resources.json": "{}"}, "nested too deeply"),
    ("resources of text", {"board/manifest.json": "{}", "board/resources.json": '{"after_packing": "x"}'},
     "is no whole folder"),
    ("resources of null", {"board/manifest.json": "{}", "board/resources.json": '{"after_packing": null}'},
     "is no whole folder"),
]
"""A folder for ``--board``."""


def cases() -> list[Case]:
    """`report`; what stands beside it through `run`, too."""
    made = [case(f"report, {name}", "report run", says, files) for name, files, says in FOLDERS]
    for number, (name, content, says) in enumerate(ENERGY):
        own: dict[str, Content] = {} if content is None else {"e.json": content}
        of_run = number % 2 and "another" not in name  # `run` sees that only when it is done
        command = "run --energy e.json --out out" if of_run else "report run --energy e.json"
        made.append(case(f"{command.split()[0]}, --energy: {name}", command, says,
                         {**own, **run_folder(), **model("run/model")}))
    for number, (name, files, says) in enumerate(BOARDS):
        command = "run --board board --out out" if number % 2 else "report run --board board"
        made.append(case(f"{command.split()[0]}, --board: {name}", command, says, {**files, **run_folder()}))
    return made
