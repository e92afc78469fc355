"""What ONNX operations of one number at a time do, in numpy: float64 arrays in and out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from zerokeep.onnx_attributes import number, one_of
from zerokeep.onnx_operation import Operation

_erf = np.vectorize(math.erf)


def _sigmoid(numbers: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-numbers))


def _gelu(x: np.ndarray, node: Operation) -> np.ndarray:
    if one_of(node, "approximate", ("none", "tanh")) == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


ELEMENTWISE: dict[str, Callable[[np.ndarray, Operation], np.ndarray]] = {
    "Identity": lambda x, node: x,
    "Sigmoid": lambda x, node: _sigmoid(x),
    "Tanh": lambda x, node: np.tanh(x),
    "LeakyRelu": lambda x, node: np.where(x < 0, number(node, "alpha", 0.01) * x, x),
    "Elu": lambda x, node: np.where(x < 0, number(node, "alpha", 1.0) * np.expm1(x), x),
    "HardSigmoid": lambda x, node: np.clip(number(node, "alpha", 0.2) * x + number(node, "beta", 0.5), 0, 1),
    "HardSwish": lambda x, node: x * np.clip(x / 6 + 0.5, 0, 1),
    "Softplus": lambda x, node: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0),
    "Gelu": _gelu,
}
