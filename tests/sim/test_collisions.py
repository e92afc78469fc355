"""No result hangs on what a block memory reads from a word that is written in the same cycle.

Synthesis takes that as don't-care (``synth_ecp5 -no-rw-check``), since a real block memory promises nothing there. In
the Verilog of this test such a read gives the word with all bits inverted, and every answer must still be right.
"""

import json
import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from tests.sim.echo import CACHE
from tests.sim.independent_layers import write
from tests.sim.test_independent_layers import COLUMNS, CONFIG, SEED

from cosim.parts import jobs_of, join, split
from cosim.runner import run_jobs
from cosim.simulators import build, find_simulator
from zeroskip.config import ArrayConfig
from zeroskip.layer import Layer
from zeroskip.packing import KINDS, pack
from zeroskip.verilog import GeneratedDesign, generate

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


def make(config: ArrayConfig, kind: str, folder: Path) -> tuple[GeneratedDesign, int]:
    """Generated Verilog, changed; and how many reads were changed."""
    design = generate(config, kind, folder)
    modules = re.split(r"(?<=endmodule)\n", design.verilog.read_text())
    texts, counts = zip(*(invert_collisions(module) for module in modules), strict=True)
    design.verilog.write_text("\n".join(texts))
    digest = sha256(design.verilog.read_bytes()).hexdigest()
    sidecar = json.loads(design.sidecar.read_text())
    design.sidecar.write_text(json.dumps(sidecar | {"sha256": digest}))
    return GeneratedDesign(verilog=design.verilog, sidecar=design.sidecar, top=design.top, digest=digest), sum(counts)


@pytest.mark.parametrize(("config", "engine", "memories"), [
    (CONFIG, "skip-both", 4 * 8 + 4 + 4 + 1 + 1), (COLUMNS, "skip-both", 4 * 9 + 4 + 4 + 1 + 1),
    (CONFIG, "dense", 2 + 1 + 1 + 1),
])
def test_collisions_do_not_matter(tmp_path: Path, config: ArrayConfig, engine: str, memories: int) -> None:
    """`memories`: in each lane lists, pointers, results, four banks of values, and occupancy masks for each column;
    four banks of the feature map and of its masks, window table, requantisation parameters; of the dense array two
    banks and the weights."""
    design, changed = make(config, KINDS[engine], tmp_path / "verilog")
    assert changed == memories
    built = build(design, find_simulator("verilator"), CACHE / "simulators", waves=False)
    paths = write(tmp_path, SEED)
    packed = [pack(Layer.load(path), config, engine) for path in paths]
    jobs = [jobs_of(path.stem, one, patience=100_000) for path, one in zip(paths, packed, strict=True)]
    outcomes = run_jobs(built, [job for own in jobs for job in own], stall=0.2, seed=SEED)
    for path, one, own in zip(paths, packed, jobs, strict=True):
        outcome = join(path.stem, outcomes[: len(own)], multipliers=config.multipliers)
        outcomes = outcomes[len(own):]
        assert outcome.error is None
        answer, expected = one.decode(split(one, outcome.result)), np.load(path.with_suffix(".expected.npy"))
        np.testing.assert_array_equal(answer, expected, path.stem)
