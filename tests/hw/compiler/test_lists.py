"""Sums are bounded by a filter's own weights and bias, and by the range of its activations."""

import numpy as np
import pytest

from zeroskip.compiler.layers import pack_vector
from zeroskip.compiler.packed import PackError
from zeroskip.layer import Layer
from zeroskip.spec.config import PRESETS

CONFIG = PRESETS["tiny"]
WEIGHT = 127


@pytest.mark.parametrize(("kind", "largest"), [(np.int8, 128), (np.uint8, 255)])
def test_the_largest_sum_is_taken_and_one_more_is_not(kind, largest):
    room = (1 << CONFIG.acc_width - 1) - 1 - WEIGHT * largest

    def pack(bias):
        weight = np.full((1, 1, 1, 1), WEIGHT, np.int8)
        return pack_vector(Layer(weight=weight, input=np.ones((1, 1, 2, 2), kind), bias=np.array([bias], np.int32)),
                           CONFIG, look=False)

    assert len(pack(room).programs) == 1
    with pytest.raises(PackError, match=r"sums may reach 134217728, 28 bits hold less .*acc_width = 30 would do"):
        pack(room + 1)
