"""Sizes as parameters of components."""

from __future__ import annotations


def positive(name: str, value: object) -> int:
    """`value`, if it is a positive integer.

    Raises
    ------
    TypeError
        It is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise TypeError(f"{name} must be a positive integer, not {value!r}")
    return value
