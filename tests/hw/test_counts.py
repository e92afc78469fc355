"""Counts of a layer's work against loops over every product."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.hw.layers import random_layer

from zeroskip.counts import count
from zeroskip.layer import Layer


def brute(layer: Layer) -> dict[str, int]:
    """One product after the other."""
    counts = dict.fromkeys(("macs", "macs_inside", "pairs", "weight_pairs"), 0)
    data, weight = layer.input4, layer.weight4
    _, _, high, wide = data.shape
    per_out, per_in = layer.filters // layer.groups, layer.channels // layer.groups
    for image, o, oy, ox in np.ndindex(layer.output_shape):
        for i, ky, kx in np.ndindex(weight.shape[1:]):
            y = oy * layer.stride[0] + ky * layer.dilation[0] - layer.padding[0]
            x = ox * layer.stride[1] + kx * layer.dilation[1] - layer.padding[1]
            inside = 0 <= y < high and 0 <= x < wide
            channel = o // per_out * per_in + i
            counts["macs"] += 1
            counts["macs_inside"] += inside
            counts["weight_pairs"] += bool(inside and weight[o, i, ky, kx])
            counts["pairs"] += bool(inside and weight[o, i, ky, kx] and data[image, channel, y, x])
    return counts


LAYERS = {
    "plain": random_layer(1, images=2),
    "padding": random_layer(2, padding=(2, 1), size=(2, 3)),
    "stride": random_layer(3, stride=(2, 3), size=(6, 7), padding=(1, 2)),
    "groups": random_layer(4, groups=3, filters=6, channels=9, kernel=(2, 2), padding=(0, 1)),
    "depthwise": random_layer(5, groups=4, filters=4, channels=4),
    "only padding": random_layer(6, size=(1, 1), kernel=(3, 3), padding=(3, 3)),
    "linear": random_layer(7, linear=True, images=3, channels=11),
    "int8": random_layer(8, dtype=np.int8, output="int8"),
    "no weights": random_layer(9, weights=0.0),
    "no activations": random_layer(10, activations=0.0),
    "no zeros": random_layer(11, weights=1.0, activations=1.0, padding=(1, 1)),
    "unlike": random_layer(12, kernel=(1, 5), size=(3, 4), padding=(0, 2), stride=(2, 1)),
    "dilated": replace(random_layer(14, size=(7, 8), padding=(1, 0), stride=(1, 2)), dilation=(2, 3)),
    "uneven": replace(random_layer(15, size=(4, 5), padding=(2, 0), stride=(2, 1)), padding_end=(0, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_against_loops(name):
    layer = LAYERS[name]
    found = count(layer)
    assert {key: found[key] for key in brute(layer)} == brute(layer)
    assert all(type(found[key]) is int for key in ("macs", "macs_inside", "pairs", "weight_pairs", "non_zeros"))
    assert found["non_zeros"] == sum(1 for value in layer.weight.flat if value)
    assert found["weight_density"] == pytest.approx(found["non_zeros"] / layer.weight.size)
    assert found["activation_density"] == pytest.approx(sum(1 for v in layer.input.flat if v) / layer.input.size)


def test_order():
    """More zeros are fewer pairs; nothing exceeds what contains it."""
    layer = random_layer(13, padding=(1, 1))
    found = count(layer)
    assert found["pairs"] <= found["weight_pairs"] <= found["macs_inside"] <= found["macs"]
    weight = layer.weight.copy()
    weight[tuple(np.argwhere(weight)[0])] = 0
    fewer = count(replace(layer, weight=weight))
    assert fewer["pairs"] <= found["pairs"] and fewer["weight_pairs"] < found["weight_pairs"]
    assert fewer["macs"] == found["macs"] and fewer["non_zeros"] == found["non_zeros"] - 1
