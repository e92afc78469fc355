"""Study files (TOML) and a study's lines."""

from __future__ import annotations

import json
from typing import Any

from tests.attacks.case import Case, Content, case, fifo, folder, link_to, sparse

GRID = '[[grid]]\nname = "a"\nnetwork = "vgg-small"\ncriteria = ["l1"]\nseeds = [0]\nnzer_orig = [0.1]\n'


def _grid(key: str, value: str) -> str:
    lines = [line for line in GRID.splitlines() if not line.startswith(f"{key} =")]
    return "\n".join([*lines, f"{key} = {value}" if value else ""])


STUDIES: list[tuple[str, Content | None, str]] = [
    ("missing", None, "no such file"),
    ("empty", b"", "has no [[grid]]"),
    ("no TOML", "[[grid\n", "no TOML"),
    ("not UTF-8", b'name = "\xff"', "s.toml"),
    ("brackets without end", "a = " + "[" * 100_000, "s.toml"),
    ("tables without end", "a" + ".a" * 20_000 + " = 1", "s.toml"),
    ("2 MB", "# long\n" * 300_000, "at most 1.0 MB"),
    ("1 TB of nothing", sparse(1 << 40), "at most 1.0 MB"),
    ("a FIFO", fifo, "found a FIFO"),
    ("a folder", folder, "found a folder"),
    ("a device", link_to("/dev/zero"), "found a device"),
    ("an unknown key", "gird = 1", "gird is no key here"),
    ("a key of control characters", '"\\u001b[2J\\n" = 1', "is no key here"),
    ("a key twice", "images = 1\nimages = 2", "no TOML"),
    ("images of 0", f"images = 0\n{GRID}", "images must be a whole number"),
    ("images of true", f"images = true\n{GRID}", "images must be"),
    ("images of text", f'images = "8"\n{GRID}', "images must be a int"),
    ("images of 10^30", f"images = {10**30}\n{GRID}", "images must be"),
    ("an unknown preset", f'preset = "huge"\n{GRID}', "is none of"),
    ("data that are not there", f'data = "nowhere"\n{GRID}', "does not exist"),
    ("data that are a number", f"data = 3\n{GRID}", "data must be a str"),
    ("training for 0 epochs", f"training = {{epochs = 0}}\n{GRID}", "training.epochs must be"),
    ("training without seeds", f"training = {{seeds = []}}\n{GRID}", "training.seeds is empty"),
    ("training with an unknown key", f"training = {{lr = 1}}\n{GRID}", "training.lr is no key here"),
    ("training in float8", f'training = {{precision = "float8"}}\n{GRID}', "is none of"),
    ("a recipe with an unknown key", f"recipe = {{speed = 1}}\n{GRID}", "speed is no key here"),
    ("a recipe with a date", f"recipe = {{zero_ratio = 2020-01-01}}\n{GRID}", "zero ratio"),
    ("a recipe with NaN", f"recipe = {{zero_ratio = nan}}\n{GRID}", "zero ratio"),
    ("a recipe with a list", f"recipe = {{threshold = []}}\n{GRID}", "threshold"),
    ("a recipe with text for a number", f'recipe = {{filter_ratio = "x"}}\n{GRID}', "filter ratio"),
    ("a recipe whose distil is a number", f"recipe = {{distil = 7}}\n{GRID}", "distil"),
    ("a grid that is a number", "grid = [3]", "grid 1 is no table"),
    ("a grid that is a table", "[grid]\nname = 'a'", "grid must be a list"),
    ("a grid without a name", _grid("name", ""), "lacks 'name'"),
    ("a grid of an unknown network", _grid("network", '"\\u001b[2J"'), "is none of"),
    ("a grid of an unknown criterion", _grid("criteria", '["best"]'), "unknown criterion"),
    ("criteria that are lists", _grid("criteria", "[[]]"), "criterion"),
    ("seeds that are text", _grid("seeds", '["0"]'), "seeds must be"),
    ("seeds below 0", _grid("seeds", "[-1]"), "seeds must be"),
    ("seeds of 10^30", _grid("seeds", f"[{10**30}]"), "seeds must be"),
    ("no seeds", _grid("seeds", "[]"), "seeds is empty"),
    ("levels of NaN", _grid("nzer_orig", "[nan]"), "nzer_orig"),
    ("levels of text", _grid("nzer_orig", '["a"]'), "nzer_orig"),
    ("no criteria", _grid("criteria", "[]"), "criteria"),
    ("no levels", _grid("nzer_orig", "[]"), "nzer_orig"),
    ("10^5 x 10^5 cells", _grid("seeds", f"[{'0,' * 100_000}]").replace(
        "nzer_orig = [0.1]", f"nzer_orig = [{'0.1,' * 100_000}]"), "at most 100,000"),
]
"""Study files."""


def line(**changed: Any) -> str:
    """A line of a study, with other values."""
    made = {
        "key": "a", "grid": "levels", "network": "net", "criterion": "l1", "nzer_orig_asked": 0.1, "seed": 0,
        "base": {"sha256": "0"}, "recipe": {"filter_ratio": 0.25, "threshold": "global", "nzer_orig": 0.1},
        "accuracy": {"base": 0.93, "pruned": 0.9, "int8": 0.9}, "totals": {"nonzero": 1000},
        "counts": [{"name": "conv1", "filters": 12, "filters_before": 16, "nonzero": 1000}],
        "cycles": {"preset": "base", "images": 8, "skip-both": {"total": 10, "end_to_end": 80}},
        "data": {"name": "made up", "train_images": 10, "test_images": 5},
    } | changed  # fmt: skip
    return json.dumps({key: value for key, value in made.items() if value is not None}) + "\n"


LINES: list[tuple[str, Content | None, str]] = [
    ("missing", None, "there is no file"),
    ("empty", b"", "0 networks"),
    ("a folder", folder, "there is no file"),
    ("a FIFO", fifo, "there is no file"),
    ("a device", link_to("/dev/zero"), "there is no file"),
    ("1 TB of nothing", sparse(1 << 40), "at most 256.0 MB"),
    ("250 MB of nothing", sparse(250 << 20), "line 1"),
    ("not UTF-8", b'{"key": "\xff"}\n', "cells.jsonl"),
    ("no JSON", "my cells\n", "line 1, is no line of a study"),
    ("a damaged line", line() + "nonsense\n" + line(key="b"), "line 2, is no line of a study"),
    ("a line of brackets", "[" * 100_000 + "\n" + line(), "line 1, is no line of a study"),
    ("a line with NaN", line().replace("0.93", "NaN") + line(), "line 1, is no line of a study"),
    ("a line that is a list", "[1]\n" + line(), "line 1, is no line of a study"),
    ("a key that is a number", line(key=3) + line(), "line 1, is no line of a study"),
    ("two networks", line() + line(key="b", network="other"), "are of 2 networks"),
    ("a network of control characters", line() + line(key="b", network="\x1b[2J\n"), "are of 2 networks"),
    ("no network", line(network=None), "a line of cells.jsonl"),
    ("no accuracy", line(accuracy=None), "a line of cells.jsonl"),
    ("an accuracy of text", line(accuracy={"base": "a", "pruned": "b", "int8": "c"}), "a line of cells.jsonl"),
    ("counts that are a number", line(counts=3) + line(key="b", nzer_orig_asked=0.2), "a line of cells.jsonl"),
    ("cycles that are a list", line(cycles=[]), "a line of cells.jsonl"),
    ("a seed that is a list", line(seed=[]) + line(key="b", nzer_orig_asked=0.2), "a line of cells.jsonl"),
    ("a seed that is an object", line(seed={}) + line(key="b", nzer_orig_asked=0.2), "a line of cells.jsonl"),
    ("a level of text", line(nzer_orig_asked="x") + line(key="b", nzer_orig_asked=0.2), "a line of cells.jsonl"),
    ("a grid that is a list", line(grid=[]), "a line of cells.jsonl"),
    ("images of 0", line(cycles={"preset": "base", "images": 0, "skip-both": {"total": 1, "end_to_end": 8}})
     + line(key="b", nzer_orig_asked=0.2), "a line of cells.jsonl"),
    ("a cell in two grids", "".join(line(key=f"{n}{g}", grid=g, nzer_orig_asked=n) for g in "ab" for n in (0.1, 0.2)),
     "compare each by itself"),
]
"""Lines of a study."""


def cases() -> list[Case]:
    """`study` and `compare`."""
    made = [case(f"study, study file: {name}", "study s.toml --out out", says,
                 {} if content is None else {"s.toml": content}) for name, content, says in STUDIES]
    made += [case(f"compare, lines: {name}", "compare cells.jsonl --out out", says,
                  {} if content is None else {"cells.jsonl": content}) for name, content, says in LINES]
    return [*made, *(case(f"compare, --name {ascii(name)[:20]}", "compare cells.jsonl --out out --name",
                          "--name must be", {"cells.jsonl": line()}, name)
                     for name in ("../x", "", "a b", "\x1b[2J", "x" * 200, "/etc/x", "é"))]
