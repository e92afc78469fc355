"""Squares of pooling, and the fields of the way out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroskip.compiler.steps import Pooling


def counted(pooling: Pooling, positions: int, pitch: int) -> int:
    """Value after value, as the hardware counts: a value leaves with the last column of its square."""
    left = 0
    for position in range(positions):
        row, column = divmod(position, pitch)
        at = pooling.window - 1 if pooling.largest else 0
        left += row % pooling.window == at and column % pooling.window == pooling.window - 1
    return left


@given(window=st.integers(1, 4), squares=st.integers(1, 6), positions=st.integers(0, 200), largest=st.booleans())
def test_squares_are_counted_as_values_leave(window, squares, positions, largest):
    pooling = Pooling(window=window, largest=largest)
    assert pooling.squares(positions, window * squares) == counted(pooling, positions, window * squares)


@pytest.mark.parametrize(("size", "window", "largest", "left"), [(7, 2, True, 3), (7, 2, False, 4), (6, 3, True, 2),
                                                                  (1, 3, False, 1), (2, 3, True, 0)])
def test_rows_that_are_left(size, window, largest, left):
    assert Pooling(window=window, largest=largest).left(size) == left
    assert len(np.arange(size)[::window]) >= left
