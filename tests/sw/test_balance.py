import numpy as np
import pytest

from zerokeep.balance import balance, balance_layer, lane_loads


def test_by_hand():
    """Two lanes of two filters each: 4 + 1 and 2 + 2 weights become 5 and 4, by the smallest of the first lane."""
    weight = np.array([[9, 8, 7, 1], [6, 0.1, 0.2, 0.3], [5, 4, 0.4, 0.5], [5, 4, 0.6, 0.7]])
    mask = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]], bool)
    assert lane_loads(mask, 2).tolist() == [5, 4]
    assert np.array_equal(balance_layer(weight, mask, 2), mask)
    more = mask.copy()
    more[1, 1:3] = True  # 4 + 2 and 3 + 2
    more[0] = [1, 1, 1, 1]
    assert lane_loads(more, 2).tolist() == [6, 5]


@pytest.mark.parametrize("seed", range(10))
def test_as_many_weights_and_lanes_alike(seed):
    """Filters of very different counts: the lanes differ less after, and there are as many weights."""
    generator = np.random.default_rng(seed)
    weight = generator.normal(size=(24, 8, 3, 3)) * generator.lognormal(0, 1, (24, 1, 1, 1))
    mask = np.abs(weight) > np.quantile(np.abs(weight), 0.9)
    found = balance_layer(weight, mask, 4)
    assert found.sum() == mask.sum()
    before, after = np.ptp(lane_loads(mask, 4)), np.ptp(lane_loads(found, 4))
    assert after <= min(before, 6)


def test_some_have_much_to_even_out():
    uneven = 0
    for seed in range(10):
        generator = np.random.default_rng(seed)
        weight = generator.normal(size=(6, 40)) * np.array([30, 1, 1, 1, 1, 1])[:, None]
        mask = np.abs(weight) > np.quantile(np.abs(weight), 0.7)
        found = balance({"a": weight}, {"a": mask}, 2)["a"]
        uneven += np.ptp(lane_loads(mask, 2)) > 5 >= np.ptp(lane_loads(found, 2))
    assert uneven >= 5


def test_a_lane_without_so_many_weights_stays():
    mask = np.ones((3, 4), bool)
    assert np.array_equal(balance_layer(np.ones((3, 4)), mask, 2), mask)
