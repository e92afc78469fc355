"""A network of floats in an ONNX file as a PyTorch module, to be pruned and quantised like any other."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from zerokeep.errors import UserError
from zerokeep.onnx_read import OnnxFile, Operation, is_flattening, window

PLAIN: dict[str, Callable[[], nn.Module]] = {
    "Relu": nn.ReLU, "Sigmoid": nn.Sigmoid, "Tanh": nn.Tanh, "HardSwish": nn.Hardswish, "Softplus": nn.Softplus,
    "Gelu": nn.GELU, "Mish": nn.Mish, "GlobalAveragePool": lambda: nn.AdaptiveAvgPool2d(1), "Flatten": nn.Flatten,
    "Softmax": lambda: nn.Softmax(1), "LogSoftmax": lambda: nn.LogSoftmax(1), "Identity": nn.Identity,
    "Dropout": nn.Identity,
}  # fmt: skip
"""Operations that are a module without a parameter."""
FLAT = ("Gemm", "MatMul", "Flatten", "Reshape")
MAPS = ("Conv", "MaxPool", "AveragePool", "GlobalAveragePool")
"""What gives features (N, F), and what gives maps (N, C, H, W); all else gives what it is given."""


def to_module(file: OnnxFile) -> nn.Module:
    """The module, in evaluation mode.

    Raises
    ------
    UserError
        A node cannot be taken; the message names it.
    """
    return _Builder(file).build()


class _Builder:
    """Makes modules and the graph that calls them, node by node."""

    def __init__(self, file: OnnxFile) -> None:
        self.file, self.constants = file, file.constants
        self.root = nn.Module()
        self.graph = fx.Graph()
        self.values: dict[str, fx.Node] = {file.given: self.graph.placeholder("images")}

    def build(self) -> nn.Module:
        for operation in self.file.operations:
            self._add(operation)
        if self.file.result not in self.values:
            raise UserError(f"the output {self.file.result} is made by no node that can be taken")
        self.graph.output(self.values[self.file.result])
        return fx.GraphModule(self.root, self.graph).eval()

    def _add(self, operation: Operation) -> None:
        tensors = [name for name in operation.inputs if name in self.values]
        if not tensors and operation.op == "Identity":
            self.constants[operation.result] = self.constants[operation.inputs[0]]
            return
        if not tensors:
            raise operation.refuse("works on constants alone, which cannot be taken")
        given = [self.values[name] for name in tensors]
        if operation.op in ("Add", "Sum") and len(tensors) == 1:
            self._bias(operation, tensors[0])
        elif operation.op == "Add":
            self.values[operation.result] = self.graph.call_function(operator.add, tuple(given))
        elif operation.op == "Concat" and operation.attributes.get("axis") == 1 and len(given) == len(operation.inputs):
            self.values[operation.result] = self.graph.call_function(torch.cat, (given, 1))
        else:
            self._call(operation, self._module(operation), given[0])

    def _call(self, operation: Operation, module: nn.Module, given: fx.Node) -> None:
        stem = re.sub(r"\W+", "_", operation.name).strip("_") or "node"
        name = stem if stem[0].isalpha() else f"node_{stem}"
        while hasattr(self.root, name):
            name += "_"
        self.root.add_module(name, module)
        self.values[operation.result] = self.graph.call_module(name, (given,))

    def _bias(self, operation: Operation, tensor: str) -> None:
        """A constant added to a linear layer's result is its bias."""
        made = self.values[tensor]
        layer = self.root.get_submodule(str(made.target)) if made.op == "call_module" else None
        constant = next(self.constants[name] for name in operation.inputs if name != tensor)
        alone = len(self.file.users(tensor)) == 1
        if not (isinstance(layer, nn.Linear) and alone and layer.bias is None and constant.size == layer.out_features):
            raise operation.refuse("adds a constant, which can be taken only as the bias of a linear layer")
        layer.bias = nn.Parameter(torch.from_numpy(constant.reshape(-1).astype(np.float32)))
        self.values[operation.result] = self.values[tensor]

    def _module(self, operation: Operation) -> nn.Module:
        makers = {"Conv": self._conv, "Gemm": self._gemm, "MatMul": self._matmul, "BatchNormalization": self._norm,
                  "MaxPool": self._maxpool, "AveragePool": self._avgpool, "Clip": self._clip,
                  "ReduceMean": self._mean, "Reshape": self._reshape, "LeakyRelu": self._leaky, "Elu": self._elu}
        if operation.op in makers:
            return makers[operation.op](operation)
        if operation.op not in PLAIN or (operation.op == "Flatten" and not is_flattening(operation, self.constants)):
            raise operation.refuse("cannot be taken")
        return PLAIN[operation.op]()

    def _constant(self, operation: Operation, place: int) -> torch.Tensor | None:
        """The constant at a place of the inputs; ``None`` where the place is empty."""
        if place >= len(operation.inputs) or not operation.inputs[place]:
            return None
        name = operation.inputs[place]
        if name not in self.constants:
            raise operation.refuse(f"has {name}, which is no constant, in place {place}")
        return torch.from_numpy(self.constants[name].astype(np.float32))

    def _conv(self, operation: Operation) -> nn.Module:
        weight, bias = self._constant(operation, 1), self._constant(operation, 2)
        assert weight is not None
        told = window(operation, tuple(weight.shape[2:]))
        groups = operation.attributes.get("group", 1)
        layer = nn.Conv2d(weight.shape[1] * groups, weight.shape[0], told["kernel"], told["stride"], told["padding"],
                          told["dilation"], groups, bias=bias is not None)
        return _filled(layer, weight, bias)

    def _gemm(self, operation: Operation) -> nn.Module:
        given = operation.attributes
        if given.get("transA") or given.get("alpha", 1.0) != 1.0 or given.get("beta", 1.0) != 1.0:
            raise operation.refuse("scales or transposes what it multiplies, which cannot be taken")
        weight, bias = self._constant(operation, 1), self._constant(operation, 2)
        assert weight is not None
        return _linear(weight if given.get("transB") else weight.T, bias)

    def _matmul(self, operation: Operation) -> nn.Module:
        weight = self._constant(operation, 1)
        if weight is None or weight.ndim != 2:
            raise operation.refuse("multiplies by no constant matrix, which cannot be taken")
        return _linear(weight.T, None)

    def _norm(self, operation: Operation) -> nn.Module:
        gain, offset, mean, spread = (self._constant(operation, place) for place in range(1, 5))
        assert gain is not None and offset is not None and mean is not None and spread is not None
        make = nn.BatchNorm1d if self._is_flat(operation.inputs[0]) else nn.BatchNorm2d
        norm = make(len(gain), eps=operation.attributes.get("epsilon", 1e-5))
        for own, value in ((norm.weight, gain), (norm.bias, offset), (norm.running_mean, mean),
                           (norm.running_var, spread)):
            assert own is not None
            own.data.copy_(value)
        return norm

    def _is_flat(self, tensor: str) -> bool:
        """Whether a tensor has the shape (N, features): by the last node before it that says so."""
        for operation in reversed(self.file.operations):
            if operation.result == tensor:
                if operation.op in FLAT or operation.op in MAPS:
                    return operation.op in FLAT
                if operation.op == "ReduceMean":
                    return not operation.attributes.get("keepdims", 1)
                tensor = next(name for name in operation.inputs if name in self.values)
        return len(self.file.shape) == 1

    def _maxpool(self, operation: Operation) -> nn.Module:
        told = window(operation)
        return nn.MaxPool2d(told["kernel"], told["stride"], told["padding"], told["dilation"])

    def _avgpool(self, operation: Operation) -> nn.Module:
        told = window(operation)
        counted = bool(operation.attributes.get("count_include_pad", 0))
        return nn.AvgPool2d(told["kernel"], told["stride"], told["padding"], count_include_pad=counted)

    def _clip(self, operation: Operation) -> nn.Module:
        given = operation.attributes
        bounds = [given.get("min"), given.get("max")]
        for place in (1, 2):
            value = self._constant(operation, place)
            bounds[place - 1] = float(value) if value is not None else bounds[place - 1]
        low, high = bounds
        if low == 0 and high == 6:
            return nn.ReLU6()
        if low == 0 and high is None:
            return nn.ReLU()
        if low is None or high is None:
            raise operation.refuse(f"clips to {low} and {high}, which cannot be taken")
        return nn.Hardtanh(low, high)

    def _mean(self, operation: Operation) -> nn.Module:
        axes = operation.attributes.get("axes")
        if axes is None and len(operation.inputs) > 1:
            axes = self.constants.get(operation.inputs[1])
        if axes is None or sorted(int(axis) % 4 for axis in axes) != [2, 3]:
            raise operation.refuse("is over other axes than the map's, which cannot be taken")
        pool = nn.AdaptiveAvgPool2d(1)
        return pool if operation.attributes.get("keepdims", 1) else nn.Sequential(pool, nn.Flatten())

    def _reshape(self, operation: Operation) -> nn.Module:
        if not is_flattening(operation, self.constants):
            raise operation.refuse("gives another shape than (N, all the rest), which cannot be taken")
        return nn.Flatten()

    def _leaky(self, operation: Operation) -> nn.Module:
        return nn.LeakyReLU(operation.attributes.get("alpha", 0.01))

    def _elu(self, operation: Operation) -> nn.Module:
        return nn.ELU(operation.attributes.get("alpha", 1.0))


def _linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    return _filled(nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None), weight, bias)


def _filled(layer: Any, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    layer.weight.data.copy_(weight)
    if bias is not None:
        layer.bias.data.copy_(bias.reshape(-1))
    return layer
