import numpy as np
import pytest

from zerokeep.counts import layer_counts, totals
from zerokeep.network import Network, Step
from zeroskip.layer import Layer


def test_counts():
    conv = np.zeros((2, 1, 2, 2), np.int8)
    conv[0, 0] = [[1, 0], [-2, 3]]
    linear = np.ones((3, 2), np.int8)
    network = Network(
        name="n", input_shape=(1, 2, 2), input_scale=1.0,
        steps=(
            Step(name="c", op="conv", inputs=("input",), scale=1.0, layer=Layer(weight=conv)),
            Step(name="f", op="flatten", inputs=("c",), scale=1.0),
            Step(name="l", op="linear", inputs=("f",), scale=1.0, layer=Layer(weight=linear)),
        ),
    )  # fmt: skip
    rows = layer_counts(network, {"c": (4, 1, 2, 2), "l": (3, 4)})
    assert rows[0] == {
        "name": "c", "op": "conv", "filters": 2, "filters_before": 4, "weights": 8, "weights_before": 16,
        "nonzero": 3, "nzer": 3 / 8, "nzer_orig": 3 / 16,
    }  # fmt: skip
    total = totals(rows)
    assert total["filters_removed"] == 0.5
    assert (total["filters"], total["filters_before"]) == (2, 4)
    assert total["nzer"] == pytest.approx(9 / 14)
    assert total["nzer_orig"] == pytest.approx(9 / 28)
