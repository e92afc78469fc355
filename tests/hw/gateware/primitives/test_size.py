"""Sizes that are parameters."""

from __future__ import annotations

import pytest

from zeroskip.gateware.primitives.size import positive


def test_a_positive_integer_is_itself():
    assert positive("depth", 3) == 3


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None])
def test_anything_else_is_refused(value):
    with pytest.raises(TypeError, match=f"^depth must be a positive integer, not {value!r}$"):
        positive("depth", value)
