"""Tables of carry cells: what `test_cells` and the proofs run, by hand; and addends that do not fit a cell."""

from __future__ import annotations

import pytest

from zeroskip.gateware.primitives.carry_chain import propagate_table


def test_a_table_by_hand():
    """A and B as addends: their difference in every group of four, whatever C and D are."""
    assert propagate_table(lambda a, b, c, d: (a, b)) == 0x6666


def test_addends_whose_carry_the_cell_cannot_tell():
    with pytest.raises(ValueError, match="the carry of these addends does not follow from A and B"):
        propagate_table(lambda a, b, c, d: (c, d))
