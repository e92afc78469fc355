"""No result hangs on what a memory holds when the power comes on: none is reset.

In the Verilog of this test every memory begins with noise instead of zeros, and every answer must still be right.
"""

import re
from pathlib import Path

import pytest
from tests.sim.altered import check, make
from tests.sim.test_independent_layers import CONFIG

from zeroskip.spec.config import EngineConfig
from zeroskip.spec.engines import KINDS
from zeroskip.verilog import memories

FILL = re.compile(r"(?P<loop>for \((?P<row>fill_\w+) = 0;.*\) .+\[(?P=row)\] = )(?P<width>\d+)'h0+;")


def noise(module: str) -> tuple[str, int]:
    """A module's text whose memories begin with noise; how many there are."""
    def replace(found: re.Match[str]) -> str:
        words = ", ".join(["$urandom"] * -(-int(found["width"]) // 32))
        return f"{found['loop']}{found['width']}'({{{words}}});"

    return FILL.subn(replace, module)


@pytest.mark.parametrize(("config", "engine"), [(CONFIG, "skip-both"), (CONFIG, "dense")])
def test_contents_do_not_matter(tmp_path: Path, config: EngineConfig, engine: str) -> None:
    design, changed = make(config, KINDS[engine], tmp_path / "verilog", noise)
    assert changed == len(memories(design.verilog.read_text())) > 0
    check(tmp_path, design, config, engine)
