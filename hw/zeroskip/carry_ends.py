"""Ends of carry chains that nothing reads, taken off a netlist for nextpnr.

yosys connects the carry out of a chain's last cell whether it is read or not, and nextpnr gives each one that is
connected a cell more, two LUTs, to bring it out.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from zeroskip.files.reading import read_json
from zeroskip.files.writing import write_text

CARRY_CELL, CARRY_OUT = "CCU2C", "COUT"
NOTHING = "x"
"""What yosys' JSON has for a bit that is not connected; nextpnr wants the port itself."""


def open_unread(netlist: Path, most: int) -> int:
    """Disconnect carries that nothing reads, in a flat netlist of yosys' JSON of at most so many bytes; how many."""
    document = read_json(netlist, most)
    found = sum(_open_unread(module) for module in document["modules"].values())
    write_text(netlist, json.dumps(document))
    return found


def _open_unread(module: dict[str, Any]) -> int:
    cells, ports = module.get("cells", {}).values(), module.get("ports", {}).values()
    uses = Counter(bit for cell in cells for bits in cell["connections"].values() for bit in bits)
    uses.update(bit for port in ports for bit in port["bits"])
    found = 0
    for cell in cells:
        carry = cell["connections"].get(CARRY_OUT, [])
        if cell["type"] == CARRY_CELL and len(carry) == 1 and carry[0] != NOTHING and uses[carry[0]] == 1:
            cell["connections"][CARRY_OUT] = [NOTHING]
            found += 1
    return found
