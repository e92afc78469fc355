"""Tensors in an ONNX file as arrays: their dims are held against the bytes that are there before any array is made."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from zerokeep.errors import UserError
from zeroskip.files import memory
from zeroskip.files.names import shown

MOST_DIMS = 8
COPIES = 4
"""Arrays of a constant at once: in the file, as it is, in float32, as a parameter."""
FIELDS: dict[int, str] = {
    TensorProto.FLOAT: "float_data", TensorProto.DOUBLE: "double_data", TensorProto.INT64: "int64_data",
    TensorProto.UINT32: "uint64_data", TensorProto.UINT64: "uint64_data",
    **dict.fromkeys((TensorProto.INT32, TensorProto.INT16, TensorProto.INT8, TensorProto.UINT16, TensorProto.UINT8,
                     TensorProto.BOOL, TensorProto.FLOAT16), "int32_data"),
}  # fmt: skip
"""The types that are read, and where their numbers stand that are not raw bytes."""


def type_name(kind: int) -> str:
    """What ONNX calls a type.

    >>> type_name(TensorProto.INT64), type_name(99)
    ('INT64', 'type 99')
    """
    return TensorProto.DataType.Name(kind) if kind in TensorProto.DataType.values() else f"type {kind}"


class Tensors:
    """Makes arrays of tensors, no more in all than the memory limit."""

    def __init__(self) -> None:
        self.bytes = 0

    def array(self, tensor: onnx.TensorProto, what: str) -> np.ndarray:
        """The array that a tensor is.

        Parameters
        ----------
        tensor
            As in the file.
        what
            To name it in the message.

        Raises
        ------
        UserError
            Its data are elsewhere, of a type that is not read, more or less than its dims say, or too much.
        """
        self._check(tensor, what)
        try:
            return numpy_helper.to_array(tensor)
        except (TypeError, ValueError, OverflowError) as error:
            raise UserError(f"{what} cannot be read: {shown(error, 200)}") from None

    def _check(self, tensor: onnx.TensorProto, what: str) -> None:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise UserError(f"{what} has its numbers in another file, expected them in this one: save the model with "
                            "everything in one file")
        field = FIELDS.get(tensor.data_type)
        if field is None:
            raise UserError(f"{what} is of {type_name(tensor.data_type)}, expected floats, integers of 8 to 64 bits or "
                            "booleans")
        dims = tuple(tensor.dims)
        if tensor.HasField("segment") or len(dims) > MOST_DIMS or any(size < 0 for size in dims):
            raise UserError(f"{what} has the shape {shown(dims, 80)}, expected at most {MOST_DIMS} dimensions of at "
                            "least 0, whole")
        count, width = math.prod(dims), onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        raw = tensor.HasField("raw_data")
        found = len(tensor.raw_data) if raw else len(getattr(tensor, field))
        if found != (count * width if raw else count):
            raise UserError(f"{what} has the shape {shown(dims, 80)} and {found:,} {'bytes' if raw else 'numbers'}, "
                            f"expected {shown(f'{count * width if raw else count:,}', 40)}")
        self.bytes += COPIES * max(width, 4) * count
        try:
            memory.check(self.bytes, what)
        except memory.ReadError as error:
            raise UserError(str(error)) from None
