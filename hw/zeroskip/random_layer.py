"""Layers with zeros at random, for figures over the density of zeros."""

from __future__ import annotations

import numpy as np

from zeroskip.layer import Layer


def convolution(filters: int, channels: int, kernel: int, size: int, *, weights: float, activations: float,
                stride: int = 1, images: int = 1, seed: int = 0) -> Layer:
    """A square convolution padded to keep its map's size (over the stride), uint8 results.

    `weights`, `activations`: shares that are not zero, at random. Outputs are scaled so that few are clamped.
    """
    rng = np.random.default_rng(seed)
    weight = rng.integers(-127, 128, (filters, channels, kernel, kernel)).astype(np.int8)
    weight = np.where(weight == 0, 1, weight)
    data = rng.integers(1, 256, (images, channels, size, size)).astype(np.uint8)
    return Layer(weight=keep(rng, weight, weights), input=keep(rng, data, activations), stride=(stride, stride),
                 padding=(kernel // 2, kernel // 2), multiplier=np.full(filters, 3000), shift=np.full(filters, 22))


def linear(filters: int, channels: int, *, weights: float, activations: float, images: int = 1, seed: int = 0) -> Layer:
    """A linear layer with zeros at random, int32 results."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(-127, 128, (filters, channels)).astype(np.int8)
    data = rng.integers(1, 256, (images, channels)).astype(np.uint8)
    return Layer(weight=keep(rng, np.where(weight == 0, 1, weight), weights), input=keep(rng, data, activations))


def keep(rng: np.random.Generator, values: np.ndarray, kept: float) -> np.ndarray:
    """The values with all but about that share of them set to zero."""
    return np.where(rng.random(values.shape) < kept, values, 0).astype(values.dtype)
