"""Rows of the requantisation tables."""

from __future__ import annotations

import numpy as np

from zeroskip.layer import Layer
from zeroskip.spec.axi import BEAT_BYTES


def requant_rows(layer: Layer, filters: np.ndarray) -> np.ndarray:
    """Bias, multiplier and shift of `filters` (-1: none) as beats, uint8 (len(filters), 16)."""
    rows = np.zeros((len(filters), BEAT_BYTES), np.uint8)
    used = filters >= 0
    chosen = filters[used]
    rows[used, 0:4] = np.asarray(layer.bias)[chosen].astype("<i4").view(np.uint8).reshape(-1, 4)
    if layer.multiplier is not None and layer.shift is not None:
        rows[used, 4:6] = layer.multiplier[chosen].astype("<u2").view(np.uint8).reshape(-1, 2)
        rows[used, 6] = layer.shift[chosen]
    return rows
