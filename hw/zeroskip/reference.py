"""THE integer reference: what every engine, the scoreboard and the quantised model must equal bit for bit."""

from __future__ import annotations

import numpy as np

from zeroskip.layer import Layer


def patches(layer: Layer) -> np.ndarray:
    """The input's patches, padded with zeros: (N, OH, OW, I, KH, KW), a read-only view on a padded copy."""
    (kh, kw), (sy, sx), (py, px) = layer.kernel, layer.stride, layer.padding
    padded = np.pad(layer.input4, ((0, 0), (0, 0), (py, py), (px, px)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), axis=(2, 3))[:, :, ::sy, ::sx]
    return windows.transpose(0, 2, 3, 1, 4, 5)


def accumulate(layer: Layer) -> np.ndarray:
    """Exact sums with bias: int64 (N, O, OH, OW), or (N, O) for a linear layer.

    The products are summed in float64, exact because a sum of integers below 2**53 is.
    """
    count, filters, height, width = layer.output_shape
    columns = patches(layer)
    group_in, group_out = layer.channels // layer.groups, filters // layer.groups
    out = np.empty((count, filters, height, width), np.int64)
    for group in range(layer.groups):
        own = slice(group * group_out, (group + 1) * group_out)
        weight = layer.weight4[own].reshape(group_out, -1).astype(np.float64)
        part = columns[:, :, :, group * group_in : (group + 1) * group_in]
        for image in range(count):
            matrix = part[image].reshape(height * width, -1).astype(np.float64)
            out[image, own] = (weight @ matrix.T).astype(np.int64).reshape(group_out, height, width)
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
