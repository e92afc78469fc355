"""What ONNX operations of one number at a time do, in numpy: float64 arrays in and out, with the node's attributes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_erf = np.vectorize(math.erf)


def _sigmoid(numbers: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-numbers))


ELEMENTWISE: dict[str, Callable[[np.ndarray, Mapping[str, Any]], np.ndarray]] = {
    "Identity": lambda x, given: x,
    "Sigmoid": lambda x, given: _sigmoid(x),
    "Tanh": lambda x, given: np.tanh(x),
    "LeakyRelu": lambda x, given: np.where(x < 0, given.get("alpha", 0.01) * x, x),
    "Elu": lambda x, given: np.where(x < 0, given.get("alpha", 1.0) * np.expm1(x), x),
    "HardSigmoid": lambda x, given: np.clip(given.get("alpha", 0.2) * x + given.get("beta", 0.5), 0, 1),
    "HardSwish": lambda x, given: x * np.clip(x / 6 + 0.5, 0, 1),
    "Softplus": lambda x, given: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0),
    "Gelu": lambda x, given: 0.5 * x * (1 + _erf(x / math.sqrt(2))),
}
