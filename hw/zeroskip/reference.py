"""THE integer reference: what every engine, the scoreboard and the quantised model must equal bit for bit."""

from __future__ import annotations

import numpy as np

from zeroskip.layer import Layer

EXACT_IN_FLOAT32 = 1 << 24
LARGEST_INPUT = 255
"""The largest magnitude of a code, uint8 or int8."""


def largest_sum(layer: Layer) -> int:
    """What no sum of products of the layer, or of some of them, exceeds in magnitude, whatever its input."""
    weights = np.abs(layer.weight.astype(np.int64)).reshape(layer.filters, -1).sum(axis=1)
    return int(weights.max()) * LARGEST_INPUT


def accumulate(layer: Layer) -> np.ndarray:
    """Exact sums with bias: int64 (N, O, OH, OW), or (N, O) for a linear layer.

    The products are summed in floats, which is exact: no sum on the way reaches 2**24 in float32, nor 2**53 in float64.
    """
    count, filters, height, width = layer.output_shape
    (kh, kw), (sy, sx), (py, px) = layer.kernel, layer.stride, layer.padding
    kind = np.float32 if largest_sum(layer) < EXACT_IN_FLOAT32 else np.float64
    weight = layer.weight4.reshape(layer.groups, filters // layer.groups, -1).astype(kind)
    padded = np.pad(layer.input4, ((0, 0), (0, 0), (py, py), (px, px)))
    columns = np.empty((layer.channels, kh * kw, height, width), kind)
    out = np.empty((count, filters, height, width), np.int64)
    for image in range(count):
        for tap, (y, x) in enumerate(np.ndindex(kh, kw)):
            columns[:, tap] = padded[image, :, y : y + height * sy : sy, x : x + width * sx : sx][:, :height, :width]
        sums = weight @ columns.reshape(layer.groups, -1, height * width)
        out[image] = sums.reshape(filters, height, width)
    out += np.asarray(layer.bias, np.int64)[None, :, None, None]
    return out[:, :, 0, 0] if layer.is_linear else out


def requantise(acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, lo: int, hi: int) -> np.ndarray:
    """``clamp((acc * multiplier + (1 << (shift - 1))) >> shift, lo, hi)``, int64, per channel on axis 1.

    One rounding, half up; ``>>`` is arithmetic. ``acc`` is below 2**46 in magnitude, so that nothing overflows.
    """
    shape = (1, -1) + (1,) * (acc.ndim - 2)
    scale = np.asarray(multiplier, np.int64).reshape(shape)
    places = np.asarray(shift, np.int64).reshape(shape)
    scaled = acc.astype(np.int64) * scale + (np.int64(1) << (places - 1))
    return np.clip(scaled >> places, lo, hi)


def run(layer: Layer) -> np.ndarray:
    """The layer's result: its output type, or int32 accumulators where it has no requantisation."""
    acc = accumulate(layer)
    if layer.multiplier is None or layer.shift is None:
        return acc.astype(np.int32)
    assert layer.clamp is not None
    return requantise(acc, layer.multiplier, layer.shift, *layer.clamp).astype(layer.output_dtype)
