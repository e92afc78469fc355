"""Coverage of the generated Verilog by the fuzz: Verilator's line and toggle points, by module.

``python -m cosim.coverage [--cases N] [--seed S] [--preset NAME] [--kind KIND] [--json FILE]`` (``make coverage``)

Verilator counts blocks of lines, branches (each side of an ``if``), and toggles: a toggle point is a bit of a signal,
and is covered where it both rose and fell.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cosim.designs import cached
from cosim.fuzz import SESSION
from cosim.fuzz_cases import CONFIGS, make_session, verdicts
from cosim.simulators import build, find_simulator
from zeroskip.files.cache import default_cache
from zeroskip.files.process import handle_signals
from zeroskip.files.reading import read_text
from zeroskip.files.workplace import workplace
from zeroskip.files.writing import write_json

_POINT = re.compile(r"^C '(.*)' (\d+)$", re.MULTILINE)
_FIELD = re.compile("\x01([^\x02]*)\x02([^\x01]*)")
_NUMBER = re.compile(r"[_$]\d+(?=\.|$)")
"""Of copies of a module; with ``$`` where the back end made a name unique."""
_NOTHING = "begin end"
"""In an ``if`` that the Verilog back end puts into each ``always @*``, so that simulators run it once."""
_EDGE = re.compile(r":(?:0->1|1->0)$")

Points = dict[tuple[str, str, str], int]
"""Hits by (page, module, what): the page is ``line`` or ``toggle``; module and what as in the Verilog."""


def points(text: str) -> Iterable[tuple[dict[str, str], int]]:
    """Fields and hits of every point of a ``coverage.dat``; keys are Verilator's: page, o(bject), l(ine)."""
    for match in _POINT.finditer(text):
        yield dict(_FIELD.findall(match[1])), int(match[2])


def collect(texts: Iterable[str], top: str, verilog: str) -> Points:
    """Points over several runs, hits added up. A bit has as many as the rarer of its two edges.

    Lines of `verilog` that do nothing are no points.
    """
    nothing = {str(number) for number, line in enumerate(verilog.splitlines(), 1) if line.endswith(_NOTHING)}
    hits: Counter[tuple[str, str, str]] = Counter()
    for text in texts:
        for fields, count in points(text):
            page, _, module = fields["page"].removeprefix("v_").partition("/")
            if page == "toggle":
                what = fields["o"]
            elif fields["l"] in nothing:
                continue
            else:
                what = f"{fields['l']}: {fields['o']}"
            hits[page, module.removeprefix(top).lstrip("."), what] += count
    found: Points = {}
    for (page, module, what), count in hits.items():
        key = page, module, _EDGE.sub("", what)
        found[key] = min(found.get(key, count), count)
    return found


def summary(found: Points) -> dict[str, dict[str, tuple[int, int]]]:
    """Covered and all points by module (numbers of copies left out) and page; "" for all of them."""
    table: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for (page, module, _), count in found.items():
        for name in ("", _NUMBER.sub("", module) or "top"):
            table[name][page][0] += count > 0
            table[name][page][1] += 1
    return {name: {page: (own[0], own[1]) for page, own in sorted(pages.items())}
            for name, pages in sorted(table.items())}


def holes(found: Points) -> dict[tuple[str, str], list[str]]:
    """What was not covered, by (page, module)."""
    missed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (page, module, what), count in sorted(found.items()):
        if not count:
            missed[page, module or "top"].append(what)
    return missed


def measure(preset: str, kind: str, cases: int, seed: int, cache: Path) -> Points:
    """Run the fuzz on one engine of one configuration, built with coverage.

    Raises
    ------
    RuntimeError
        A layer was wrong.
    """
    design = cached(CONFIGS[preset], kind, cache / "verilog")
    built = build(design, find_simulator("verilator"), cache / "simulators", coverage=True)
    texts = []
    with workplace() as place:
        for number in range(-(-cases // SESSION)):
            session = make_session(seed, number, (preset, kind), min(SESSION, cases - number * SESSION), [])
            target = place / "coverage.dat"
            wrong = [verdict.wrong for verdict in verdicts(session, replace(built, coverage=target)) if verdict]
            if any(wrong):
                raise RuntimeError(f"the hardware is wrong: {wrong}")
            texts.append(target.read_text(errors="replace"))
    return collect(texts, design.top, read_text(design.verilog, 1 << 30))


def main(arguments: list[str]) -> int:
    """Print a table by module; write the holes."""
    parser = argparse.ArgumentParser(prog="python -m cosim.coverage", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=200, metavar="N", help="random layers (default 200)")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--preset", default="tiny", choices=sorted(CONFIGS))
    parser.add_argument("--kind", default="zero-skip", choices=("zero-skip", "dense", "dense-gate"))
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="simulators built before (default: the user's)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts and every hole")
    options = parser.parse_args(arguments)
    with handle_signals():
        found = measure(options.preset, options.kind, options.cases, options.seed, options.cache or default_cache())
    table, missed = summary(found), holes(found)
    pages = sorted({page for own in table.values() for page in own})
    print(f"{options.preset} {options.kind}, {options.cases} random layers, seed {options.seed}: covered / points")
    for name, own in table.items():
        cells = (f"{own[page][0]:6}/{own[page][1]:6} {100 * own[page][0] / own[page][1]:5.1f} %" if page in own else
                 " " * 22 for page in pages)
        print(f"{name or 'all':40} " + "  ".join(f"{page} {cell}" for page, cell in zip(pages, cells, strict=True)))
    if options.json is not None:
        document: dict[str, Any] = {"modules": table, "holes": {f"{page} {module}": own for (page, module), own in
                                                                missed.items()}}
        write_json(options.json, document)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
