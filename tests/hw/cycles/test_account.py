"""Products that count, those that meet a zero, and those beyond the results; against counts from the data."""

from dataclasses import replace

import numpy as np
import pytest
from tests.hw.cycles.programs import SINGLE, TWO, layer_program
from tests.hw.layers import random_layer

from zeroskip.cycles import model
from zeroskip.cycles.account import CLASSES, account, columns


def pairs_of(layer):
    """Products of a weight and an activation that are both not zero."""
    (py, px), (sy, sx) = layer.padding, layer.stride
    x = np.pad(layer.input4 != 0, ((0, 0), (0, 0), (py, py), (px, px))).astype(np.int64)
    _, _, rows, cols = layer.output_shape
    weight = (layer.weight4 != 0).astype(np.int64)
    total = 0
    for y in range(weight.shape[2]):
        for c in range(weight.shape[3]):
            window = x[:, :, y:y + sy * rows:sy, c:c + sx * cols:sx][:, :, :rows, :cols]
            total += int(np.einsum("oi,nirc->", weight[:, :, y, c], window))
    return total


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_pairs_are_those_of_the_data(look, seed):
    layer = random_layer(seed, filters=5, channels=3, size=(6, 9), images=2, padding=(1, seed % 2), activations=0.5,
                         stride=(1, 1), output="uint8" if seed % 3 else None)
    program, beats, steps = layer_program(TWO, layer, look=look)
    run = model.run(TWO, program.beats(), beats, columns(steps))
    found = account(run, TWO.vector)
    assert found.pairs == pairs_of(layer)
    assert found.beyond >= 0
    assert found.multiplications - found.gated == found.pairs + found.beyond
    assert found.total == run.total * TWO.lanes == sum(found.cycles.values())
    assert list(found.cycles) == list(CLASSES)


def test_a_single_position_that_is_looked_at_is_never_gated():
    config = replace(SINGLE, map_words=4096, list_words=4096)
    layer = random_layer(2, filters=4, channels=3, size=(5, 6), padding=(1, 1), activations=0.4)
    program, beats, steps = layer_program(config, layer, look=True)
    found = account(model.run(config, program.beats(), beats, columns(steps)), 1)
    assert found.gated == 0 and found.pairs == pairs_of(layer)


def test_skipping_weights_issues_one_entry_for_each_weight_and_vector():
    layer = random_layer(4, filters=4, channels=2, size=(4, 8), kernel=(1, 1))
    program, beats, _ = layer_program(TWO, layer, look=False)
    found = account(model.run(TWO, program.beats(), beats), TWO.vector)
    vectors = -(-4 * 8 // TWO.vector)
    assert found.multiplications == np.count_nonzero(layer.weight) * vectors * TWO.vector
