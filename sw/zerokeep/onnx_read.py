"""An ONNX file as a list of operations with their constants, the same for networks of floats and of integers."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, TensorProto

from zerokeep import onnx_wire
from zerokeep.errors import UserError
from zerokeep.onnx_operation import Operation
from zerokeep.onnx_tensors import Tensors, type_name
from zeroskip.files.names import shown
from zeroskip.files.reading import ReadError, read_bytes
from zeroskip.ranges import MOST_CHANNELS, MOST_NUMBERS, MOST_SIDE

QUANTISED_OPS = ("QuantizeLinear", "DequantizeLinear", "Quant")
PASSING = ("Identity", "Dropout", "Cast")
"""Operations that change no value, but for a ``Cast`` of what is no code."""
MOST_OPERATIONS = 10_000
MOST_CONSTANTS = 40_000
DOMAINS = ("", "ai.onnx", "com.microsoft", "qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
"""Where the operations that are known are from: ONNX' own, ONNX Runtime's quantiser, QONNX."""
INPUT_TYPES = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.UINT8, TensorProto.INT8)
SCALARS = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
"""What a ``Constant`` can be told but for a tensor."""
LISTS = {AttributeProto.FLOATS: "floats", AttributeProto.INTS: "ints"}
PRODUCER = "zerokeep"
"""Who wrote the files whose nodes say what step they are of."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OnnxFile:
    """What an ONNX file holds.

    Parameters
    ----------
    name
        Of the graph.
    operations
        In order, each using what is made before it; without ``Constant`` nodes.
    constants
        Arrays by name.
    given
        Name, shape without the N, and type of the one input.
    result
        Name of the one output, which an operation makes.
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

    @cached_property
    def _users(self) -> dict[str, list[Operation]]:
        found = defaultdict(list)
        for operation in self.operations:
            for name in dict.fromkeys(operation.inputs):
                found[name].append(operation)
        return found

    def users(self, name: str) -> list[Operation]:
        """The operations that use a value."""
        return self._users.get(name, [])


def read(path: str | os.PathLike[str]) -> OnnxFile:
    """Read an ONNX file.

    Raises
    ------
    UserError
        It cannot be read, is no valid model, or has not one input of a known shape (N, C, H, W) and one output.
    """
    name = shown(os.fspath(path))
    try:
        content = read_bytes(path)
    except ReadError as error:
        raise UserError(str(error)) from None
    onnx_wire.check(content, name)
    try:
        model = onnx.ModelProto.FromString(content)
    except (DecodeError, ValueError) as error:
        raise UserError(f"{name} is no valid ONNX model: {_line(error)}") from None
    file = parse(model)
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # a C++ library's, of several kinds: what it refuses is bad input
        raise UserError(f"{name} is no valid ONNX model: {_line(error)}") from None
    return file


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines() or [type(error).__name__]
    return shown(text[0], 300)


def parse(model: onnx.ModelProto) -> OnnxFile:
    """The same of a model in memory."""
    try:
        return _Parser(model).parse()
    except UnicodeDecodeError:
        raise UserError("the ONNX model has a name that is no UTF-8") from None


class _Parser:
    """Goes through a model once, and refuses what is not there, twice there, or not to be taken."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model, self.graph, self.tensors = model, model.graph, Tensors()
        self.constants: dict[str, np.ndarray] = {}
        self.made: set[str] = set()

    def parse(self) -> OnnxFile:
        """The file."""
        self._check_kinds()
        for tensor in self.graph.initializer:
            self._know([tensor.name], "the ONNX model")
            self.constants[tensor.name] = self.tensors.array(tensor, f"the constant {shown(tensor.name, 80)}")
        inputs = [value for value in self.graph.input if value.name not in self.constants]
        outputs = self.graph.output
        if len(inputs) != 1 or len(outputs) != 1:
            raise UserError(f"the ONNX model has {len(inputs)} inputs and {len(outputs)} outputs, expected one each")
        shape, dtype = _input(inputs[0])
        self._know([inputs[0].name], "the ONNX model")
        found = [self._operation(place, node) for place, node in enumerate(self.graph.node, start=1)]
        operations = tuple(operation for operation in found if operation is not None)
        if all(operation.result != outputs[0].name for operation in operations):
            raise UserError(f"the output {shown(outputs[0].name, 80)} is made by no node that can be taken")
        return OnnxFile(name=self.graph.name or "network", operations=operations, constants=self.constants,
                        given=inputs[0].name, shape=shape, dtype=dtype, result=outputs[0].name)

    def _check_kinds(self) -> None:
        graph = self.graph
        for what, values in (("functions", self.model.functions), ("sparse constants", graph.sparse_initializer)):
            if values:
                names = [own.name if what == "functions" else own.values.name for own in values[:3]]
                raise UserError(f"the ONNX model has {what}, which cannot be taken: {shown(', '.join(names), 80)}")
        for what, count, most in (("nodes", len(graph.node), MOST_OPERATIONS),
                                  ("constants", len(graph.initializer), MOST_CONSTANTS)):
            if count > most:
                raise UserError(f"the ONNX model has {count:,} {what}, expected at most {most:,}")

    def _know(self, names: Iterable[str], who: str) -> None:
        """Names are made here, and nowhere else."""
        for name in names:
            if not name or name in self.made:
                what = f"{shown(name, 80)} a second time" if name else "a value without a name"
                raise UserError(f"{who} makes {what}, expected each value once and by name")
            self.made.add(name)

    def _operation(self, place: int, node: onnx.NodeProto) -> Operation | None:
        """A node; ``None`` where it was a constant."""
        name = node.name or next(iter(node.output), "") or f"number {place}"
        label = node.doc_string if self.model.producer_name == PRODUCER else ""
        bare = Operation(name=name, op=node.op_type, inputs=tuple(node.input), result=next(iter(node.output), ""),
                         label=label)
        if node.domain not in DOMAINS:
            raise bare.refuse(f"is of the domain {shown(node.domain, 80)}, expected ONNX' own or QONNX'")
        missing = next((own for own in bare.inputs if own and own not in self.made), None)
        if missing is not None:
            raise bare.refuse(f"takes {shown(missing, 80)}, expected what a node before it makes")
        attributes: dict[str, Any] = {}
        for own in node.attribute:
            if own.name in attributes:
                raise bare.refuse(f"has the attribute {shown(own.name, 80)} twice, expected it once")
            attributes[own.name] = self._value(bare, own)
        self._know([bare.result], f"node {shown(name, 80)} ({shown(node.op_type, 40)})")
        if node.op_type == "Constant":
            self.constants[bare.result] = _constant(bare, attributes)
            return None
        return Operation(name=name, op=bare.op, inputs=bare.inputs, result=bare.result, attributes=attributes,
                         label=label)

    def _value(self, operation: Operation, attribute: onnx.AttributeProto) -> Any:
        """What an attribute holds: a number, a text, a list of numbers, or an array."""
        name, kind = shown(attribute.name, 80), attribute.type
        if kind == AttributeProto.FLOAT:
            return float(attribute.f)
        if kind == AttributeProto.INT:
            return int(attribute.i)
        if kind == AttributeProto.STRING:
            return attribute.s.decode(errors="replace")
        if kind in LISTS:
            return list(getattr(attribute, LISTS[kind]))
        if kind == AttributeProto.TENSOR:
            return self.tensors.array(attribute.t, f"node {shown(operation.name, 80)} ({shown(operation.op, 40)}), "
                                                   f"attribute {name},")
        what = AttributeProto.AttributeType.Name(kind).lower().replace("_", " ")
        raise operation.refuse(f"has the attribute {name} of the kind {what}, expected numbers, text or a tensor")


def _constant(operation: Operation, attributes: dict[str, Any]) -> np.ndarray:
    """The value of a ``Constant`` node, told in one of several ways."""
    if len(attributes) == 1:
        (name, value), = attributes.items()
        if name == "value" and isinstance(value, np.ndarray):
            return value
        if name in SCALARS and isinstance(value, (int, float, list)):
            return np.asarray(value, SCALARS[name])
    found = ", ".join(attributes) or "nothing"
    raise operation.refuse(f"has {shown(found, 80)}, expected one of value, {', '.join(SCALARS)}")


def _input(value: onnx.ValueInfoProto) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape without the N, and type."""
    name, kind = shown(value.name, 80), value.type.tensor_type
    if kind.elem_type not in INPUT_TYPES:
        raise UserError(f"the input {name} is of {type_name(kind.elem_type)}, expected one of "
                        f"{', '.join(map(type_name, INPUT_TYPES))}")
    shape = tuple(own.dim_value for own in kind.shape.dim)
    limits = (MOST_NUMBERS,) if len(shape) == 2 else (MOST_CHANNELS, MOST_SIDE, MOST_SIDE)
    fits = len(shape) in (2, 4) and all(1 <= size <= most for size, most in zip(shape[1:], limits, strict=True))
    if not fits or math.prod(shape[1:]) > MOST_NUMBERS or shape[0] < 0:
        raise UserError(f"the input {name} has shape {shown(shape, 80)} (0 for what is open), expected (N, C, H, W) of "
                        f"at most {MOST_CHANNELS:,} x {MOST_SIDE:,} x {MOST_SIDE:,}, {MOST_NUMBERS:,} numbers in all")
    return shape[1:], onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
