"""Convolutions with zeros at random, for the benchmarks."""

from __future__ import annotations

import numpy as np

from zeroskip.layer import Layer


def convolution(filters: int, channels: int, kernel: int, size: int, *, weights: float, activations: float,
                images: int = 1, seed: int = 0) -> Layer:
    """A layer of stride 1 whose result is as large as its map.

    Parameters
    ----------
    filters, channels, kernel, size, images
        Of a square kernel and map.
    weights, activations
        Shares that are not zero.
    seed
        Of the values and of where the zeros are.
    """
    rng = np.random.default_rng(seed)
    weight = rng.integers(1, 128, (filters, channels, kernel, kernel)) * rng.choice([-1, 1], (filters, channels, kernel,
                                                                                              kernel))
    data = rng.integers(1, 256, (images, channels, size, size))
    return Layer(weight=np.where(rng.random(weight.shape) < weights, weight, 0).astype(np.int8),
                 input=np.where(rng.random(data.shape) < activations, data, 0).astype(np.uint8),
                 padding=(kernel // 2, kernel // 2), multiplier=np.full(filters, 3000), shift=np.full(filters, 22))
