"""Exact counts of a layer's work: products, non-zero products, densities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeroskip.layer import Layer


def _pair_sum(layer: Layer, activations: np.ndarray) -> int:
    """Sum over taps and channels of (flagged activations under the tap) x (non-zero weights there).

    `activations` is bool (N, I, H, W).
    """
    _, filters, out_h, out_w = layer.output_shape
    (kh, kw), (sy, sx), (dy, dx) = layer.kernel, layer.stride, layer.dilation
    padded = np.pad(activations, ((0, 0), (0, 0), *layer.pads))
    per_group = (layer.weight4 != 0).reshape(layer.groups, filters // layer.groups, -1, kh, kw).sum(axis=1)
    weights = per_group.reshape(layer.channels, kh, kw)
    total = 0
    for ky in range(kh):
        for kx in range(kw):
            seen = padded[:, :, ky * dy :: sy, kx * dx :: sx][:, :, :out_h, :out_w]
            total += int(seen.sum(axis=(0, 2, 3)) @ weights[:, ky, kx])
    return total


def count(layer: Layer) -> dict[str, int | float]:
    """Count a layer's work; the words are those of the report.

    Returns
    -------
    dict
        ``macs`` (products, padding included), ``macs_inside`` (padding left out), ``pairs`` (products with both
        operands non-zero), ``weight_pairs`` (products with a non-zero weight, padding left out),
        ``weight_density``, ``activation_density`` (shares of non-zeros, 0..1), ``non_zeros``, ``groups``.
    """
    images, filters, out_h, out_w = layer.output_shape
    data = layer.input4
    everything = np.ones_like(data, dtype=bool)
    dense = replace(layer, weight=np.ones_like(layer.weight))
    return {
        "macs": images * filters * out_h * out_w * int(np.prod(layer.weight4.shape[1:])),
        "macs_inside": _pair_sum(dense, everything),
        "pairs": _pair_sum(layer, data != 0),
        "weight_pairs": _pair_sum(layer, everything),
        "weight_density": float((layer.weight != 0).mean()),
        "activation_density": float((data != 0).mean()),
        "non_zeros": int((layer.weight != 0).sum()),
        "groups": layer.groups,
    }
