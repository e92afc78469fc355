"""Random layers from a seed, and small configurations, for the tests of the hardware half."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from zeroskip.arrangement import arrangements
from zeroskip.compiler.packed import PackError
from zeroskip.config import ArrayConfig
from zeroskip.layer import Layer
from zeroskip.plan import Plan, make_plan


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


def small_config(groups: int = 1, lanes: int = 1, pixels: int = 1, *, units: int = 1, **changes: int) -> ArrayConfig:
    """A configuration with small memories, quick to simulate."""
    settings = {
        "groups": groups, "lanes": lanes, "pixels": pixels, "output_units": units,
        "dense_filters": groups * lanes * pixels, "dense_pixels": 1, "lane_filters": 8, "queue_words": 4,
        "value_positions": 64, "result_rows": 32, "map_positions": 256, "windows": 128, "words": 32,
        "list_entries": 256, "dense_weights": 64,
    }
    return ArrayConfig(**(settings | changes))


def some_plan(layer: Layer, config: ArrayConfig, number: int, skip: bool) -> Plan:
    """The arrangement of that number or the next that fits, every other one with rows and columns exchanged."""
    ways = arrangements(config.groups, config.pixels)
    turned = number % 2 == 1
    for way in (ways + ways)[number % len(ways) :]:
        try:
            return make_plan(layer.transposed() if turned else layer, config, way, skip_activations=skip,
                             transposed=turned)
        except PackError:
            continue
    raise AssertionError("no arrangement fits")


def result_row(rows: int, lane_filters: int, slot: int, index: int) -> int:
    """Row of a lane's result memory where a filter's sums lie: of twice as many slots the second half lies between."""
    upper, slot = divmod(slot, rows // lane_filters)
    return slot * lane_filters + upper * (lane_filters // 2) + index
