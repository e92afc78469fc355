"""Which filters go, by hand: a network of one convolution with five filters of four weights."""

import numpy as np
import pytest

from zerokeep.criteria import CRITERIA
from zerokeep.criteria.criterion import lowest

HAND = np.array([
    [6, 0, 0, 0],  # 3 zeros, L1 6
    [1, 1, 1, 1],  # 0 zeros, L1 4
    [9, 0, 0, 9],  # 2 zeros, L1 18
    [2, 1, 0, 7],  # 1 zero, L1 10
    [0, 0, 3, -4],  # 2 zeros, L1 7
], float)  # fmt: skip


def went(criterion: str, count: int, seed: int = 0) -> list[int]:
    rank = CRITERIA[criterion].rank
    assert rank is not None
    return lowest(rank(HAND, np.random.default_rng(seed)), count)


@pytest.mark.parametrize(
    ("criterion", "order"),
    [
        ("zero-keep", [1, 3, 2, 4, 0]),
        ("zero-keep-balanced", [1, 3, 2, 4, 0]),
        ("zero-keep-cycles", [1, 3, 2, 4, 0]),
        ("most-zeros", [0, 2, 4, 3, 1]),
        ("l1", [1, 0, 4, 3, 2]),
        ("filters-only", [1, 0, 4, 3, 2]),
        # distances to all others: 26.8, 24.6, 43.1, 31.3, 33.2
        ("fpgm", [1, 0, 3, 4, 2]),
    ],
)
def test_which_filters_go(criterion, order):
    for count in range(5):
        assert went(criterion, count) == sorted(order[:count])


def test_geometric_median_is_the_sum_of_distances():
    rank = CRITERIA["fpgm"].rank
    assert rank is not None
    found = rank(HAND, np.random.default_rng(0))
    by_hand = [sum(np.linalg.norm(one - other) for other in HAND) for one in HAND]
    np.testing.assert_allclose(found, by_hand)


def test_random_filters_come_from_the_seed():
    drawn = [tuple(went("random", 2, seed)) for seed in range(40)]
    assert drawn == [tuple(went("random", 2, seed)) for seed in range(40)]
    assert len(set(drawn)) == 10
    assert all(len(set(pair)) == 2 for pair in drawn)


def test_what_else_sets_them_apart():
    assert [name for name, own in CRITERIA.items() if own.rank is None] == ["zeros-only"]
    assert [name for name, own in CRITERIA.items() if not own.zeros] == ["filters-only"]
    assert [name for name, own in CRITERIA.items() if own.balanced] == ["zero-keep-balanced"]
    assert {name: own.threshold for name, own in CRITERIA.items() if own.threshold} == {"zero-keep-cycles": "cycles"}
