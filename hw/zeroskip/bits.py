"""The lowest bit of an int64 that is set, for compiled loops: an instruction."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_YES = ir.Constant(ir.IntType(1), 1)
"""The instruction may do as it likes with 0."""


@intrinsic
def lowest(typing: Any, value: Any) -> Any:
    """Number of the lowest bit that is set; of no use for 0."""
    return types.int64(types.int64), lambda context, builder, signature, args: builder.cttz(args[0], _YES)
