"""Shapes that a chip has room for."""

from zeroskip.area import estimate
from zeroskip.fit import CHIPS, fits, shapes


def test_requantisers_are_lean_where_that_is_what_it_takes():
    """128 multipliers and two ways out are on the largest chip with four lean requantisers, and on it alone."""
    found = [own for own in shapes(CHIPS["ecp5-85f"]) if (own.lanes, own.vector, own.look, own.ways) == (8, 16, 2, 2)]
    assert [own.lean for own in found] == [4]
    assert all(own.multipliers < 72 for own in shapes(CHIPS["ecp5-45f"]))


def test_all_fit_and_none_is_lean_for_nothing():
    for name, chip in CHIPS.items():
        found = list(shapes(chip))
        assert found and all(fits(estimate(own), chip) for own in found), name
        assert all(estimate(own).multipliers == chip.multipliers for own in found if own.lean), name
