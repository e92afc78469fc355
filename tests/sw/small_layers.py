"""Layers and networks of a few filters, for the verbs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from zerokeep import model_folder
from zerokeep.network import Network, Step
from zeroskip.layer import Layer


def convolution(**more: Any) -> Layer:
    """Two images, half of whose codes are zero; 40 % of the weights are not."""
    rng = np.random.default_rng(0)
    weight = (rng.integers(-128, 128, (5, 3, 3, 3)) * (rng.random((5, 3, 3, 3)) < 0.4)).astype(np.int8)
    data = (rng.integers(0, 256, (2, 3, 6, 5)) * (rng.random((2, 3, 6, 5)) < 0.5)).astype(np.uint8)
    return Layer(weight=weight, input=data, padding=(1, 1), multiplier=np.full(5, 40000), shift=np.full(5, 22), **more)


def linear() -> Layer:
    """Three images, signed; the answer is sums."""
    rng = np.random.default_rng(1)
    return Layer(weight=rng.integers(-9, 9, (4, 20)).astype(np.int8),
                 input=rng.integers(-128, 128, (3, 20)).astype(np.int8), bias=np.arange(4, dtype=np.int32))


def drop_a_weight(layer: Layer) -> Layer:
    """The layer without one of its non-zero weights: a deliberate fault of the hardware's lists."""
    weight = layer.weight.copy()
    places = np.argwhere(weight)
    weight[tuple(places[len(places) // 2])] = 0
    return dataclasses.replace(layer, weight=weight)


def small_network(**more: Any) -> Network:
    """A convolution, a pooling and a linear layer, on images of 28 x 28."""
    rng = np.random.default_rng(2)
    conv = Layer(weight=rng.integers(-9, 10, (3, 1, 3, 3)).astype(np.int8), stride=(2, 2), padding=(1, 1),
                 multiplier=np.full(3, 30000), shift=np.full(3, 20))
    last = Layer(weight=rng.integers(-9, 10, (10, 12)).astype(np.int8))
    steps = (
        Step(name="conv1", op="conv", inputs=("input",), scale=1.0, layer=conv),
        Step(name="pool", op="maxpool", inputs=("conv1",), scale=1.0, parameters={"kernel": [7, 7], "stride": [7, 7]}),
        Step(name="flat", op="flatten", inputs=("pool",), scale=1.0),
        Step(name="last", op="linear", inputs=("flat",), scale=1.0, layer=last),
    )
    return Network(name="test", input_shape=(1, 28, 28), input_scale=1.0, steps=steps, **more)


def saved(folder: Path, network: Network) -> Path:
    """The folder, with the network in it."""
    model_folder.write(folder, network, b"onnx", {})
    return folder
