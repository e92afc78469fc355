"""The PyTorch module that an operation of floats is, its shapes checked before, its constants here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from zerokeep.onnx_attributes import Arrays, bounds, check_gemm, flag, number, one_of, whole
from zerokeep.onnx_operation import Operation
from zerokeep.onnx_shapes import Shapes
from zerokeep.onnx_window import window


def numbers(operation: Operation, array: np.ndarray, name: str) -> torch.Tensor:
    """A constant as float32, finite."""
    if array.dtype.kind not in "fiub":
        raise operation.refuse(f"has {name[:80]} of {array.dtype}, expected numbers")
    made = np.array(array, np.float32)
    if not np.isfinite(made).all():
        raise operation.refuse(f"has numbers in {name[:80]} that are not finite in float32, expected finite ones")
    return torch.from_numpy(made)


def optional(operation: Operation, arrays: Arrays, place: int) -> torch.Tensor | None:
    """The constant at a place of the inputs; ``None`` where the place is empty."""
    if not operation.has(place):
        return None
    name = operation.inputs[place]
    if name not in arrays:
        raise operation.refuse(f"has {name[:80]}, which is no constant, in place {place}")
    return numbers(operation, arrays[name], name)


def needed(operation: Operation, arrays: Arrays, place: int) -> torch.Tensor:
    """The constant at a place of the inputs."""
    found = optional(operation, arrays, place)
    if found is None:
        raise operation.refuse(f"has nothing in place {place} of its inputs, expected a constant")
    return found


def _conv(operation: Operation, arrays: Arrays, shapes: Shapes) -> nn.Module:
    weight, bias = needed(operation, arrays, 1), optional(operation, arrays, 2)
    told, groups = window(operation, tuple(weight.shape[2:])), whole(operation, "group", 1)
    layer = nn.Conv2d(weight.shape[1] * groups, weight.shape[0], told["kernel"], told["stride"], told["padding"],
                      told["dilation"], groups, bias=bias is not None)
    return _filled(layer, weight, bias)


def _gemm(operation: Operation, arrays: Arrays, shapes: Shapes) -> nn.Module:
    check_gemm(operation)
    weight = needed(operation, arrays, 1)
    return _linear(weight if flag(operation, "transB") else weight.T, optional(operation, arrays, 2))


def _matmul(operation: Operation, arrays: Arrays, shapes: Shapes) -> nn.Module:
    return _linear(needed(operation, arrays, 1).T, None)


def _linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    return _filled(nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None), weight, bias)


def _filled(layer: nn.Conv2d | nn.Linear, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    layer.weight.data.copy_(weight)
    if bias is not None and layer.bias is not None:
        layer.bias.data.copy_(bias.reshape(-1))  # one number for all features, too
    return layer


def _norm(operation: Operation, arrays: Arrays, shapes: Shapes) -> nn.Module:
    gain, offset, mean, variance = (needed(operation, arrays, place).reshape(-1) for place in range(1, 5))
    epsilon = number(operation, "epsilon", 1e-5, 0.0)
    if not bool((variance >= 0).all()) or not bool((gain / (variance + epsilon).sqrt()).isfinite().all()):
        raise operation.refuse(f"has variances from {float(variance.min()):g} and an epsilon of {epsilon:g}, expected "
                               "none below 0, and no division by 0")
    make = nn.BatchNorm1d if len(shapes.found[operation.inputs[0]]) == 1 else nn.BatchNorm2d
    norm = make(len(gain), eps=epsilon)
    norm.load_state_dict({"weight": gain, "bias": offset, "running_mean": mean, "running_var": variance}, strict=False)
    return norm


def _maxpool(operation: Operation, arrays: Arrays, shapes: Shapes) -> nn.Module:
    told = window(operation)
    return nn.MaxPool2d(told["kernel"], told["stride"], told["padding"], told["dilation"])


def _avgpool(operation: Operation, arrays: Arrays, shapes: Shapes) -> nn.Module:
    told = window(operation)
    return nn.AvgPool2d(told["kernel"], told["stride"], told["padding"],
                        count_include_pad=flag(operation, "count_include_pad"))


def _clip(operation: Operation, arrays: Arrays, shapes: Shapes) -> nn.Module:
    low, high = bounds(operation, arrays)
    if low == 0 and high == 6:
        return nn.ReLU6()
    if low == 0 and high is None:
        return nn.ReLU()
    if low is None or high is None or math.isinf(low) or math.isinf(high):
        raise operation.refuse(f"clips to {low} and {high}, which cannot be taken")
    return nn.Hardtanh(low, high)


def _mean(operation: Operation, arrays: Arrays, shapes: Shapes) -> nn.Module:
    pool = nn.AdaptiveAvgPool2d(1)
    return pool if flag(operation, "keepdims", True) else nn.Sequential(pool, nn.Flatten())


def _plain(make: Callable[[], nn.Module]) -> Callable[[Operation, Arrays, Shapes], nn.Module]:
    return lambda operation, arrays, shapes: make()


def _told(make: Callable[[Operation], Any]) -> Callable[[Operation, Arrays, Shapes], nn.Module]:
    return lambda operation, arrays, shapes: make(operation)


MAKERS: dict[str, Callable[[Operation, Arrays, Shapes], nn.Module]] = {
    "Conv": _conv, "Gemm": _gemm, "MatMul": _matmul, "BatchNormalization": _norm, "MaxPool": _maxpool,
    "AveragePool": _avgpool, "Clip": _clip, "ReduceMean": _mean,
    "LeakyRelu": _told(lambda operation: nn.LeakyReLU(number(operation, "alpha", 0.01))),
    "Elu": _told(lambda operation: nn.ELU(number(operation, "alpha", 1.0))),
    "Gelu": _told(lambda operation: nn.GELU(one_of(operation, "approximate", ("none", "tanh")))),
    "Relu": _plain(nn.ReLU), "Sigmoid": _plain(nn.Sigmoid), "Tanh": _plain(nn.Tanh), "HardSwish": _plain(nn.Hardswish),
    "Softplus": _plain(nn.Softplus), "Mish": _plain(nn.Mish),
    "GlobalAveragePool": _plain(lambda: nn.AdaptiveAvgPool2d(1)),
    "Flatten": _plain(nn.Flatten), "Reshape": _plain(nn.Flatten), "Softmax": _plain(lambda: nn.Softmax(1)),
    "LogSoftmax": _plain(lambda: nn.LogSoftmax(1)), "Identity": _plain(nn.Identity), "Dropout": _plain(nn.Identity),
}  # fmt: skip
"""What is a module of its own, by operation."""
