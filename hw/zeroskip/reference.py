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
    (kh, kw), (sy, sx), (dy, dx) = layer.kernel, layer.stride, layer.dilation
    kind = np.float32 if largest_sum(layer) < EXACT_IN_FLOAT32 else np.float64
    weight = layer.weight4.reshape(layer.groups, filters // layer.groups, -1).astype(kind)
    padded = np.pad(layer.input4, ((0, 0), (0, 0), *layer.pads))
    columns = np.empty((layer.channels, kh * kw, height, width), kind)
    out = np.empty((count, filters, height, width), np.int64)
    for image in range(count):
        for tap, (y, x) in enumerate(np.ndindex(kh, kw)):
            seen = padded[image, :, y * dy :: sy, x * dx :: sx]
            columns[:, tap] = seen[:, :height, :width]
        sums = weight @ columns.reshape(layer.groups, -1, height * width)
        out[image] = sums.reshape(filters, height, width)
    out += np.asarray(layer.bias, np.int64)[None, :, None, None]
    return out[:, :, 0, 0] if layer.is_linear else out


def round_shift(scaled: np.ndarray, shift: np.ndarray | int, rounding: str = "up") -> np.ndarray:
    """``scaled / 2**shift`` as the nearest integer, int64, exactly; `rounding` says where a half goes.

    ``"up"``, to the larger integer: ``(scaled + (1 << (shift - 1))) >> shift``. ``"even"``, to the even one:
    ``(scaled + (1 << (shift - 1)) - 1 + ((scaled >> shift) & 1)) >> shift``, since what is added to the quotient's
    remainder carries from a half on where the quotient is odd, and only beyond a half where it is even. ``>>`` is
    arithmetic, so both hold for negative numbers, too.
    """
    places = np.asarray(shift, np.int64)
    half = np.int64(1) << (places - 1)
    if rounding == "even":
        return (scaled + (half - 1) + ((scaled >> places) & 1)) >> places
    return (scaled + half) >> places


def requantise(acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, lo: int, hi: int,
               rounding: str = "up") -> np.ndarray:
    """``clamp(round(acc * multiplier / 2**shift), lo, hi)``, int64, per channel on axis 1; one rounding, `round_shift`.

    ``acc`` is below 2**46 in magnitude, so that nothing overflows.
    """
    shape = (1, -1) + (1,) * (acc.ndim - 2)
    scaled = acc.astype(np.int64) * np.asarray(multiplier, np.int64).reshape(shape)
    return np.clip(round_shift(scaled, np.asarray(shift).reshape(shape), rounding), lo, hi)


def result(layer: Layer, acc: np.ndarray) -> np.ndarray:
    """What a layer makes of its sums: its output type, or int32 accumulators where it has no requantisation."""
    if layer.multiplier is None or layer.shift is None:
        return acc.astype(np.int32)
    assert layer.clamp is not None
    codes = requantise(acc, layer.multiplier, layer.shift, *layer.clamp, layer.rounding)
    return codes.astype(layer.output_dtype)


def run(layer: Layer) -> np.ndarray:
    """The layer's result: its output type, or int32 accumulators where it has no requantisation."""
    return result(layer, accumulate(layer))
