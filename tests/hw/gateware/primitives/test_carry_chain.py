"""Tables of carry cells: what `test_cells` and the proofs run, by hand; and addends that do not fit a cell."""

from __future__ import annotations

import pytest

from zeroskip.gateware.primitives.carry_chain import propagate_table


def test_a_table_by_hand():
    """A, and B or D as C says: A where C and D are low, its opposite where D alone is high, else whether A differs."""
    assert propagate_table(lambda a, b, c, d: (a, b if c else d)) == 0x656A


@pytest.mark.parametrize("addends", [lambda a, b, c, d: (a, b), lambda a, b, c, d: (c, d)])
def test_addends_whose_carry_the_cell_cannot_tell(addends):
    """Of A and B, both high, the cell passes nothing on where C and D are low; of C and D it knows nothing."""
    with pytest.raises(ValueError, match="the carry of these addends does not follow from A and B"):
        propagate_table(addends)
