"""An ONNX file as a list of operations with their constants, the same for networks of floats and of integers."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from zerokeep.errors import UserError

QUANTISED_OPS = ("QuantizeLinear", "DequantizeLinear", "Quant")
PASSING = ("Identity", "Dropout", "Cast")
"""Operations that change no value, but for a ``Cast`` of what is no code."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """One node: its `name` (its own, else its result's), `op`, names of `inputs` and the `result`, `attributes`."""

    name: str
    op: str
    inputs: tuple[str, ...]
    result: str
    attributes: dict[str, Any] = field(default_factory=dict)

    def refuse(self, why: str) -> UserError:
        """An error that names the node."""
        return UserError(f"node {self.name} ({self.op}) {why}")


@dataclass(frozen=True, kw_only=True, eq=False)
class OnnxFile:
    """What an ONNX file holds.

    Parameters
    ----------
    name
        Of the graph.
    operations
        In order; without ``Constant`` nodes.
    constants
        Arrays by name.
    given
        Name, shape without the N, and type of the one input.
    result
        Name of the one output.
    """

    name: str
    operations: tuple[Operation, ...]
    constants: dict[str, np.ndarray]
    given: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    result: str

    @property
    def is_quantised(self) -> bool:
        """Whether it has nodes that round to codes."""
        return any(operation.op in QUANTISED_OPS for operation in self.operations)

    def users(self, name: str) -> list[Operation]:
        """The operations that use a value."""
        return [operation for operation in self.operations if name in operation.inputs]


def read(path: str | os.PathLike[str]) -> OnnxFile:
    """Read an ONNX file.

    Raises
    ------
    UserError
        It cannot be read, is no valid model, or has not one input of a known shape (N, C, H, W) and one output.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"there is no ONNX file {file}")
    try:
        model = onnx.load(file)
        onnx.checker.check_model(model)
    except Exception as error:
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"{file} is no valid ONNX model: {text[0]}") from None
    return parse(model)


def parse(model: onnx.ModelProto) -> OnnxFile:
    """The same of a model in memory."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    operations = []
    for node in graph.node:
        attributes = {own.name: _value(own) for own in node.attribute}
        if node.op_type == "Constant":
            constants[node.output[0]] = np.asarray(next(iter(attributes.values())))
            continue
        operations.append(Operation(
            name=node.name or node.output[0], op=node.op_type, inputs=tuple(node.input), result=node.output[0],
            attributes=attributes,
        ))  # fmt: skip
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise UserError(f"the ONNX model has {len(inputs)} inputs and {len(graph.output)} outputs, expected one each")
    kind = inputs[0].type.tensor_type
    shape = tuple(own.dim_value for own in kind.shape.dim)
    if len(shape) not in (2, 4) or 0 in shape[1:]:
        raise UserError(f"the input {inputs[0].name} has shape {shape} (0 for what is open), expected (N, C, H, W)")
    return OnnxFile(
        name=graph.name or "network", operations=tuple(operations), constants=constants, given=inputs[0].name,
        shape=shape[1:], dtype=onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type), result=graph.output[0].name,
    )  # fmt: skip


def _value(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return value.decode() if isinstance(value, bytes) else value


def window(operation: Operation, kernel: tuple[int, ...] | None = None) -> dict[str, tuple[int, int]]:
    """Kernel, stride, padding and dilation of a convolution or a pool.

    Raises
    ------
    UserError
        It has not two dimensions, or pads differently on two sides.
    """
    given = operation.attributes
    kernel = tuple(given.get("kernel_shape", kernel or ()))
    pads = list(given.get("pads", (0, 0, 0, 0)))
    auto = given.get("auto_pad", "NOTSET")
    dilation = tuple(given.get("dilations", (1, 1)))
    if len(kernel) != 2 or len(pads) != 4:
        raise operation.refuse(f"has a kernel of {kernel}, only two dimensions can be taken")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        around = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        if any(each % 2 for each in around) or tuple(given.get("strides", (1, 1))) != (1, 1):
            raise operation.refuse(f"pads by {auto} unevenly")
        pads = [each // 2 for each in around] * 2
    if pads[:2] != pads[2:]:
        raise operation.refuse(f"pads by {pads}, only the same on both sides can be taken")
    if given.get("ceil_mode"):
        raise operation.refuse("rounds its result's size up (ceil_mode), which cannot be taken")
    return {"kernel": (kernel[0], kernel[1]), "stride": _two(given.get("strides", (1, 1))),
            "padding": (pads[0], pads[1]), "dilation": (dilation[0], dilation[1])}


def _two(values: Any) -> tuple[int, int]:
    return int(values[0]), int(values[1])


def is_flattening(operation: Operation, constants: dict[str, np.ndarray]) -> bool:
    """Whether a ``Flatten`` or ``Reshape`` leaves (N, all the rest)."""
    if operation.op == "Flatten":
        return operation.attributes.get("axis", 1) == 1
    shape = constants.get(operation.inputs[1])
    return shape is not None and len(shape) == 2 and (int(shape[1]) == -1 or int(shape[0]) in (-1, 0, 1))


def is_mean(operation: Operation, constants: dict[str, np.ndarray]) -> bool:
    """Whether a convolution has the same share of the window as every weight, channel by channel."""
    weight = constants.get(operation.inputs[1])
    return (weight is not None and len(operation.inputs) == 2 and weight.shape[1] == 1
            and operation.attributes.get("group") == len(weight)
            and bool(np.all(weight == np.float32(1 / np.prod(weight.shape[2:])))))
