import numpy as np
import pytest

from zerokeep import recipe
from zerokeep.thresholds import THRESHOLDS, Ranking, at_ratio, lamp, places

WEIGHTS = {
    "a": np.array([[3.0, -1.0], [0.5, -4.0]]),
    "b": np.array([[30.0, -10.0], [5.0, -40.0]]),
}
NO_COSTS: dict[str, np.ndarray] = {}


def kept(name, ratio, costs=NO_COSTS, limits=None, weights=WEIGHTS):
    threshold = THRESHOLDS[name]
    masks = at_ratio(threshold, threshold.scores(weights, costs, limits or {}), ratio)
    return {layer: mask.astype(int).tolist() for layer, mask in masks.items()}


def test_the_same_share_of_each_layer():
    assert kept("layer", 0.5) == {"a": [[1, 0], [0, 1]], "b": [[1, 0], [0, 1]]}
    assert kept("layer", 0.0) == {"a": [[1, 1], [1, 1]], "b": [[1, 1], [1, 1]]}
    assert kept("layer", 1.0) == {"a": [[0, 0], [0, 0]], "b": [[0, 0], [0, 0]]}


def test_a_layer_with_a_limit():
    assert kept("layer", 0.75, limits={"a": 0.25}) == {"a": [[1, 1], [0, 1]], "b": [[0, 0], [0, 1]]}
    assert kept("layer", 0.1, limits={"a": 0.25})["a"] == [[1, 1], [1, 1]]


def test_equal_magnitudes_still_hit_the_ratio():
    masks = at_ratio(THRESHOLDS["layer"], {"a": places(np.ones((4, 25)))}, 0.37)
    assert int((~masks["a"]).sum()) == 37


def test_the_network_as_a_whole_does_not_mind_the_size_of_a_layer():
    """LAMP of a: 9/25, 1/26.25, ...: the same as of b, which is ten times as large."""
    assert kept("global", 0.5) == {"a": [[1, 0], [0, 1]], "b": [[1, 0], [0, 1]]}
    np.testing.assert_allclose(lamp(WEIGHTS["a"]), lamp(WEIGHTS["b"]))


def test_lamp_by_hand():
    squares = [9, 1, 0.25, 16]
    rest = {16: 16, 9: 25, 1: 26, 0.25: 26.25}
    np.testing.assert_allclose(lamp(WEIGHTS["a"]).ravel(), [square / rest[square] for square in squares])
    assert lamp(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]


def test_a_multiple_of_the_deviation():
    spread = WEIGHTS["a"].std()
    assert 0.5 < 0.3 * spread < 1.0 < 3.0 < 1.2 * spread < 4.0
    assert kept("deviation", 0.3) == {"a": [[1, 1], [0, 1]], "b": [[1, 1], [0, 1]]}
    assert kept("deviation", 1.2) == {"a": [[0, 0], [0, 1]], "b": [[0, 0], [0, 1]]}


def test_cycles_take_zeros_where_a_weight_costs_more():
    """Equal layers, but a weight of b costs ten times as many cycles: three zeros of four go there."""
    costs = {"a": np.array([[1.0, 1.0]]), "b": np.array([[10.0, 10.0]])}
    found = kept("cycles", 0.5, costs)
    assert sum(map(sum, found["a"])) > sum(map(sum, found["b"]))
    by_channel = kept("cycles", 0.25, {"a": np.array([[1.0, 1000.0]]), "b": np.array([[1.0, 1000.0]])})
    assert by_channel == {"a": [[1, 0], [1, 1]], "b": [[1, 0], [1, 1]]}


@pytest.mark.parametrize("count", range(9))
def test_a_ranking_keeps_as_many_as_asked(count):
    masks = Ranking(THRESHOLDS["global"].scores(WEIGHTS, NO_COSTS, {})).best(count)
    assert sum(int(mask.sum()) for mask in masks.values()) == count


def test_the_recipe_names_every_one():
    assert list(recipe.THRESHOLDS) == list(THRESHOLDS)
