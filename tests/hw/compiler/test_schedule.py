"""Rings of parts, and the barriers that let parts come."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zeroskip.compiler.schedule import MOST_FREE, Ring, credits, interval, ring
from zeroskip.spec.program import MOST_PARTS


def used_by(own: Ring, places: range) -> list[int]:
    """The stretches whose words lie in any of these places."""
    return [number for number, (size, at) in enumerate(zip(own.sizes, own.places, strict=True))
            if size and at < places.stop and places.start < at + size]


@settings(deadline=None, max_examples=300)
@given(sizes=st.lists(st.integers(0, 12), min_size=1, max_size=30), length=st.integers(8, 40))
def test_no_part_comes_before_its_place_is_free(sizes, length):
    own = ring(sizes, 5, 5 + length)
    if max(sizes) > length:
        assert own is None
        return
    assert all(5 <= at and at + size <= 5 + length for size, at in zip(own.sizes, own.places, strict=True))
    barriers = credits([own])
    assert barriers is not None
    count = len(sizes)
    for number, since in enumerate(barriers):
        assert (since is None) == (not sizes[number])
        if since is None:
            continue
        assert -count < since <= number
        places = range(own.places[number], own.places[number] + sizes[number])
        for other in used_by(own, places):  # the last time that it is used before this stretch
            assert other + 1 - (0 if other < number else count) <= since


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 3), min_size=20, max_size=60), length=st.integers(30, 200))
@example(sizes=[1] * 40, length=40)
@example(sizes=[30, *[1] * 12, *[0] * 12], length=30)
def test_parts_come_in_order_and_never_too_many(sizes, length):
    count = len(sizes)
    barriers = credits([ring(sizes, 0, length)])
    given_at = [since + count * image for image in range(4) for since in barriers if since is not None]
    waits = [number + count * image for image in range(4) for number, since in enumerate(barriers) if since is not None]
    assert given_at == sorted(given_at)
    for barrier in range(4 * count):
        under_way = sum(since <= barrier for since in given_at) - sum(at <= barrier for at in waits)
        assert under_way <= MOST_PARTS
    counts = np.bincount([own % count for own in barriers if own is not None], minlength=1)
    assert counts.max(initial=0) <= MOST_FREE


def test_instructions_come_a_stretch_ahead_or_not_at_all():
    assert credits([ring([6, 6, 6], 0, 18, early=True)]) == [-2, -1, 0]
    assert credits([ring([6, 6, 6], 0, 6, early=True)]) is None
    assert credits([ring([6, 6, 6], 0, 6)]) == [0, 1, 2]


@pytest.mark.parametrize(("loads", "barriers", "cycles"), [
    ([0, 0], [None, None], 300 + 2 * 50),  # nothing comes
    ([40, 60], [-1, 0], 300 + 2 * 50),  # all comes while something else is at work
    ([40, 60], [0, 1], 300 + 2 * 50 + 100),  # all waits
    ([500, 500], [-1, 0], 1000),  # what comes takes longer
])
def test_the_time_of_a_map(loads, barriers, cycles):
    assert interval([100, 200], loads, barriers) == cycles
