"""No result hangs on what a block memory reads from a word that is written in the same cycle.

Synthesis takes that as don't-care (``synth_ecp5 -no-rw-check``), since a real block memory promises nothing there. In
the Verilog of this test such a read gives the word with all bits inverted, and every answer must still be right.
"""

import re
from pathlib import Path

import pytest
from tests.sim.altered import check, make
from tests.sim.test_independent_layers import CONFIG

from zeroskip.spec.config import EngineConfig
from zeroskip.spec.engines import KINDS

WRITE = re.compile(r"if \((?P<enable>.+)\)\n +(?P<memory>\w+|\\\S+ )\[(?P<address>.+)\] <= ")
READ = re.compile(r"(?P<register>\w+) <= (?P<memory>\w+|\\\S+ )\[(?P<address>.+)\];")


def invert_collisions(module: str) -> tuple[str, int]:
    """A module's text in which a read of the word that is being written gives all bits inverted; reads changed."""
    depths = dict(re.findall(r"reg \[\d+:0\] (\w+(?= )|\\\S+ ) ?\[(\d+):0\];", module))
    writes: dict[str, list[re.Match[str]]] = {}
    for found in WRITE.finditer(module):
        writes.setdefault(found["memory"], []).append(found)
    changed = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal changed
        others = writes.get(found["memory"], [])
        if not others or found["memory"] not in depths:
            return found[0]
        changed += 1
        collides = " || ".join(f"({other['enable']}) && ({other['address']}) == ({found['address']})"
                               for other in others)
        word = f"{found['memory']}[{found['address']}]"
        return f"{found['register']} <= ({collides}) ? ~{word} : {word};"

    return READ.sub(replace, module), changed


@pytest.mark.parametrize(("config", "engine", "reads"), [
    (CONFIG, "skip-both", 4 * 2 * 2 + 2 * (4 * 2 + 1 + 2)), (CONFIG, "dense", 5),
])
def test_collisions_do_not_matter(tmp_path: Path, config: EngineConfig, engine: str, reads: int) -> None:
    """`reads`: four banks of the map in two halves with two ports; in each lane flags for four looks with two ports,
    lists, and two columns of instructions; of the dense array two banks of the map, taps, weights and parameters."""
    design, changed = make(config, KINDS[engine], tmp_path / "verilog", invert_collisions)
    assert changed == reads
    check(tmp_path, design, config, engine)
