"""Scales of integers: what a code stands for, and requantisation as multiplier and shift."""

from __future__ import annotations

import math

import numpy as np

from zerokeep.errors import UserError
from zeroskip.layer import MULTIPLIER_RANGE, OUTPUT_RANGE, SHIFT_RANGE

WEIGHT_LIMIT = 127
BIAS_LIMIT = 1 << 24
"""A bias may take this much of the accumulator: a channel of tiny weights gets a coarser scale instead."""
CLIPS = np.linspace(0.3, 1.0, 71)
BINS = 8192
"""Of the histogram by which a scale is chosen: 32 to a code, so that it is as good as the values themselves."""


def multiplier_and_shift(scale: float) -> tuple[int, int]:
    """Integers with multiplier / 2**shift nearest `scale`, at full precision where the shift's range allows.

    The relative error is at most 2**-16 from 2**-25 on; below, the absolute error is at most 2**-41 until the
    multiplier can only stay 1.

    Raises
    ------
    UserError
        `scale` is not positive and finite, or is above 65535 / 2.

    >>> multiplier_and_shift(1.0)
    (32768, 15)
    """
    multipliers, shift = multipliers_and_shift([scale])
    return multipliers[0], shift


def multipliers_and_shift(scales: list[float]) -> tuple[list[int], int]:
    """The same for several with one shift: that of the largest.

    >>> multipliers_and_shift([1.0, 0.25])
    ([32768, 8192], 15)
    """
    for scale in scales:
        if not (math.isfinite(scale) and scale > 0):
            raise UserError(f"a requantisation scale must be positive and finite, not {scale}")
    fraction, exponent = math.frexp(max(scales))
    shift = 16 - exponent
    if round(fraction * 65536) == 65536:
        shift -= 1
    shift = min(max(shift, SHIFT_RANGE[0]), SHIFT_RANGE[1])
    multipliers = [max(round(math.ldexp(scale, shift)), MULTIPLIER_RANGE[0]) for scale in scales]
    if max(multipliers) > MULTIPLIER_RANGE[1]:
        raise UserError(f"a requantisation scale of {max(scales)} is above what multiplier and shift can express")
    return multipliers, shift


def activation_scale(values: np.ndarray, dtype: str = "uint8") -> float:
    """The scale of a tensor: of 71 clipping points, the one with the least squared error, by a histogram of all values.

    Parameters
    ----------
    values
        What the tensor holds, any shape. For ``"uint8"`` what is negative counts as 0.
    dtype
        Of its codes: ``"uint8"`` or ``"int8"``.
    """
    low, high = OUTPUT_RANGE[dtype]
    sizes = np.abs(values[values != 0]) if low < 0 else values[values > 0]
    if sizes.size == 0:
        return 1.0 / high
    counts, edges = np.histogram(sizes, BINS, (0.0, float(sizes.max())))
    middles = (edges[1:] + edges[:-1]) / 2
    best, least = 1.0, math.inf
    for clip in CLIPS * edges[-1]:
        scale = clip / high
        codes = np.minimum(np.floor(middles / scale + 0.5), high)
        error = float((counts * (codes * scale - middles) ** 2).sum())
        if error < least:
            best, least = scale, error
    return float(np.float32(best))  # as an ONNX file holds it, so that the same integers come back


def weight_scales(weight: np.ndarray, bias: np.ndarray, input_scale: float, *, shared: bool) -> np.ndarray:
    """One scale per output channel, (O,) float64; the same for all where `shared`.

    The largest magnitude becomes 127, unless the bias would then exceed ``BIAS_LIMIT``; a channel without
    weights takes what its bias needs.
    """
    largest = np.abs(weight.reshape(len(weight), -1)).max(1) / WEIGHT_LIMIT
    scales = np.maximum(largest, np.abs(bias) / (input_scale * BIAS_LIMIT))
    if shared:
        scales = np.full_like(scales, scales.max())
    return np.where(scales > 0, scales, 1.0)
