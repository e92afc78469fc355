"""What the values in a quantised ONNX file are: codes, constants, and what waits to become codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zerokeep.onnx_operation import Operation
from zerokeep.onnx_read import OnnxFile

SAME_SCALE = 1e-5
"""Scales that differ relatively by less are one, rounded."""
DTYPES = ("uint8", "int8")
SCALES = (1.2e-38, 3.4e38)
"""What a scale may be: a number that float32 holds at full precision, so that products of three neither vanish nor
overflow in float64."""
INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, kw_only=True)
class Codes:
    """The result of a step, or the input: codes of `dtype`, each standing for `scale` times itself."""

    step: str
    scale: float
    dtype: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Constant:
    """Codes in the file and what one stands for: a number, or one for each of the first axis."""

    codes: np.ndarray
    scales: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Pending:
    """What a node makes of numbers, before it is codes again.

    Parameters
    ----------
    operation
        The node.
    sources
        The codes that go in.
    weight, bias
        Of a layer.
    geometry
        Of a layer or a pool.
    low, high
        What a ReLU or a Clip leaves of the numbers.
    elementwise
        Of what is done to single numbers: its name in ``ELEMENTWISE``.
    flat
        Whether the numbers are then given the shape (N, all the rest).
    """

    operation: Operation
    sources: tuple[Codes, ...]
    weight: Constant | None = None
    bias: np.ndarray | None = None
    geometry: dict[str, Any] | None = None
    low: float = -np.inf
    high: float = np.inf
    elementwise: str = ""
    flat: bool = False


Value = Codes | Constant | Pending


def same_scale(one: float, other: float) -> bool:
    """Whether two scales are one, rounded."""
    return abs(one / other - 1) < SAME_SCALE


class Constants:
    """The constants that an operation of a file is given."""

    def __init__(self, file: OnnxFile) -> None:
        self.file = file

    def array(self, operation: Operation, place: int) -> np.ndarray | None:
        """The constant at a place of the inputs; ``None`` where the place is empty."""
        if not operation.has(place):
            return None
        found = self.file.constants.get(operation.inputs[place])
        if found is None:
            raise operation.refuse(f"has {operation.inputs[place][:80]}, which is no constant, in place {place}")
        return found

    def needed(self, operation: Operation, place: int) -> np.ndarray:
        """The constant that must be there, finite numbers."""
        found = self.array(operation, place)
        if found is None or found.size == 0 or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
            raise operation.refuse(f"has no finite numbers in place {place}, expected some")
        return found

    def scales(self, operation: Operation) -> np.ndarray:
        """The scales of a node that rounds, whose zero points must be 0."""
        scale, zero = self.array(operation, 1), self.array(operation, 2)
        if scale is None or scale.dtype.kind != "f" or scale.size == 0:
            raise operation.refuse("has no scale that is a float, expected one")
        if zero is not None and np.any(zero != 0):
            raise operation.refuse(f"has the zero point {np.unique(zero)[-1]}, only symmetric quantisation (0) can be "
                                   "taken")
        made = scale.astype(np.float64).reshape(-1)
        if not np.all((made >= SCALES[0]) & (made <= SCALES[1])):
            raise operation.refuse(f"has the scale {made[~((made >= SCALES[0]) & (made <= SCALES[1]))][0]:g}, expected "
                                   f"a positive and finite one, from {SCALES[0]:g} to {SCALES[1]:g}")
        return made

    def one_scale(self, operation: Operation) -> float:
        """The same where there must be one."""
        scale = self.scales(operation)
        if scale.size != 1:
            raise operation.refuse(f"has {scale.size} scales for activations, only one can be taken")
        return float(scale[0])


def as_int32(operation: Operation, numbers: np.ndarray, filters: int) -> np.ndarray:
    """Codes int32 of a bias for so many filters, (O,), of `numbers` in units of the accumulators."""
    flat = numbers.reshape(-1)
    if flat.size not in (1, filters):
        raise operation.refuse(f"has a bias of {flat.size} numbers, expected {filters}")
    codes = np.rint(flat)
    if not np.all((codes >= INT32.min) & (codes <= INT32.max)):
        raise operation.refuse(f"has a bias of {np.max(np.abs(codes)):.3g} in units of its accumulators, expected what "
                               "32 bits hold")
    return np.ascontiguousarray(np.broadcast_to(codes.astype(np.int32), (filters,)))
