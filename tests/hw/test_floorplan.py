"""Sites for block memories: by name, side by side for a lane, in one quarter for a group, each once."""

import json
import re

import pytest

from zeroskip.floorplan import HALF, halves, name_of, plan, write

KINDS = ["iterator.occupancy.0.0", "iterator.pointers.0.0", "walker.lists.0.0",
         *(f"values.bank_{bank}.0.0" for bank in range(4)), *(f"accumulators.results.0.{at}" for at in range(4))]


def lanes(groups, lanes_each):
    return [f"engine.group_{g}.lane_{e}.{kind}" for g in range(groups) for e in range(lanes_each) for kind in KINDS]


BASE = lanes(4, 4) + [f"engine.feature_map.bank_{bank}.0.{at}" for bank in range(4) for at in range(8)]


def test_names_are_those_of_the_chip():
    """As nextpnr 0.11 lists them: four to a block of nine columns, and two columns more in the middle."""
    assert [name_of((0, place)) for place in (0, 1, 4, HALF - 1)] == [
        "X4/Y22/EBR0", "X6/Y22/EBR1", "X13/Y22/EBR0", "X60/Y22/EBR1"]
    assert [name_of((7, place)) for place in (0, HALF - 1)] == ["X120/Y82/EBR3", "X62/Y82/EBR2"]
    assert len({name_of((half, place)) for half in range(8) for place in range(HALF)}) == 208


def test_every_memory_has_a_site_of_its_own():
    sites = plan(reversed(BASE))
    assert set(sites) == set(BASE) and len(set(sites.values())) == len(BASE) == 208
    assert all(0 <= half < 8 and 0 <= place < HALF for half, place in sites.values())


def test_a_lane_lies_in_a_row_with_its_results_inside():
    sites = plan(BASE)
    for g in range(4):
        for e in range(4):
            own = [sites[f"engine.group_{g}.lane_{e}.{kind}"] for kind in KINDS]
            assert len({half for half, _ in own}) == 1 and own[0][0] in halves(g)
            places = [place for _, place in own]
            assert places == list(range(places[0], places[0] + len(KINDS)))


def test_what_is_shared_lies_in_the_middle():
    sites = plan(BASE)
    inside = min(place for cell, (_, place) in sites.items() if "feature_map" in cell)
    assert inside == HALF - 4 > max(place for cell, (_, place) in sites.items() if "lane" in cell)


def test_the_inner_rows_first():
    """Nine for sixteen places: bank 0 of each in the middle of the chip, and both outer rows stay free but for one."""
    banks = [f"engine.{name}.bank_{bank}.0.0" for bank in range(4) for name in ("masks", "feature_map")]
    shared = [*banks, "engine.table"]
    sites = plan(lanes(4, 4) + shared)
    assert {sites[f"engine.{name}.bank_0.0.0"][0] // 2 for name in ("masks", "feature_map")} <= {1, 2}
    assert sum(sites[cell][0] // 2 in (0, 3) for cell in shared) == 1


@pytest.mark.parametrize("cells", [["engine.feature_map.bank_0.0.0"] * 2, lanes(5, 4), lanes(4, 4) + ["a"] * 40])
def test_no_plan_without_lanes_or_without_room(cells):
    assert plan(cells) == {}


@pytest.mark.parametrize(("cells", "count"), [(BASE, 208), (lanes(4, 2), 0)])
def test_written_into_a_netlist_where_memories_are_crowded(tmp_path, cells, count):
    made = {cell: {"type": "DP16KD", "attributes": {}} for cell in cells}
    module = {"attributes": {"top": "00000001"}, "cells": made | {"other": {"type": "LUT4", "attributes": {}}}}
    (tmp_path / "a.json").write_text(json.dumps({"modules": {"lib": {"attributes": {}, "cells": {}}, "top": module}}))
    assert write(tmp_path / "a.json", tmp_path / "b.json") == count
    assert (tmp_path / "b.json").exists() == bool(count)
    if count:
        found = json.loads((tmp_path / "b.json").read_text())["modules"]["top"]["cells"]
        assert all(re.fullmatch(r"X\d+/Y\d+/EBR[0-3]", found[cell]["attributes"]["BEL"]) for cell in cells)
        assert found["other"]["attributes"] == {}
