"""Random layers from a seed, for the tests of the hardware half."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from zeroskip.layer import Layer


def sparse(rng: np.random.Generator, shape: tuple[int, ...], density: float, dtype: Any) -> np.ndarray:
    """Values over the whole range of `dtype`, its ends often among them; about `density` of them are not zero."""
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max + 1, shape)
    ends = rng.choice([info.min, info.max, 1], shape)
    values = np.where(rng.random(shape) < 0.2, ends, values)
    values = np.where(values == 0, 1, values)
    return np.where(rng.random(shape) < density, values, 0).astype(dtype)


def random_layer(seed: Any, *, filters: int = 3, channels: int = 2, kernel: tuple[int, int] = (3, 3),
                 size: tuple[int, int] = (4, 5), images: int = 1, stride: tuple[int, int] = (1, 1),
                 padding: tuple[int, int] = (0, 0), groups: int = 1, weights: float = 0.5, activations: float = 0.5,
                 dtype: Any = np.uint8, output: str | None = "uint8", linear: bool = False) -> Layer:
    """A layer with random contents.

    Parameters
    ----------
    seed
        Anything that ``numpy.random.default_rng`` takes.
    channels
        Input channels of all groups together.
    weights, activations
        Shares of non-zeros.
    output
        Output type; ``None`` for a layer without requantisation. Scales are such that some results are clamped on
        either side and most are not.
    linear
        A linear layer of `channels` and `filters` on `images` images.
    """
    rng = np.random.default_rng(seed)
    inside = channels // groups
    shape = (filters, inside) if linear else (filters, inside, *kernel)
    weight = sparse(rng, shape, weights, np.int8)
    data = sparse(rng, (images, channels) if linear else (images, channels, *size), activations, dtype)
    layer = Layer(weight=weight, input=data, bias=rng.integers(-3000, 3000, filters).astype(np.int32),
                  stride=(1, 1) if linear else stride, padding=(0, 0) if linear else padding, groups=groups)
    if output is None:
        return layer
    shift = rng.integers(14, 28, filters)
    spread = 70.0 * 100.0 * max(1.0, float(np.prod(shape[1:]) * weights * activations)) ** 0.5
    multiplier = np.clip(2.0**shift * rng.uniform(60, 250, filters) / spread, 1, 65535).astype(np.int64)
    return replace(layer, multiplier=multiplier, shift=shift, output_dtype=output, clamp=None)
