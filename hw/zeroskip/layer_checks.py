"""What the fields of a layer are held to, in the words of its errors."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from zeroskip.files.names import shown
from zeroskip.files.npz import Header
from zeroskip.ranges import MOST_NUMBERS


class LayerError(ValueError):
    """A layer that is not as the format says: the message names the key, what was found and what is expected."""


def describe(value: np.ndarray) -> str:
    """Type and shape."""
    return f"{value.dtype} {value.shape}"


def require(ok: bool, key: str, found: object, expected: str) -> None:
    """Raise a LayerError where something is not as expected."""
    if not ok:
        raise LayerError(f"{key}: found {found}, expected {expected}")


def integers(key: str, value: object, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """Any integer array of `shape` with values in `low`..`high`, as int64."""
    array = np.asarray(value)
    require(array.dtype.kind in "iu" and array.shape == shape, key, describe(array), f"integers of shape {shape}")
    bad = array[(array < low) | (array > high)]
    require(bad.size == 0, key, f"value {bad.flat[0] if bad.size else ''}", f"values in {low}..{high}")
    return array.astype(np.int64)


def pair(key: str, value: object, limits: tuple[int, int]) -> tuple[int, int]:
    """Two integers in `limits`: (vertical, horizontal)."""
    down, across = integers(key, value, (2,), *limits)
    return int(down), int(across)


def text(key: str, value: np.ndarray) -> str:
    """A string that a file has as an array."""
    require(value.dtype.kind in "US" and value.shape == (), key, describe(value), "a string")
    found = value.item()
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)


def check_headers(headers: Mapping[str, Header], needed: Collection[str], known: Collection[str]) -> None:
    """What can be said of a file's arrays before they are read: those `needed` are there, and none is not `known`."""
    for key in headers:
        require(key in known, f"key {shown(key, 80)}", "an unknown key", f"only {', '.join(known)}")
    for key in needed:
        require(key in headers, key, "nothing", "this key in the file")
    for key, header in headers.items():
        require(math.prod(header.shape) <= MOST_NUMBERS, key, header, f"at most {MOST_NUMBERS:,} numbers")
