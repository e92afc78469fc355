"""Bits of an int64 for compiled loops, an instruction each: how many are set, and which is the lowest or highest."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_YES = ir.Constant(ir.IntType(1), 1)
"""The instruction may do as it likes with 0."""


@intrinsic
def ones(typing: Any, value: Any) -> Any:
    """How many bits are set."""
    return types.int64(types.int64), lambda context, builder, signature, args: builder.ctpop(args[0])


@intrinsic
def lowest(typing: Any, value: Any) -> Any:
    """Number of the lowest bit that is set; of no use for 0."""
    return types.int64(types.int64), lambda context, builder, signature, args: builder.cttz(args[0], _YES)


@intrinsic
def highest(typing: Any, value: Any) -> Any:
    """Number of the highest bit that is set; of no use for 0."""
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.sub(ir.Constant(ir.IntType(64), 63), builder.ctlz(args[0], _YES))

    return types.int64(types.int64), emit
