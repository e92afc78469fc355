"""Random layers for the fuzz: any kind, shape, type and density, of a size that runs in some thousand cycles."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zeroskip.layer import OUTPUT_RANGE, Layer, LayerError
from zeroskip.spec.config import EngineConfig

Rng = np.random.Generator
KINDS = ("plain", "plain", "plain", "linear", "grouped", "depthwise", "one pixel")
KERNELS = (1, 1, 2, 3, 3, 3, 4, 5, 6, 7)
STRIDES = (1, 1, 1, 2, 2, 3, 4)
PADDINGS = (0, 0, 1, 1, 2, 3, 4, 5)
CYCLES = 6_000
"""Of multipliers that did every product of the layer."""


def pick(rng: Rng, values: Sequence[Any]) -> Any:
    """One of the values."""
    return values[int(rng.integers(len(values)))]


def a_count(rng: Rng) -> int:
    """Of channels or filters: often one, few, or around the 16 of a word."""
    low, high = pick(rng, ((1, 1), (2, 8), (2, 8), (15, 17), (9, 70)))
    return int(rng.integers(low, high + 1))


def a_density(rng: Rng) -> float:
    """From 0 to 1; both ends are drawn for themselves."""
    return float(pick(rng, (0.0, 1.0, rng.uniform(0, 0.1), rng.uniform(), rng.uniform(), rng.uniform(0.9, 1))))


def values(rng: Rng, shape: tuple[int, ...], kind: type) -> np.ndarray:
    """Numbers that are not zero: over the whole range, with its ends often among them, or the ends alone."""
    info = np.iinfo(kind)
    ends = rng.choice([info.min or 1, info.max], shape)
    any_value = rng.integers(info.min, info.max + 1, shape)
    chosen = np.where(rng.random(shape) < pick(rng, (0.0, 0.2, 1.0)), ends, any_value)
    return np.where(chosen == 0, 1, chosen).astype(kind)


def sparse(rng: Rng, shape: tuple[int, ...], kind: type) -> np.ndarray:
    """An array with zeros at random, and now and then with runs of zeros along one of its axes."""
    array: np.ndarray = np.where(rng.random(shape) < a_density(rng), values(rng, shape, kind), 0).astype(kind)
    if rng.random() < 0.3:
        axis = int(rng.integers(len(shape)))
        first = int(rng.integers(shape[axis]))
        last = int(rng.integers(first, shape[axis])) + 1
        array[(slice(None),) * axis + (slice(first, last),)] = 0
    return array


def shapes(rng: Rng, most: int) -> dict[str, Any]:
    """Shapes of weight and input, stride, padding, groups; at most `most` products."""
    kind = pick(rng, KINDS)
    images, filters, channels, groups = int(rng.integers(1, 4)), a_count(rng), a_count(rng), 1
    if kind == "linear":
        filters, channels = int(rng.integers(1, 150)), int(rng.integers(1, 300))
        images = max(1, min(images, most // (filters * channels)))
        return {"weight": (filters, channels), "input": (images, channels)}
    if kind == "grouped":
        groups = int(rng.integers(2, 5))
        filters, channels = groups * int(rng.integers(1, 13)), groups * int(rng.integers(1, 21))
    elif kind == "depthwise":
        groups = channels = int(rng.integers(1, 40))
        filters = channels * int(rng.integers(1, 3))
    kernel = [int(pick(rng, KERNELS)) for _ in range(2)]
    stride, padding = ([int(pick(rng, own)) for _ in range(2)] for own in (STRIDES, PADDINGS))
    grown = [0, 0] if kind == "one pixel" else [int(v) for v in rng.integers(0, 14, 2)]
    size = [max(1, k - 2 * p) + g for k, p, g in zip(kernel, padding, grown, strict=True)]

    def products() -> int:
        out = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(size, padding, kernel, stride, strict=True)]
        return images * filters * (channels // groups) * math.prod(kernel) * math.prod(out)

    while products() > most and (images > 1 or size != [max(1, k - 2 * p)
                                                        for k, p in zip(kernel, padding, strict=True)]):
        if images > 1 and rng.random() < 0.3:
            images -= 1
        else:
            size = [max(1, k - 2 * p, n - 1) for n, k, p in zip(size, kernel, padding, strict=True)]
    return {"weight": (filters, channels // groups, *kernel), "input": (images, channels, *size),
            "stride": tuple(stride), "padding": tuple(padding), "groups": groups}


def unusual(rng: Rng, layer: Layer) -> Layer:
    """The same with dilation, uneven padding, half to even, where they go."""
    changes: list[dict[str, Any]] = [{"rounding": "even"}] if layer.multiplier is not None else []
    if not layer.is_linear:
        changes += [{"padding_end": tuple(int(v) for v in rng.integers(0, 6, 2))},
                    {"dilation": tuple(int(v) for v in rng.integers(1, 4, 2))}]
    for change in changes:
        if rng.random() < 0.3:
            with contextlib.suppress(LayerError):  # a dilated kernel may be larger than the padded map
                layer = replace(layer, **change)
    return layer


def requantisation(rng: Rng, filters: int, products: float) -> dict[str, Any]:
    """Nothing (sums), factors that use the output's range, or any factors at all; the clamp now and then narrow."""
    if rng.random() < 0.3:
        return {}
    if rng.random() < 0.3:
        multiplier, shift = rng.integers(1, 65536, filters), rng.integers(1, 41, filters)
    else:
        shift = rng.integers(8, 30, filters)
        spread = 5_000.0 * max(1.0, products) ** 0.5
        multiplier = np.clip(2.0**shift * rng.uniform(30, 300, filters) / spread, 1, 65535).astype(np.int64)
    output = pick(rng, ("uint8", "int8"))
    low, high = OUTPUT_RANGE[output]
    if rng.random() < 0.2:
        low, high = (int(v) for v in np.sort(rng.integers(low, high + 1, 2)))
    return {"multiplier": multiplier, "shift": shift, "output_dtype": output, "clamp": (low, high)}


def biases(rng: Rng, weight: np.ndarray, largest: int, acc_width: int) -> np.ndarray:
    """None, some, or as much as the accumulators hold beside the worst case of the products."""
    filters = len(weight)
    room = 2 ** (acc_width - 1) - 1 - np.abs(weight.reshape(filters, -1).astype(np.int64)).sum(axis=1) * largest
    bound = np.minimum(pick(rng, (0, 3_000, 2**31)), np.maximum(room, 0))
    return (rng.choice([-1, 1], filters) * np.where(rng.random(filters) < 0.5, bound, rng.integers(0, bound + 1))
            ).astype(np.int32)


def make_layer(rng: Rng, config: EngineConfig, *, skips: bool) -> Layer:
    """A layer of any kind, larger where zeros cost nothing; whether it fits `config` is the packer's to say."""
    fields = shapes(rng, CYCLES * config.multipliers * (3 if skips else 1))
    kind: type = pick(rng, (np.uint8, np.int8))
    weight, data = sparse(rng, fields.pop("weight"), np.int8), sparse(rng, fields.pop("input"), kind)
    products = np.count_nonzero(weight) / len(weight) * np.count_nonzero(data) / data.size
    bias = biases(rng, weight, 128 if kind is np.int8 else 255, config.acc_width)
    layer = Layer(weight=weight, input=data, bias=bias, **fields, **requantisation(rng, len(weight), products))
    return unusual(rng, layer)
