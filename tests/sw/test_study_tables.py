"""Figures of a study, from lines made by hand."""

import math

import numpy as np
import pytest

from zerokeep.cli import main
from zerokeep.errors import UserError
from zerokeep.study import tables
from zerokeep.study.page import write_page
from zerokeep.study.statistics import Paired, at, by_seed, common_places, paired, summary


def line(criterion, level, seed, int8, total, *, ratio=0.25, grid="levels", threshold="global", nonzero=1000):
    return {
        "key": f"{grid}{criterion}{level}{seed}{ratio}{threshold}", "grid": grid, "network": "net",
        "criterion": criterion, "nzer_orig_asked": level, "seed": seed, "base": {"sha256": str(seed % 2)},
        "recipe": {"filter_ratio": ratio, "threshold": threshold, "nzer_orig": level},
        "accuracy": {"base": 0.93, "pruned": int8 + (0.004 if ratio == 0.5 else 0.001), "int8": int8},
        "totals": {"nonzero": nonzero},
        "counts": [{"name": "conv1", "filters": 12, "filters_before": 16, "nonzero": nonzero}],
        "cycles": {"preset": "base", "images": 8, "skip-both": {"total": total, "end_to_end": 8 * total}},
        "data": {"name": "made up", "train_images": 10, "test_images": 5},
    }  # fmt: skip


LINES = [
    *(line("zero-keep", 0.1, seed, 0.92 + 0.001 * seed, 2000) for seed in range(3)),
    *(line("zero-keep", 0.05, seed, 0.90 + 0.001 * seed, 1000) for seed in range(3)),
    *(line("l1", 0.1, seed, 0.919 + 0.002 * seed, 2000) for seed in range(3)),
    *(line("l1", 0.05, seed, 0.89, 500) for seed in range(3)),
    *(line("zeros-only", 0.1, seed, 0.925, 3000) for seed in range(3)),
    *(line("zeros-only", 0.05, seed, 0.90, 1500) for seed in range(3)),
    *(line("zero-keep", 0.1, seed, 0.91, 1800, ratio=0.5, grid="filters") for seed in range(3)),
    *(line("random", None, seed, 0.9, 1000, grid="ratios") for seed in range(3)),
    *(line("zero-keep", None, seed, 0.9 + 0.001 * seed, 900, grid="ratios") for seed in range(3)),
]


def test_mean_and_spread():
    found = summary([1.0, 2.0, 4.0])
    assert (found.mean, found.count) == (pytest.approx(7 / 3), 3)
    assert found.spread == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert math.isnan(summary([5.0]).spread)


def test_pairs_by_hand():
    """Differences 1, 2, 3: mean 2, spread 1, t = 2 / (1 / sqrt 3) = 3.46 with two degrees of freedom: p = 0.0742."""
    found = paired({0: 2.0, 1: 4.0, 2: 6.0, 7: 9.0}, {0: 1.0, 1: 2.0, 2: 3.0, 8: 0.0})
    assert found is not None
    assert (found.difference.mean, found.difference.spread, found.difference.count) == (2.0, 1.0, 3)
    assert found.p == pytest.approx(0.0742, abs=1e-4)
    assert paired({0: 1.0, 1: 2.0}, {0: 2.0, 1: 3.0}) is None
    same = paired({0: 1.0, 1: 2.0, 2: 3.0}, {0: 1.0, 1: 2.0, 2: 3.0})
    assert same is not None and same.p == 1.0


def test_a_seed_may_be_there_once():
    with pytest.raises(ValueError, match="several lines have the same seed"):
        by_seed([LINES[0], LINES[0]], tables.accuracy)


def test_between_two_points_on_a_logarithm():
    lines = [{"c": 10, "a": 1.0}, {"c": 1000, "a": 3.0}]
    found = [at(lines, lambda own: own["c"], place, lambda own: own["a"]) for place in (9.9, 10, 100, 1000, 1001)]
    assert found == [None, 1.0, pytest.approx(2.0), 3.0, None]
    assert common_places([lines, [{"c": 40}, {"c": 4000}]], lambda own: own["c"], 1) == [pytest.approx(200)]
    assert common_places([lines, [{"c": 2000}, {"c": 4000}]], lambda own: own["c"], 1) == []


def rows(text):
    lines = [row for row in text.splitlines() if row.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in lines[2:]]


def test_accuracy_at_equal_non_zeros():
    found = rows(tables.comparison(tables.select(LINES, grid="levels", nzer_orig_asked=0.1)))
    assert [row[0] for row in found] == ["zero-keep", "l1", "zeros-only"]
    assert found[0][3:6] == ["2,000 ± 0", "92.10 ± 0.10", "0.90 ± 0.10"]
    assert found[1][4:] == ["92.10 ± 0.20", "0.90 ± 0.20", "+0.00 ± 0.10", "1.000"]
    assert found[2][6].startswith("+0.40")


def test_accuracy_at_equal_cycles():
    """From 1,500 to 2,000 all three have cycles; half-way on the logarithm is sqrt(1500 * 2000)."""
    found = rows(tables.at_equal_cycles(tables.select(LINES, grid="levels")))
    assert len(found) == 9
    middle = [row for row in found if row[0] == "1,732"]
    share = math.log(1732.05 / 1000) / math.log(2)
    assert float(middle[0][3].split()[0]) == pytest.approx(90.1 + 2.0 * share, abs=0.01)
    assert middle[0][1] == "zero-keep"


def test_zeros_alone_beside_a_recipe():
    """At 900 non-zeros, between 800 and 1,000, and at 1,000 cycles, which is where the lower level lies."""
    lines = [own | {"seed": seed} for seed in range(3) for own in (
        line("zero-keep", None, seed, 0.92 + 0.001 * seed, 1000, nonzero=900, grid="recipe"),
        line("zeros-only", 0.10, seed, 0.92, 1200, nonzero=1000),
        line("zeros-only", 0.08, seed, 0.90, 1000, nonzero=800))]
    found = rows(tables.beside_zeros_alone(lines))
    assert [row[0] for row in found] == ["zero-keep", "zeros-only at its non-zeros", "zeros-only at its cycles"]
    share = math.log(900 / 800) / math.log(1000 / 800)
    assert float(found[0][2].split()[0]) == pytest.approx(92.1)
    assert float(found[1][2].split()[0]) == pytest.approx(90 + 2 * share, abs=0.01)
    assert (found[2][2].split()[0], found[2][3].split()[0], found[2][4].split()[0]) == ("90.00", "3.00", "-2.10")
    assert tables.beside_zeros_alone(LINES) == ""
    assert tables.beside_zeros_alone(lines[::3]) == ""


def test_how_many_filters_may_go():
    """0.5 points lost without, 0.9 with a quarter gone, 2.0 with half gone: 1.0 is at 0.25 + 0.25 * 0.1 / 1.1."""
    found = rows(tables.filters_that_may_go(LINES, 0.1))
    assert found == [["zero-keep", "3", "0.50", "0.90", "2.00", "27%"]]


def test_ways_are_told_apart():
    assert tables.way(line("zero-keep", 0.1, 0, 0.9, 1, threshold="layer")) == "zero-keep, by layer"
    assert tables.way(line("zero-keep", None, 0, 0.9, 1, threshold="layer")) == "zero-keep"


def test_the_page_and_its_plots(tmp_path):
    paths = write_page(LINES, tmp_path / "new", "net")
    assert [path.name for path in paths] == ["net.md", "net-nonzeros.png", "net-cycles.png"]
    text = paths[0].read_text()
    for title in ("## ratios: at an equal filter ratio", "## At equal non-zeros: 0.1 ", "## At equal cycles",
                  "## How many filters may go, at 0.1"):
        assert title in text
    assert "2 base networks (93.00 %, 93.00 %)" in text
    assert f"at most 0.40 points below the pruned one of floats (mean 0.13); 3 of {len(LINES)} cells lie more" in text
    assert all(path.stat().st_size > 5000 for path in paths[1:])


def test_the_command_line(tmp_path, capsys):
    import json

    path = tmp_path / "cells.jsonl"
    path.write_text("".join(json.dumps(own) + "\n" for own in LINES))
    assert main(["compare", str(path), "-o", str(tmp_path / "out"), "--name", "net"]) == 0
    assert (tmp_path / "out" / "net.md").is_file()
    assert main(["compare", str(tmp_path / "none.jsonl")]) == 2
    assert "there is no file" in capsys.readouterr().err
    path.write_text(json.dumps(LINES[0]) + "\n" + json.dumps(LINES[1] | {"network": "other"}) + "\n")
    assert main(["compare", str(path), "-o", str(tmp_path / "out")]) == 2
    assert "the lines are of 2 networks (net, other), expected one" in capsys.readouterr().err


def test_two_grids_with_the_same_levels_are_not_mixed(tmp_path):
    more = [line("zero-keep", level, 0, 0.9, 1000, ratio=0.5, grid="half") for level in (0.1, 0.05)]
    with pytest.raises(UserError, match=r"grids 'levels' and 'half' both have zero-keep at 0\.1, seed 0"):
        write_page([*LINES, *more], tmp_path / "new", "net")


@pytest.mark.parametrize(("p", "text"), [(0.0004, "under 0.001"), (0.0005, "0.001"), (0.25, "0.250")])
def test_small_probabilities_are_not_zero(p, text):
    assert tables.compared(Paired(difference=summary([1.0, 2.0]), p=p)) == ["+1.50 ± 0.71", text]
