"""Comparison with the reference, and its words."""

import numpy as np

from cosim.scoreboard import compare


def test_equal() -> None:
    same = np.arange(6, dtype=np.uint8).reshape(1, 2, 1, 3)
    assert compare(same, same.copy()).exact and compare(same, same.copy()).text == ""


def test_names_the_first_differing_positions() -> None:
    expected = np.zeros((2, 3, 2, 2), np.int8)
    found = expected.copy()
    found[0, 1, 1, 0], found[1, 0, 0, 0], found[1, 2, 1, 1], found[1, 2, 0, 1] = 5, -6, 7, 8
    comparison = compare(expected, found)
    assert comparison.mismatches == 4 and not comparison.exact
    assert comparison.text == ("4 of 24 values differ: [0, 1, 1, 0] is 5, expected 0; [1, 0, 0, 0] is -6, expected 0; "
                               "[1, 2, 0, 1] is 8, expected 0")


def test_another_shape_or_type_is_wrong_everywhere() -> None:
    expected = np.zeros((2, 3), np.int32)
    assert compare(expected, np.zeros((3, 2), np.int32)).mismatches == 6
    comparison = compare(expected, np.zeros((2, 3), np.uint8))
    assert comparison.mismatches == 6 and comparison.text == "found uint8 (2, 3), expected int32 (2, 3)"
