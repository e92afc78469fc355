"""Where a zero-skip array's block memories go on an ECP5-85F, for nextpnr.

Where most block memories of the chip are used, nextpnr's placer spreads a lane's over the whole of it. Here a lane's
lie side by side in a row, those of a quarter of the lanes (of four groups: a group) in each quarter of the chip, and
those that all lanes use in the middle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from zeroskip.files.reading import read_json

NETLIST_BYTES = 1 << 30
"""The most that a netlist may have."""
MEMORY = "DP16KD"
ROWS = (22, 46, 70, 82)
"""Rows of the chip with block memories; they come in two pairs."""
COLUMNS = tuple(column + tile for column in (*range(4, 67, 9), *range(69, 121, 9)) for tile in (0, 2, 4, 6))
"""Columns in which one lies in each of these rows; every fourth begins a block of four."""
HALF = len(COLUMNS) // 2
FLOW = ("occupancy", "pointers", "lists", "values", "results")
"""A lane's memories as its data go; what comes last is next to the middle, where the results leave."""

CROWDED = len(COLUMNS) * len(ROWS) // 2
"""With more memories than so many nextpnr is told where they go; with fewer it does well by itself."""

_LANE = re.compile(r"\bgroup_(\d+)\.lane_(\d+)\.")
_NUMBER = re.compile(r"\d+")

Site = tuple[int, int]
"""Half of a row, 0..7: twice the row, plus one on the right; place in it, 0 at the chip's edge."""


def name_of(site: Site) -> str:
    """The site as nextpnr calls it."""
    half, place = site
    column = 2 * HALF - 1 - place if half % 2 else place
    return f"X{COLUMNS[column]}/Y{ROWS[half // 2]}/EBR{column % 4}"


def halves(quarter: int) -> tuple[int, int]:
    """The halves of rows that make a quarter of the chip."""
    first = 4 * (quarter // 2) + quarter % 2
    return first, first + 2


def plan(cells: Iterable[str]) -> dict[str, Site]:
    """Sites for block memories, by their hierarchical names.

    Returns
    -------
    dict
        Empty where there are no lanes, or where a quarter of the lanes does not fit a quarter of the chip.
    """
    lanes: dict[tuple[int, int], list[str]] = {}
    shared: list[str] = []
    for cell in cells:
        found = _LANE.search(cell)
        (lanes.setdefault((int(found[1]), int(found[2])), []) if found else shared).append(cell)
    if not lanes:
        return {}
    inner = HALF - -(-len(shared) // 8)  # the places from here to the middle are for what is shared
    placed: dict[str, Site] = {}
    ends = dict.fromkeys(range(8), inner)
    for number, lane in enumerate(sorted(lanes)):
        quarter = 4 * number // len(lanes)
        half = max(halves(quarter), key=lambda half: ends[half])
        ends[half] -= len(lanes[lane])
        placed |= {cell: (half, ends[half] + at) for at, cell in enumerate(sorted(lanes[lane], key=_flow))}
    if min(ends.values()) < 0:
        return {}
    free = [(half, place) for half in range(8) for place in range(inner, HALF)]
    return placed | _share(shared, free)


def _flow(cell: str) -> tuple[int, str]:
    return next((at for at, name in enumerate(FLOW) if name in cell), len(FLOW)), cell


def _share(cells: Sequence[str], free: list[Site]) -> dict[str, Site]:
    """What all lanes use, from the inner rows and the chip's middle outwards.

    By the numbers in their names, so that banks of different memories that work together lie together.
    """
    order = sorted(free, key=lambda site: (abs(2 * (site[0] // 2) - 3), HALF - site[1], site))
    numbered = sorted(cells, key=lambda cell: [int(text) for text in _NUMBER.findall(cell)])
    return dict(zip(numbered, order, strict=False))


def write(netlist: Path, planned: Path) -> int:
    """Write a netlist again, with the sites of its block memories in it.

    Parameters
    ----------
    netlist
        Flattened, JSON, as `zeroskip.synth.synthesise` writes it.

    Returns
    -------
    int
        Memories that were given a site; none where there is no plan or no need of one: then nothing is written.
    """
    design: dict[str, Any] = read_json(netlist, NETLIST_BYTES)
    top = next(module for module in design["modules"].values() if int(module["attributes"].get("top", "0"), 2))
    memories = {name: cell for name, cell in top["cells"].items() if cell["type"] == MEMORY}
    sites = plan(memories) if len(memories) > CROWDED else {}
    if not sites:
        return 0
    for name, site in sites.items():
        memories[name]["attributes"]["BEL"] = name_of(site)
    planned.write_text(json.dumps(design), encoding="utf-8")
    return len(sites)
