"""One step of a quantised network: its parameters, held to their ranges, and the shape of what it makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zerokeep.errors import UserError
from zeroskip.files.names import shown
from zeroskip.layer import MULTIPLIER_RANGE, OUTPUT_RANGE, ROUNDINGS, SHIFT_RANGE, Layer
from zeroskip.ranges import KERNEL
from zeroskip.reference import LARGEST_INPUT

Shape = tuple[int, ...]
CODES = 256
MOST_PLACES = KERNEL[1] ** 2
"""Places in a pool's window."""
MOST_FACTOR = 8
"""By which a map is made larger, each way."""
INT32 = np.iinfo(np.int32)
WINDOW = ("kernel", "stride", "padding", "padding_end")
REQUANTISATION = ("multipliers", "shift", "clamp", "output_dtype", "rounding")
PARAMETERS = {
    "conv": ("residual_factors",), "linear": ("residual_factors",), "maxpool": WINDOW,
    "avgpool": (*WINDOW, *REQUANTISATION), "add": REQUANTISATION, "concat": REQUANTISATION,
    "table": ("values", "output_dtype"), "flatten": (), "upsample": ("factor",),
}
"""What a step of each kind may be told."""
OPS = tuple(PARAMETERS)
INPUTS = {"conv": (1, 2), "linear": (1, 2), "add": (2, 2), "concat": (2, None)}
"""How many inputs a step has, at least and at most, where that is not one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One step of a quantised network.

    Parameters
    ----------
    name
        Its own, and its result's.
    op
        One of ``OPS``.
    inputs
        Names of earlier steps, or ``"input"``; two for ``add``, two or more for ``concat``, else one. A ``conv`` or
        ``linear`` may have a second, its residual.
    scale
        The result's number is its code times this. For a layer without requantisation: of its accumulators.
    layer
        Weights and integers of ``conv`` and ``linear``, without `input`.
    parameters
        ``conv`` and ``linear``: with a residual `residual_factors`, an int32 number for each filter; that many times
        the residual's code is added to the sum before its one requantisation. ``maxpool``: `kernel`, `stride` and,
        where not 0, `padding`, pairs; `padding_end` (below, on the right) where that is not the same. ``avgpool``:
        these, `multipliers` (one), `shift`, `clamp`, `output_dtype` and, where not ``"up"``, `rounding`. ``add`` and
        ``concat``: `multipliers`, one for each input, and the others of ``avgpool``'s. ``table``: `values`, a result
        for each of the 256 codes from the lowest, and `output_dtype`. ``upsample``: `factor`, a pair from 1 to 8;
        every code becomes so many rows and columns of it.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    scale: float
    layer: Layer | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def weights(self) -> Layer:
        """The layer of a ``conv`` or ``linear``."""
        assert self.layer is not None, f"step {self.name} has no weights"
        return self.layer


def shape_after(step: Step, given: Sequence[Shape]) -> Shape:
    """The shape (C, H, W) or (C,) that a step makes of the shapes `given`; a UserError where it cannot."""
    if step.op not in OPS:
        raise UserError(f"step {step.name} is a {shown(step.op, 40)!r}; there is {', '.join(OPS)}")
    unknown = [key for key in step.parameters if key not in PARAMETERS[step.op]]
    if unknown:
        raise UserError(f"step {step.name}: {step.op} has no parameter {shown(unknown[0], 80)!r}; there is "
                        f"{', '.join(PARAMETERS[step.op]) or 'none'}")
    least, most = INPUTS.get(step.op, (1, 1))
    if len(given) < least or (most is not None and len(given) > most):
        raise UserError(f"step {step.name} ({step.op}) has {len(given)} inputs")
    return _SHAPES[step.op](step, given)


def _check_rank(step: Step, shape: Shape, rank: int) -> None:
    if len(shape) != rank:
        raise UserError(f"step {step.name} ({step.op}) needs {rank} dimensions, its input is {shape}")


def _flatten(_: Step, given: Sequence[Shape]) -> Shape:
    return (int(np.prod(given[0])),)


def _table(step: Step, given: Sequence[Shape]) -> Shape:
    check_table(step)
    return given[0]


def _joined(step: Step, given: Sequence[Shape]) -> Shape:
    shape, same = given[0], slice(None) if step.op == "add" else slice(1, None)
    if any(other[same] != shape[same] for other in given):
        raise UserError(f"step {step.name} ({step.op}) has inputs of shapes {', '.join(map(str, given))}")
    check_requantisation(step, len(given))
    return shape if step.op == "add" else (sum(other[0] for other in given), *shape[1:])


def _pool(step: Step, given: Sequence[Shape]) -> Shape:
    shape = given[0]
    _check_rank(step, shape, 3)
    if step.op == "avgpool":
        check_requantisation(step, 1)
    kernel, stride, around = pair(step, "kernel"), pair(step, "stride"), pads(step)
    left = [size + sum(both) - side for size, both, side in zip(shape[1:], around, kernel, strict=True)]
    # every window is to see a place of the map: what surrounds it has no largest code
    beyond = any(pad >= side for both, side in zip(around, kernel, strict=True) for pad in both)
    if min(left) < 0 or beyond or kernel[0] * kernel[1] > MOST_PLACES:
        start, end = zip(*around, strict=True)
        raise UserError(f"step {step.name} pools {kernel} with padding {start}{'' if start == end else f' and {end}'} "
                        f"on an input of {shape}")
    return shape[0], left[0] // stride[0] + 1, left[1] // stride[1] + 1


def _upsample(step: Step, given: Sequence[Shape]) -> Shape:
    shape = given[0]
    _check_rank(step, shape, 3)
    factor = pair(step, "factor")
    if max(factor) > MOST_FACTOR:
        raise UserError(f"step {step.name}: factor is {shown(factor, 60)}, expected two from 1 to {MOST_FACTOR}")
    return shape[0], shape[1] * factor[0], shape[2] * factor[1]


def _weighted(step: Step, given: Sequence[Shape]) -> Shape:
    shape, layer = given[0], step.layer
    _check_rank(step, shape, 1 if step.op == "linear" else 3)
    if layer is None:
        raise UserError(f"step {step.name} ({step.op}) has no layer")
    if shape[0] != layer.channels or layer.is_linear != (step.op == "linear"):
        raise UserError(f"step {step.name} ({step.op}) has weights {layer.weight.shape} for an input of {shape}")
    made = layer.filters, *(() if layer.is_linear else layer.output_sides(shape[1], shape[2]))
    if min(made) < 1:
        raise UserError(f"step {step.name} has a kernel {layer.extent} larger than its padded input {shape}")
    if len(given) > 1 or "residual_factors" in step.parameters:
        _check_residual(step, layer, given[1:], made)
    return made


_SHAPES: dict[str, Callable[[Step, Sequence[Shape]], Shape]] = {
    "conv": _weighted, "linear": _weighted, "maxpool": _pool, "avgpool": _pool, "add": _joined, "concat": _joined,
    "table": _table, "flatten": _flatten, "upsample": _upsample,
}


def _check_residual(step: Step, layer: Layer, residual: Sequence[Shape], made: Shape) -> None:
    factors = step.parameters.get("residual_factors")
    fits = isinstance(factors, (list, tuple)) and len(factors) == layer.filters
    if not fits or not all(type(v) is int and INT32.min <= v <= INT32.max for v in list(factors or ())):
        raise UserError(f"step {step.name}: residual_factors must be {layer.filters} whole numbers of 32 bits, not "
                        f"{shown(repr(factors), 60)}")
    if list(residual) != [made]:
        found = str(residual[0]) if residual else "missing"
        raise UserError(f"step {step.name} ({step.op}) makes {made}, its residual is {found}")
    if layer.multiplier is None:
        weights = np.abs(layer.weight.astype(np.int64)).reshape(layer.filters, -1).sum(axis=1)
        sums = (weights + np.abs(np.array(factors, np.int64))) * LARGEST_INPUT
        largest = int((sums + np.abs(np.asarray(layer.bias, np.int64))).max())
        if largest > INT32.max:
            raise UserError(f"step {step.name} ({step.op}) could make sums of {largest:,} with its residual, expected "
                            "what 32 bits hold")


def check_requantisation(step: Step, count: int) -> None:
    """The integers of `count` inputs that become one: ranges as for a layer's requantisation; else a UserError."""
    given = step.parameters
    kind = given.get("output_dtype")
    low, high = OUTPUT_RANGE.get(str(kind), (0, -1))
    values = [given.get("multipliers"), [given.get("shift")], given.get("clamp")]
    for value, length, (least, most) in zip(
        values, (count, 1, 2), (MULTIPLIER_RANGE, SHIFT_RANGE, (low, high)), strict=True
    ):
        fits = isinstance(value, (list, tuple)) and len(value) == length
        if not fits or not all(type(v) is int and least <= v <= most for v in list(value or ())):
            raise UserError(f"step {step.name}: {step.op} has wrong parameters {shown(given, 200)}")
    if rounding(step) not in ROUNDINGS:
        raise UserError(f"step {step.name}: rounding is {shown(repr(rounding(step)), 60)}, expected 'up' or 'even'")


def rounding(step: Step) -> Any:
    """Where a half goes in the requantisation of a step without weights."""
    return step.parameters.get("rounding", "up")


def check_table(step: Step) -> None:
    """256 results in the range of their type; else a UserError."""
    values, kind = step.parameters.get("values"), str(step.parameters.get("output_dtype"))
    low, high = OUTPUT_RANGE.get(kind, (0, -1))
    fits = isinstance(values, (list, tuple)) and len(values) == CODES
    if not fits or not all(type(v) is int and low <= v <= high for v in list(values or ())):
        raise UserError(f"step {step.name}: a table must have {CODES} values of its output type, not "
                        f"{shown(repr(values), 60)} as {shown(kind, 40)}")


def pads(step: Step) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding of a pool, ((above, below), (left, right)), checked; `padding_end` is as `padding` by default."""
    start = pair(step, "padding", least=0, default=(0, 0))
    end = pair(step, "padding_end", least=0, default=start)
    return (start[0], end[0]), (start[1], end[1])


def pair(step: Step, key: str, *, least: int = 1, default: tuple[int, int] | None = None) -> tuple[int, int]:
    """A parameter of two whole numbers, checked."""
    value = step.parameters.get(key, default)
    fits = isinstance(value, (list, tuple)) and len(value) == 2
    if not fits or not all(type(v) is int and v >= least for v in list(value or ())):
        wanted = "two positive whole numbers" if least else "two whole numbers of at least 0"
        raise UserError(f"step {step.name}: {key} must be {wanted}, not {shown(repr(value), 60)}")
    assert value is not None
    return value[0], value[1]
