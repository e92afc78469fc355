"""Coverage points of Verilator: what counts as covered, by module; and that a build with coverage writes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.sim.echo import CACHE, echo_design, echo_job

from cosim.coverage import collect, holes, summary
from cosim.runner import run_jobs
from cosim.simulators import build, find_simulator


def point(page: str, module: str, what: str, count: int, line: int = 1) -> str:
    fields = {"f": "top.v", "l": str(line), "page": f"v_{page}/{module}", "o": what, "h": module}
    text = "".join("\x01" + key + "\x02" + value for key, value in fields.items())
    return f"C '{text}' {count}"


VERILOG = "x\n  if (\\$auto ) begin end\n"


def test_a_bit_is_covered_where_it_rose_and_fell() -> None:
    text = "\n".join([point("toggle", "top.a_0", "x[0]:0->1", 5), point("toggle", "top.a_0", "x[0]:1->0", 0),
                      point("toggle", "top.a_0", "y:0->1", 2), point("toggle", "top.a_0", "y:1->0", 1)])
    found = collect([text], "top", VERILOG)
    assert found == {("toggle", "a_0", "x[0]"): 0, ("toggle", "a_0", "y"): 1}
    assert summary(found) == {"": {"toggle": (1, 2)}, "a": {"toggle": (1, 2)}}
    assert holes(found) == {("toggle", "a_0"): ["x[0]"]}


def test_runs_add_up_and_lines_that_do_nothing_are_left_out() -> None:
    runs = ["\n".join([point("line", "top", "block", count), point("branch", "top", "if", 0, line=2)])
            for count in (0, 3)]
    assert collect(runs, "top", VERILOG) == {("line", "", "1: block"): 3}
    assert collect(runs[:1], "top", VERILOG) == {("line", "", "1: block"): 0}


def test_copies_of_a_module_are_one() -> None:
    names = ("lane_0.flags$156.look_0", "lane_1.flags$156.look_3", "lane_1.flags.look_2")
    text = "\n".join(point("line", f"top.{name}", "block", count) for count, name in enumerate(names))
    assert summary(collect([text], "top", VERILOG)) == {"": {"line": (2, 3)}, "lane.flags.look": {"line": (2, 3)}}


def test_a_build_with_coverage_counts(tmp_path: Path) -> None:
    design = echo_design()
    built = build(design, find_simulator(), CACHE / "simulators", coverage=True)
    short, long = (tmp_path / name for name in ("short.dat", "long.dat"))
    run_jobs(replace(built, coverage=short), [echo_job("one", beats=1)])
    run_jobs(replace(built, coverage=long), [echo_job("more", beats=40)])
    verilog = design.verilog.read_text()
    tables = [summary(collect([path.read_text()], design.top, verilog))[""] for path in (short, long)]
    assert 0 < tables[0]["toggle"][0] < tables[1]["toggle"][0] < tables[1]["toggle"][1]
    assert tables[1]["line"][0] > 0.5 * tables[1]["line"][1]
