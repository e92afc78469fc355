"""A quantised network: steps in order, each with its parameters and, where it has weights, its layer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zerokeep.errors import UserError
from zeroskip.files.names import shown
from zeroskip.layer import MULTIPLIER_RANGE, OUTPUT_RANGE, SHIFT_RANGE, Layer
from zeroskip.ranges import KERNEL, MOST_CHANNELS, MOST_NUMBERS, MOST_SIDE

OPS = ("conv", "linear", "maxpool", "avgpool", "add", "concat", "table", "flatten")
INPUT = "input"
INPUT_DTYPES = ("uint8", "int8")
CODES = 256
MOST_STEPS = 10_000
MOST_PLACES = KERNEL[1] ** 2
"""Places in a pool's window."""


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
        Names of earlier steps, or ``"input"``; two for ``add``, two or more for ``concat``, else one.
    scale
        The result's number is its code times this. For a layer without requantisation: of its accumulators.
    layer
        Weights and integers of ``conv`` and ``linear``, without `input`.
    parameters
        ``maxpool``: `kernel`, `stride` and, where not 0, `padding`, pairs. ``avgpool``: these, `multipliers` (one),
        `shift`, `clamp`, `output_dtype`. ``add`` and ``concat``: `multipliers`, one for each input, `shift`, `clamp`,
        `output_dtype`. ``table``: `values`, a result for each of the 256 codes from the lowest, and `output_dtype`.
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """Steps in order; the result is the last one's.

    Parameters
    ----------
    name
        The network's, as in ``zerokeep.models.MODELS``.
    input_shape
        (C, H, W) of one image.
    input_scale
        An input's number is its code times this.
    steps
        At least one; each uses earlier ones.
    input_dtype
        Of the codes: ``"uint8"`` or ``"int8"``.
    host
        Names of what the network does after its last step, and the host has to do.

    Raises
    ------
    UserError
        The steps do not fit together; the message names the step.
    """

    name: str
    input_shape: tuple[int, int, int]
    input_scale: float
    steps: tuple[Step, ...]
    input_dtype: str = "uint8"
    host: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the steps fit together, by running one empty image's shape through them."""
        if not 1 <= len(self.steps) <= MOST_STEPS:
            raise UserError(f"the network has {len(self.steps)} steps, expected 1 to {MOST_STEPS:,}")
        if self.input_dtype not in INPUT_DTYPES:
            raise UserError(f"the network's input is {self.input_dtype!r}, expected {' or '.join(INPUT_DTYPES)}")
        check_scale(self.input_scale, "the input")
        names = {INPUT}
        for step in self.steps:
            check_scale(step.scale, f"step {shown(step.name, 80)}")
            if step.name in names:
                raise UserError(f"two steps of the network have the same name, {shown(step.name, 80)!r}")
            names.add(step.name)
        self.shapes()

    def scale_of(self, name: str) -> float:
        """The scale of a step's result, or of the input."""
        return self.input_scale if name == INPUT else next(s.scale for s in self.steps if s.name == name)

    def dtypes(self) -> dict[str, str]:
        """The type of the codes of the input and of every step; ``"int32"`` for accumulators."""
        found = {INPUT: self.input_dtype}
        for step in self.steps:
            found[step.name] = found[step.inputs[0]]
            if step.layer is not None:
                found[step.name] = step.layer.output_dtype if step.layer.multiplier is not None else "int32"
            elif "output_dtype" in step.parameters:
                found[step.name] = str(step.parameters["output_dtype"])
        return found

    def called(self, names: Mapping[str, str]) -> tuple[Network, dict[str, str]]:
        """The same with other names of steps, and of what is left to the host.

        Parameters
        ----------
        names
            By the name of now. A step keeps that one where the other is the input's, empty, or also another step's.

        Returns the network, and by the name of now that of every step.
        """
        wanted = {name: names.get(name) or name for name in (*(step.name for step in self.steps), *self.host)}
        often = Counter([INPUT, *wanted.values()])
        taken = {INPUT: INPUT} | {name: own if often[own] == 1 and own not in wanted.keys() - {name} else name
                                  for name, own in wanted.items()}
        steps = tuple(replace(step, name=taken[step.name], inputs=tuple(taken[name] for name in step.inputs))
                      for step in self.steps)
        return replace(self, steps=steps, host=tuple(taken[name] for name in self.host)), taken

    def layers(self) -> list[Step]:
        """The steps with weights."""
        return [step for step in self.steps if step.layer is not None]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one image's result for every step, and of the input."""
        shapes: dict[str, tuple[int, ...]] = {INPUT: check_shape(tuple(self.input_shape), "the input")}
        for step in self.steps:
            missing = [name for name in step.inputs if name not in shapes]
            if missing:
                raise UserError(f"step {step.name} uses {shown(missing[0], 80)!r}, which no earlier step makes")
            shapes[step.name] = check_shape(_shape_after(step, [shapes[name] for name in step.inputs]),
                                            f"step {shown(step.name, 80)}")
        return shapes


def check_scale(scale: float, what: str) -> None:
    """Refuse a scale that is not positive and finite with a UserError."""
    if not (scale > 0 and math.isfinite(scale)):
        raise UserError(f"{what} has the scale {scale}, expected a positive and finite one")


def check_shape(shape: tuple[int, ...], what: str) -> tuple[int, ...]:
    """The shape of a map (C, H, W) or of features (C,), in range; else a UserError."""
    limits = (MOST_NUMBERS,) if len(shape) == 1 else (MOST_CHANNELS, MOST_SIDE, MOST_SIDE)
    fits = len(shape) == len(limits) and all(1 <= size <= most for size, most in zip(shape, limits, strict=True))
    if not fits or math.prod(shape) > MOST_NUMBERS:
        raise UserError(f"{what} makes {shown(shape, 80)}, expected (channels, rows, columns) of at most "
                        f"{MOST_CHANNELS:,}, {MOST_SIDE:,} and {MOST_SIDE:,}, or features, {MOST_NUMBERS:,} in all")
    return shape


def _shape_after(step: Step, given: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape (C, H, W) or (C,) that a step makes of the shapes `given`; a UserError where it cannot."""
    if step.op not in OPS:
        raise UserError(f"step {step.name} is a {shown(step.op, 40)!r}; there is {', '.join(OPS)}")
    least, most = {"add": (2, 2), "concat": (2, len(given))}.get(step.op, (1, 1))
    if not least <= len(given) <= most:
        raise UserError(f"step {step.name} ({step.op}) has {len(given)} inputs")
    shape = given[0]
    if step.op == "flatten":
        return (int(np.prod(shape)),)
    if step.op == "table":
        check_table(step)
        return shape
    if step.op in ("add", "concat"):
        same = slice(None) if step.op == "add" else slice(1, None)
        if any(other[same] != shape[same] for other in given):
            raise UserError(f"step {step.name} ({step.op}) has inputs of shapes {', '.join(map(str, given))}")
        check_requantisation(step, len(given))
        return shape if step.op == "add" else (sum(other[0] for other in given), *shape[1:])
    rank = 1 if step.op == "linear" else 3
    if len(shape) != rank:
        raise UserError(f"step {step.name} ({step.op}) needs {rank} dimensions, its input is {shape}")
    if step.op in ("maxpool", "avgpool"):
        if step.op == "avgpool":
            check_requantisation(step, 1)
        (kh, kw), (sy, sx), (py, px) = pair(step, "kernel"), pair(step, "stride"), padding(step)
        height, width = shape[1] + 2 * py - kh, shape[2] + 2 * px - kw
        if height < 0 or width < 0 or 2 * py > kh or 2 * px > kw or kh * kw > MOST_PLACES:
            raise UserError(f"step {step.name} pools {(kh, kw)} with padding {(py, px)} on an input of {shape}")
        return shape[0], height // sy + 1, width // sx + 1
    layer = step.layer
    if layer is None:
        raise UserError(f"step {step.name} ({step.op}) has no layer")
    if shape[0] != layer.channels or layer.is_linear != (step.op == "linear"):
        raise UserError(f"step {step.name} ({step.op}) has weights {layer.weight.shape} for an input of {shape}")
    if layer.is_linear:
        return (layer.filters,)
    (kh, kw), (sy, sx), (py, px) = layer.kernel, layer.stride, layer.padding
    height, width = shape[1] + 2 * py - kh, shape[2] + 2 * px - kw
    if height < 0 or width < 0:
        raise UserError(f"step {step.name} has a kernel {layer.kernel} larger than its padded input {shape}")
    return layer.filters, height // sy + 1, width // sx + 1


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


def check_table(step: Step) -> None:
    """256 results in the range of their type; else a UserError."""
    values, kind = step.parameters.get("values"), str(step.parameters.get("output_dtype"))
    low, high = OUTPUT_RANGE.get(kind, (0, -1))
    fits = isinstance(values, (list, tuple)) and len(values) == CODES
    if not fits or not all(type(v) is int and low <= v <= high for v in list(values or ())):
        raise UserError(f"step {step.name}: a table must have {CODES} values of its output type, not "
                        f"{shown(repr(values), 60)} as {shown(kind, 40)}")


def padding(step: Step) -> tuple[int, int]:
    """The `padding` of a pool, (0, 0) where it has none, checked."""
    value = step.parameters.get("padding", (0, 0))
    if not (isinstance(value, (list, tuple)) and len(value) == 2 and all(type(v) is int and v >= 0 for v in value)):
        raise UserError(f"step {step.name}: padding must be two whole numbers of at least 0, not "
                        f"{shown(repr(value), 60)}")
    return value[0], value[1]


def pair(step: Step, key: str) -> tuple[int, int]:
    """A parameter of two positive whole numbers, checked."""
    value = step.parameters.get(key)
    if not (isinstance(value, (list, tuple)) and len(value) == 2 and all(type(v) is int and v > 0 for v in value)):
        raise UserError(f"step {step.name}: {key} must be two positive whole numbers, not {shown(repr(value), 60)}")
    return value[0], value[1]
