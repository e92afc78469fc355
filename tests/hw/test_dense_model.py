"""What the model says of layers too large to simulate cell by cell; its exactness is tested with the engine."""

from __future__ import annotations

import numpy as np
import pytest

from zeroskip.config import PRESETS
from zeroskip.counts import count
from zeroskip.dense_packing import pack_dense
from zeroskip.layer import Layer


def cycles_per_ideal(filters, channels, size, images=1):
    rng = np.random.default_rng(0)
    layer = Layer(weight=rng.integers(-9, 9, (filters, channels, 3, 3)).astype(np.int8), padding=(1, 1),
                  input=rng.integers(0, 256, (images, channels, size, size)).astype(np.uint8),
                  multiplier=np.full(filters, 1000), shift=np.full(filters, 16))
    config = PRESETS["base"]
    return pack_dense(layer, config, gate=False).predicted["total"] * config.multipliers / count(layer)["macs"]


@pytest.mark.parametrize(("filters", "channels", "size", "images", "most"), [
    (64, 64, 14, 1, 1 / 0.95), (48, 24, 14, 1, 1.05), (24, 16, 28, 1, 1.01), (16, 1, 28, 8, 1.01),
])
def test_the_array_is_busy(filters, channels, size, images, most):
    """Padding of the last block and streams included; even with 9 steps to a pass."""
    assert 1.0 <= cycles_per_ideal(filters, channels, size, images) <= most
