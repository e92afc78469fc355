"""Functions compiled by numba, kept in its cache until any file of the model changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

import zeroskip.spec

Function = TypeVar("Function", bound=Callable[..., object])
OPTIONS: Any = {"error_model": "numpy", "_nrt": False}
"""Without counts of references to arrays, which nothing here keeps: they took half of the time."""
FOLDERS = (Path(__file__).parent, Path(zeroskip.spec.__file__).parent)


def _digest() -> str:
    """Of all files that compiled code may be made of: numba itself looks at a function's own file alone."""
    whole = hashlib.sha256()
    for folder in FOLDERS:
        for path in sorted(folder.glob("*.py")):
            whole.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


DIGEST = _digest()


def compiled(function: Function) -> Function:
    """The function, compiled when it is first called; `DIGEST` takes the place of the file's date in the cache."""
    dispatcher: Any = njit(cache=True, **OPTIONS)(function)
    if dispatcher is not function:  # as it is with NUMBA_DISABLE_JIT
        dispatcher._cache._cache_file._source_stamp = DIGEST
    return cast(Function, dispatcher)


def inlined(function: Function) -> Function:
    """The function, for compiled ones to take in where they call it."""
    return cast(Function, njit(inline="always", **OPTIONS)(function))
