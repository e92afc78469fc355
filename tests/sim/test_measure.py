"""Figures from counters, and the rules between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.account import CLASSES
from cosim.measure import bounds, broken_rules, figures, longest_stream, nothing_measured, ratio
from zeroskip.compiler.packed import Packed, whole
from zeroskip.counts import count
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec.config import PRESETS
from zeroskip.spec.stall_reasons import STALL_REASONS

TINY = PRESETS["tiny"]
ONE_POSITION = replace(TINY, lanes=4, vector=1)
LAYER = Layer(weight=np.array([[[[1, 0, 2]]]], np.int8), input=np.array([[[[3, 0, 4, 5]]]], np.uint8), padding=(0, 1))
COUNTS = count(LAYER)


def counters(**more: int) -> dict[str, int]:
    values = {"load": 7, "total": 20, "wait": 3, "compute": 12, "drain": 5, "stalled": 0, "multiplications": 8,
              "gated": 8 - COUNTS["pairs"]}
    values = values | more
    idle = 4 * values["total"] - values["multiplications"]
    lost = {f"slots_{name}": 0 for name in STALL_REASONS} | {"slots_bubble": idle}
    return lost | values


def broken(engine: str, config=TINY, stall: float = 0.0, predicted: dict[str, int] | None = None, maps: int = 1,
           **more: int) -> list[str]:
    """What is said of the counters; the cycle model agrees with them but for `predicted`."""
    found = counters(**more)
    model = {name: found[name] for name in ("total", "multiplications", "gated")} | {"beyond": 0} | (predicted or {})
    beats = np.zeros((1, 4), np.uint8)
    packed = whole(Packed(program=beats, map=beats, result_beats=maps, results=maps, decode=lambda own: own,
                          predicted=model), engine)
    return broken_rules(engine, found, COUNTS, config, packed, stall=stall)


def test_counts_of_the_example() -> None:
    assert (COUNTS["macs"], COUNTS["macs_inside"], COUNTS["pairs"], COUNTS["weight_pairs"]) == (12, 10, 4, 6)


def test_bounds() -> None:
    packed = pack(LAYER, TINY, "skip-both")
    least = bounds("skip-both", packed, COUNTS, TINY.multipliers)
    (program,) = packed.programs
    assert least == {"multipliers": 1, "program": len(program.program), "map": len(program.map),
                     "results": program.result_beats}
    assert bounds("dense", packed, COUNTS, 5)["multipliers"] == 3
    assert longest_stream(least) == f"{len(program.program)} program"


def test_figures() -> None:
    entry = figures("skip-both", counters(), COUNTS, 4)
    assert entry["cycles"] == {"total": 20, "load": 7, "wait": 3, "compute": 12, "drain": 5, "stalled": 0,
                               "end_to_end": 27}
    assert entry["lanes"] == dict.fromkeys(CLASSES, 0) | {"multiplying": 4, "gated": 4, "bubble": 72}
    assert entry["utilisation"] == pytest.approx(4 / (4 * 20)) and entry["speedup"] == pytest.approx(10 / (4 * 20))
    assert figures("skip-weights", counters(), COUNTS, 4)["utilisation"] == pytest.approx(6 / 80)
    assert entry["beyond"] == 0 and figures("skip-both", counters(gated=1), COUNTS, 4)["beyond"] == 3
    assert figures("dense", counters(gated=0), COUNTS, 4)["beyond"] == 0
    assert figures("dense", counters(), COUNTS, 4)["utilisation"] == pytest.approx(12 / 80)
    assert figures("gate", counters(), COUNTS, 4)["utilisation"] == pytest.approx(12 / 80)
    assert entry["lanes"].keys() == nothing_measured()["lanes"].keys()
    assert entry.keys() == nothing_measured().keys() and entry["cycles"].keys() == nothing_measured()["cycles"].keys()


def test_no_infinity() -> None:
    assert ratio(1, 0) is None and ratio(float("inf"), 2) is None and ratio(3, 2) == 1.5


def test_rules_hold_for_good_counters() -> None:
    for engine in ("skip-weights", "skip-both"):
        assert broken(engine) == []
    assert broken("gate", multiplications=12, gated=8) == []
    assert broken("dense", multiplications=12, gated=0) == []


def test_an_account_that_does_not_add_up() -> None:
    assert broken("skip-both", slots_drain=1) == [
        "the classes of the multipliers' slots make 81, expected 80: 20 cycles of 4 multipliers"]


@pytest.mark.parametrize(("engine", "more", "text"), [
    ("skip-both", {"wait": 4}, "wait + compute + drain + stalled is 21, expected the total of 20"),
    ("dense", {"multiplications": 12, "gated": 2}, "the dense engine gated 2 multiplications, expected none"),
    ("gate", {"multiplications": 11, "gated": 7}, "11 multiplications, expected the 12 products of the layer"),
    ("skip-both", {"gated": 3}, "multiplications less gated are 8 - 3 = 5, expected the 4 products"),
    ("skip-both", {"stalled": 1, "wait": 2}, "1 cycles are counted as stalled although no stream paused"),
])
def test_each_rule_can_break(engine: str, more: dict[str, int], text: str) -> None:
    assert len(broken(engine, **more)) == 1 and text in broken(engine, **more)[0]


@pytest.mark.parametrize("name", ["total", "multiplications", "gated"])
def test_counters_are_those_of_the_model(name: str) -> None:
    """On the vector engine; with pauses the cycles of the model do not count, products do."""
    found = counters()[name]
    text = f"{name}: the hardware says {found}, the cycle model {found + 1}"
    for engine in ("skip-weights", "skip-both"):
        assert broken(engine, predicted={name: found + 1}) == [text]
        assert broken(engine, stall=0.1, predicted={name: found + 1}) == ([] if name == "total" else [text])
    assert broken("gate", multiplications=12, gated=8, predicted={name: 1}) == []


def test_products_beyond_the_results_are_expected() -> None:
    assert broken("skip-both", predicted={"beyond": 3}, multiplications=11) == []
    (text,) = broken("skip-both", predicted={"beyond": 3})
    assert "8 - 4 = 4, expected the 4 products with both operands non-zero and 3 beyond the results" in text


def test_products_of_rows_that_two_bands_have_are_expected() -> None:
    """Of several maps alone, and never fewer than the layer has."""
    assert broken("skip-both", predicted={"pairs": 6}, maps=2, multiplications=10) == []
    assert len(broken("skip-both", predicted={"pairs": 6}, maps=1, multiplications=10)) == 1
    assert len(broken("skip-both", predicted={"pairs": 3}, maps=2, multiplications=7)) == 1


def test_with_one_position_nothing_may_be_gated() -> None:
    assert broken("skip-both", ONE_POSITION) == [
        "with one position to a vector 4 multiplications were gated, expected none"]
    assert broken("skip-both", ONE_POSITION, multiplications=4, gated=0) == []
    assert broken("skip-weights", ONE_POSITION) == []


def test_stalled_cycles_are_allowed_where_streams_pause() -> None:
    assert broken("skip-both", stall=0.1, stalled=1, wait=2) == []
