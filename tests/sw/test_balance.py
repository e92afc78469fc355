import numpy as np
import pytest

from zerokeep.balance import balance, balance_layer, lane_loads, share_filters


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


@pytest.mark.parametrize("lanes", [1, 2, 3, 8])
@pytest.mark.parametrize("filters", [1, 5, 16])
def test_each_filter_in_one_lane(filters, lanes):
    counts = np.random.default_rng([filters, lanes]).integers(0, 99, filters)
    table = share_filters(counts, lanes)
    assert table.shape == (lanes, -(-filters // lanes)) and table.dtype == np.int64
    assert sorted(table[table >= 0].tolist()) == list(range(filters))


def test_the_longest_filter_first_to_the_least_loaded_lane_with_room():
    """9 | 7, then 5 to the second, 4 to the first, 3 to the second (12 < 13), 1 to the first."""
    assert share_filters(np.array([4, 9, 1, 7, 3, 5]), 2).tolist() == [[1, 0, 2], [3, 5, 4]]
    assert share_filters(np.array([9, 1, 1, 1]), 2).tolist() == [[0, 3], [1, 2]], "three do not go into one lane"


@pytest.mark.parametrize("seed", range(10))
def test_lanes_are_level(seed):
    """No lane that has room for one more is longer than another by more than its own last filter."""
    counts = np.random.default_rng(seed).integers(20, 60, 32)
    table = share_filters(counts, 4)
    loads = counts[table].sum(axis=1)
    assert np.ptp(loads) <= counts.max()
