"""The window of a convolution or a pool in an ONNX file, and what it makes of a map."""

from __future__ import annotations

from zerokeep.onnx_attributes import flag, ints, one_of
from zerokeep.onnx_operation import Operation
from zeroskip.ranges import DILATION, KERNEL, PADDING, STRIDE

AUTO_PADS = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


def window(operation: Operation, weights: tuple[int, ...] | None = None) -> dict[str, tuple[int, int]]:
    """Kernel, stride, padding and dilation of a convolution or a pool.

    Parameters
    ----------
    operation
        The node.
    weights
        The kernel that a convolution's weights have.

    Raises
    ------
    UserError
        It has not two dimensions, is out of range, or pads differently on two sides.
    """
    kernel = _kernel(operation, weights)
    stride, dilation = ints(operation, "strides", (1, 1), 2, STRIDE), ints(operation, "dilations", (1, 1), 2, DILATION)
    wide = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    if max(wide) > KERNEL[1]:
        raise operation.refuse(f"has a dilated kernel of {wide}, expected sides of at most {KERNEL[1]}")
    pads = list(ints(operation, "pads", (0, 0, 0, 0), 4, PADDING))
    auto = one_of(operation, "auto_pad", AUTO_PADS)
    if auto.startswith("SAME"):
        if not (wide[0] % 2 and wide[1] % 2) or stride != (1, 1):
            raise operation.refuse(f"pads by {auto} unevenly, only the same on both sides can be taken")
        pads = [wide[0] // 2, wide[1] // 2] * 2
    if pads[:2] != pads[2:] or max(pads) > PADDING[1]:
        raise operation.refuse(f"pads by {pads}, only the same on both sides can be taken, {PADDING[1]} at most")
    if flag(operation, "ceil_mode"):
        raise operation.refuse("rounds its result's size up (ceil_mode), which cannot be taken")
    return {"kernel": kernel, "stride": (stride[0], stride[1]), "padding": (pads[0], pads[1]),
            "dilation": (dilation[0], dilation[1])}


def _kernel(operation: Operation, weights: tuple[int, ...] | None) -> tuple[int, int]:
    if weights is None or "kernel_shape" in operation.attributes:
        found = ints(operation, "kernel_shape", None, 2, KERNEL)
        if weights is not None and found != weights:
            raise operation.refuse(f"has a kernel_shape of {found}, its weights have {weights}")
    else:
        found = weights
    if not all(KERNEL[0] <= size <= KERNEL[1] for size in found):
        raise operation.refuse(f"has a kernel of {found}, expected two sides from {KERNEL[0]} to {KERNEL[1]}")
    return found[0], found[1]


def sides(operation: Operation, told: dict[str, tuple[int, int]], shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns that a window makes of a map (C, H, W)."""
    found = []
    for side, size in enumerate(shape[1:]):
        kernel, stride, padding, dilation = (told[name][side] for name in ("kernel", "stride", "padding", "dilation"))
        left = size + 2 * padding - dilation * (kernel - 1) - 1
        if left < 0:
            raise operation.refuse(f"has a kernel of {told['kernel']} (dilated by {told['dilation']}, padding "
                                   f"{told['padding']}), which is larger than its map of {shape[1:]}")
        found.append(left // stride + 1)
    return found[0], found[1]
