"""What the values in a quantised ONNX file are: codes, constants, and what waits to become codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zerokeep.onnx_read import OnnxFile, Operation

SAME_SCALE = 1e-5
"""Scales that differ relatively by less are one, rounded."""
DTYPES = ("uint8", "int8")


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
        if place >= len(operation.inputs) or not operation.inputs[place]:
            return None
        found = self.file.constants.get(operation.inputs[place])
        if found is None:
            raise operation.refuse(f"has {operation.inputs[place]}, which is no constant, in place {place}")
        return found

    def scales(self, operation: Operation) -> np.ndarray:
        """The scales of a node that rounds, whose zero points must be 0."""
        scale, zero = self.array(operation, 1), self.array(operation, 2)
        assert scale is not None
        if zero is not None and np.any(zero != 0):
            raise operation.refuse(f"has the zero point {np.unique(zero)[-1]}, only symmetric quantisation (0) can be "
                                   "taken")
        if not (np.all(np.isfinite(scale)) and np.all(scale > 0)):
            raise operation.refuse("has a scale that is not positive and finite")
        return scale.astype(np.float64).reshape(-1)

    def one_scale(self, operation: Operation) -> float:
        """The same where there must be one."""
        scale = self.scales(operation)
        if scale.size != 1:
            raise operation.refuse(f"has {scale.size} scales for activations, only one can be taken")
        return float(scale[0])
