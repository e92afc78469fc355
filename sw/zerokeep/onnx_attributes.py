"""The attributes of an operation, each asked for as what it has to be: type, how many, and in what range."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from zerokeep.onnx_operation import Operation
from zeroskip.files.names import shown

Arrays = Mapping[str, np.ndarray]
INT64 = (-(1 << 63), (1 << 63) - 1)
FLOAT32 = 3.4028234663852886e38


def ints(operation: Operation, name: str, default: tuple[int, ...] | None, count: int | None = None,
         limits: tuple[int, int] = INT64) -> tuple[int, ...]:
    """Whole numbers.

    Parameters
    ----------
    operation
        Whose attribute it is.
    name
        Of the attribute.
    default
        Where it has none; ``None``: it must have it.
    count
        How many there must be; ``None``: as many as are there.
    limits
        The lowest and the highest that each may be.

    Raises
    ------
    UserError
        The attribute is something else; the message names the node and the attribute.
    """
    if name not in operation.attributes and default is not None:
        return default
    value = operation.attributes.get(name)
    if not (isinstance(value, list) and count in (None, len(value))
            and all(type(each) is int and limits[0] <= each <= limits[1] for each in value)):
        many = "" if count is None else f"{count} "
        raise _wrong(operation, name, f"{many}whole numbers{_between(limits)}")
    return tuple(value)


def whole(operation: Operation, name: str, default: int, limits: tuple[int, int] = INT64) -> int:
    """One whole number; parameters as for `ints`."""
    value = operation.attributes.get(name, default)
    if type(value) is not int or not limits[0] <= value <= limits[1]:
        raise _wrong(operation, name, f"a whole number{_between(limits)}")
    return value


def flag(operation: Operation, name: str, default: bool = False) -> bool:
    """Whether it is set: a whole number that is not 0."""
    return whole(operation, name, int(default)) != 0


def number(operation: Operation, name: str, default: float, lowest: float = -FLOAT32) -> float:
    """A finite number of at least `lowest`."""
    value = operation.attributes.get(name, default)
    if type(value) not in (int, float) or not math.isfinite(value) or not lowest <= value <= FLOAT32:
        least = "" if lowest == -FLOAT32 else f" of at least {lowest:g}"
        raise _wrong(operation, name, f"a finite number{least}")
    return float(value)


def one_of(operation: Operation, name: str, choices: Collection[str]) -> str:
    """A word, the first of the `choices` where it has none."""
    value = operation.attributes.get(name, next(iter(choices)))
    if not isinstance(value, str) or value not in choices:
        raise _wrong(operation, name, " or ".join(choices))
    return value


def check_gemm(operation: Operation) -> None:
    """Refuse a Gemm that does more than a linear layer."""
    if flag(operation, "transA") or number(operation, "alpha", 1.0) != 1.0 or number(operation, "beta", 1.0) != 1.0:
        raise operation.refuse("scales or transposes what it multiplies, which cannot be taken")


def bounds(operation: Operation, arrays: Arrays) -> tuple[float | None, float | None]:
    """What a Clip leaves, from constants or, in older versions, attributes; ``None`` where there is no bound."""
    found: list[float | None] = []
    for place, name in ((1, "min"), (2, "max")):
        value = number(operation, name, 0.0) if name in operation.attributes else None
        if operation.has(place):
            array = arrays.get(operation.inputs[place])
            if array is None or array.size != 1 or array.dtype.kind not in "fiu" or np.isnan(array).any():
                raise operation.refuse(f"has {operation.inputs[place][:80]} in place {place}, expected a constant of "
                                       "one number")
            value = float(array.reshape(-1)[0])
        found.append(None if value is not None and math.isinf(value) and (value > 0) == (name == "max") else value)
    low, high = found
    if low is not None and high is not None and not low < high:
        raise operation.refuse(f"clips to {low:g} and {high:g}, expected the lower bound first")
    return low, high


def _between(limits: tuple[int, int]) -> str:
    return "" if limits == INT64 else f" from {limits[0]} to {limits[1]}"


def _wrong(operation: Operation, name: str, expected: str) -> Exception:
    found: Any = operation.attributes.get(name, "nothing")
    return operation.refuse(f"has {shown(found, 80)} as its attribute {name}, expected {expected}")
