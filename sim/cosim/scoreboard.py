"""What came back against the integer reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHOWN = 3
"""Differing positions that a message names."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How many values differ, and the first of them in words."""

    mismatches: int
    text: str

    @property
    def exact(self) -> bool:
        """Whether nothing differs."""
        return self.mismatches == 0


def compare(expected: np.ndarray, found: np.ndarray) -> Comparison:
    """Compare an answer with the reference; positions are (image, filter, row, column), or (image, filter).

    >>> compare(np.array([[1, 2]]), np.array([[1, 3]])).text
    '1 of 2 values differ: [0, 1] is 3, expected 2'
    """
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return Comparison(mismatches=expected.size, text=f"found {found.dtype} {found.shape}, expected "
                                                         f"{expected.dtype} {expected.shape}")
    places = np.argwhere(found != expected)
    first = [f"{place.tolist()} is {found[tuple(place)]}, expected {expected[tuple(place)]}"
             for place in places[:SHOWN]]
    text = f"{len(places)} of {expected.size} values differ: {'; '.join(first)}" if len(places) else ""
    return Comparison(mismatches=len(places), text=text)
