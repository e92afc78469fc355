"""Free parameters, and what is derived from them."""

from __future__ import annotations

import re

import pytest

from zeroskip.config import PRESETS
from zeroskip.free_config import free_config

BASE = PRESETS["base"]


def test_nothing_given_is_the_preset():
    assert free_config(BASE, {}) == BASE
    assert free_config(BASE, {"groups": 4, "lanes": 4, "pixels": 4}) == BASE


@pytest.mark.parametrize("given,units,dense", [
    ({"groups": 8, "lanes": 4, "pixels": 4}, 4, (16, 8)), ({"groups": 16, "lanes": 4, "pixels": 1}, 16, (8, 8)),
    ({"groups": 1, "lanes": 2, "pixels": 2}, 1, (2, 2)), ({"lanes": 2}, 4, (8, 4)), ({"pixels": 8}, 2, (16, 8)),
    ({"groups": 1, "lanes": 1, "pixels": 1}, 1, (1, 1)), ({"groups": 2, "output_units": 1}, 1, (8, 4)),
    ({"lanes": 2, "dense_filters": 16}, 4, (16, 2)), ({"lanes": 2, "dense_pixels": 2}, 4, (16, 2)),
])
def test_derived(given, units, dense):
    made = free_config(BASE, given)
    assert (made.output_units, (made.dense_filters, made.dense_pixels)) == (units, dense)
    assert all(getattr(made, name) == value for name, value in given.items())
    assert made.list_entries == BASE.list_entries


def test_other_parameters_leave_the_shape():
    made = free_config(BASE, {"queue_words": 8})
    assert made.queue_words == 8 and (made.output_units, made.dense_filters) == (BASE.output_units, BASE.dense_filters)


@pytest.mark.parametrize("given,error,text", [
    ({"groups": 3}, ValueError, ("groups * lanes * pixels is 48 multipliers; a dense array of that size has 1 to 16 "
                                 "filters and 1 to 8 pixels, both powers of two")),
    ({"groups": 32}, ValueError, "groups * lanes * pixels is 512 multipliers"),
    ({"groups": 0}, TypeError, "groups must be a positive integer, not 0"),
    ({"groups": -4}, TypeError, "groups must be a positive integer, not -4"),
    ({"queue_words": 64}, ValueError, "queue_words must be in 2..32, not 64"),
    ({"groups": 8, "output_units": 3}, ValueError, "output_units must divide the 8 groups, not 3"),
    ({"pixels": 3, "lanes": 4}, ValueError, "groups * lanes * pixels is 48 multipliers"),
])
def test_refusals(given, error, text):
    with pytest.raises(error, match=f"^{re.escape(text)}"):
        free_config(BASE, given)
