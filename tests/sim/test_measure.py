"""Figures from counters, and the rules between them."""

import dataclasses

import numpy as np
import pytest

from cosim.account import CLASSES
from cosim.measure import bounds, broken_rules, figures, longest_stream, nothing_measured, ratio, slots_with_weight
from zeroskip.config import PRESETS
from zeroskip.counts import count
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec.stall_reasons import STALL_REASONS

TINY = PRESETS["tiny"]
ONE_PIXEL = dataclasses.replace(TINY, groups=2, pixels=1)
LAYER = Layer(weight=np.array([[[[1, 0, 2]]]], np.int8), input=np.array([[[[3, 0, 4, 5]]]], np.uint8), padding=(0, 1))
COUNTS = count(LAYER)


def counters(**more: int) -> dict[str, int]:
    values = {"load": 7, "total": 20, "wait": 3, "compute": 12, "drain": 5, "stalled": 0, "multiplications": 8,
              "gated": 8 - COUNTS["pairs"]}
    values = values | more
    idle = 4 * values["total"] - values["multiplications"]
    lost = {f"slots_{name}": 0 for name in STALL_REASONS} | {"slots_bubble": idle}
    return lost | values


def broken(engine: str, config=TINY, stall: float = 0.0, **more: int) -> list[str]:
    return broken_rules(engine, counters(**more), COUNTS, config, LAYER, stall=stall)


def test_counts_of_the_example() -> None:
    assert (COUNTS["macs"], COUNTS["macs_inside"], COUNTS["pairs"], COUNTS["weight_pairs"]) == (12, 10, 4, 6)


def test_bounds() -> None:
    packed = pack(LAYER, TINY, "skip-both")
    least = bounds("skip-both", packed, COUNTS, TINY.multipliers)
    (program,) = packed.programs
    assert least == {"multipliers": 1, "weights": len(program.program), "map": 4, "results": program.result_beats}
    assert bounds("dense", packed, COUNTS, 5)["multipliers"] == 3
    assert longest_stream(least) == f"{len(program.program)} weights"


def test_figures() -> None:
    entry = figures("skip-both", counters(), COUNTS, 4)
    assert entry["cycles"] == {"total": 20, "load": 7, "wait": 3, "compute": 12, "drain": 5, "stalled": 0,
                               "end_to_end": 27}
    assert entry["lanes"] == dict.fromkeys(CLASSES, 0) | {"multiplying": 4, "gated": 4, "bubble": 72}
    assert entry["utilisation"] == pytest.approx(4 / (4 * 20)) and entry["speedup"] == pytest.approx(10 / (4 * 20))
    assert figures("skip-weights", counters(), COUNTS, 4)["utilisation"] == pytest.approx(6 / 80)
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
    ("skip-weights", {"multiplications": 75, "gated": 71}, "75 multiplications are more than the 16 slots"),
    ("skip-both", {"stalled": 1, "wait": 2}, "1 cycles are counted as stalled although no stream paused"),
])
def test_each_rule_can_break(engine: str, more: dict[str, int], text: str) -> None:
    assert len(broken(engine, **more)) == 1 and text in broken(engine, **more)[0]


def test_with_one_pixel_nothing_may_be_gated() -> None:
    assert "with one pixel to a weight 4 multiplications were gated" in broken("skip-both", ONE_PIXEL)[0]
    assert broken("skip-both", ONE_PIXEL, multiplications=4, gated=0) == []


def test_stalled_cycles_are_allowed_where_streams_pause() -> None:
    assert broken("skip-both", stall=0.1, stalled=1, wait=2) == []


def test_slots_reach_over_the_edge_by_less_than_a_block() -> None:
    assert slots_with_weight(LAYER, TINY) == 2 * 4 * 2
    assert slots_with_weight(LAYER, PRESETS["base"]) == 2 * 4 * 16
    linear = Layer(weight=np.array([[1, 0], [2, 3]], np.int8), input=np.ones((5, 2), np.uint8))
    assert slots_with_weight(linear, TINY) == 3 * 10


def test_slots_of_a_layer_that_runs_with_rows_and_columns_exchanged() -> None:
    """Found by the fuzz: one row of three results, run as three rows of one, each in a block of two pixels."""
    layer = Layer(weight=np.array([[[[0], [0], [1]]]], np.int8), input=np.ones((1, 1, 3, 3), np.uint8))
    assert layer.output_shape == (1, 1, 1, 3) and slots_with_weight(layer, TINY) == 6
