"""Factors of 16 bits in entries of 8, and what a layer becomes."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroskip.compiler import lower
from zeroskip.compiler.lists import factors
from zeroskip.compiler.lower import UnsupportedError
from zeroskip.compiler.network import lowered
from zeroskip.compiler.steps import Map
from zeroskip.layer import Layer
from zeroskip.spec.words import Kind


@given(factor=st.integers(-32768, 65535))
def test_a_factor_is_the_sum_of_its_entries(factor):
    taps = lower.scaled(3, factor)
    assert factors(taps).sum() == factor
    assert (np.abs(taps.weight) <= 128).all() and (taps.weight != 0).all() and len(taps) <= 4


def test_a_filter_becomes_its_weights_that_are_not_zero():
    weight = np.zeros((2, 3, 3, 3), np.int8)
    weight[1, 2, 0, 1], weight[1, 0, 2, 2] = 5, -128
    layer = Layer(weight=weight, padding=(1, 1), dilation=(2, 1))
    node = SimpleNamespace(name="a", op="conv", inputs=("input",), layer=layer, parameters={})
    step = lower.convolution(node, layer, Map(channels=2, rows=4, columns=6), Map(channels=3, rows=6, columns=6))
    empty, own = step.taps
    assert len(empty) == 0
    assert own.channel.tolist() == [0, 2] and own.weight.tolist() == [-128, 5]
    assert own.row.tolist() == [2 * 2 - 1, -1] and own.column.tolist() == [1, 0]
    assert step.raw and set(own.kind) == {Kind.ADD}


def test_grouped_filters_read_their_own_channels():
    layer = Layer(weight=np.ones((4, 1, 1, 1), np.int8), groups=4)
    node = SimpleNamespace(name="a", op="conv", inputs=("input",), layer=layer, parameters={})
    one = Map(channels=4, rows=2, columns=2)
    step = lower.convolution(node, layer, one, one)
    assert [int(taps.channel[0]) for taps in step.taps] == [0, 1, 2, 3]


def test_an_unknown_step_is_named():
    node = SimpleNamespace(name="gate", op="softmax", inputs=("input",), layer=None, parameters={})
    network = SimpleNamespace(steps=[node], shapes=lambda: {"input": (1,), "gate": (1,)},
                              dtypes=lambda: {"input": "uint8", "gate": "uint8"})
    with pytest.raises(UnsupportedError, match="step 'gate': the array has no 'softmax'"):
        lowered(network)
