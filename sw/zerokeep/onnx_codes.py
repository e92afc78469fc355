"""The codes of constants in a quantised ONNX file: what QDQ has, and what QONNX says how to make."""

from __future__ import annotations

import numpy as np

from zerokeep.onnx_attributes import flag, one_of, whole
from zerokeep.onnx_operation import Operation
from zerokeep.onnx_values import Constant, Constants

ROUNDING = ("ROUND", "HALF_EVEN")
MODES = (*ROUNDING, "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "ROUND_TO_ZERO")
WIDTHS = (2, 8)


def dequantised(operation: Operation, codes: np.ndarray, scales: np.ndarray) -> Constant:
    """The constant that a DequantizeLinear makes, its scales along the first axis."""
    if codes.dtype.kind not in "iu":
        raise operation.refuse(f"takes constants of {codes.dtype}, expected integers")
    if scales.size > 1 and (whole(operation, "axis", 1) != 0 or codes.ndim == 0 or scales.size != len(codes)):
        raise operation.refuse("has scales along another axis than the filters'")
    return Constant(codes=codes, scales=scales)


def limits(operation: Operation, constants: Constants) -> tuple[bool, int, int]:
    """Whether a QONNX node's codes are signed, the lowest and the highest."""
    bits = constants.needed(operation, 3)
    if (mode := one_of(operation, "rounding_mode", MODES)) not in ROUNDING:
        raise operation.refuse(f"rounds by {mode}, not to the nearest")
    signed, narrow = flag(operation, "signed", True), flag(operation, "narrow")
    width = float(bits.reshape(-1)[0])
    if bits.size != 1 or width != int(width) or not WIDTHS[0] <= width <= WIDTHS[1]:
        raise operation.refuse(f"has a width of {width:g} bits, only {WIDTHS[0]} to {WIDTHS[1]} can be taken")
    high = (1 << (int(width) - signed)) - 1 - (narrow and not signed)
    return signed, (-high - (not narrow) if signed else 0), high


def rounded(operation: Operation, constants: Constants, low: int, high: int) -> Constant:
    """The constant that a QONNX node makes of the floats that it is given."""
    numbers, scales = constants.needed(operation, 0).astype(np.float64), constants.scales(operation)
    if numbers.ndim == 0 or scales.size not in (1, len(numbers)):
        raise operation.refuse("has scales along another axis than the filters'")
    codes = np.rint(numbers / scales.reshape((-1,) + (1,) * (numbers.ndim - 1)))
    return Constant(codes=np.clip(codes, low, high).astype(np.int8), scales=scales)
