"""A quantised network: steps in order, each with its parameters and, where it has weights, its layer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from zerokeep.errors import UserError
from zerokeep.step import Step, shape_after
from zeroskip.files.names import shown
from zeroskip.ranges import MOST_CHANNELS, MOST_NUMBERS, MOST_SIDE

INPUT = "input"
INPUT_DTYPES = ("uint8", "int8")
MOST_STEPS = 10_000


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
        self._check_residuals()

    def _check_residuals(self) -> None:
        kinds = self.dtypes()
        for step in self.layers():
            if any(kinds[name] == "int32" for name in step.inputs[1:]):
                raise UserError(f"step {shown(step.name, 80)} ({step.op}) has accumulators for its residual, expected "
                                "codes of 8 bits")

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
            shapes[step.name] = check_shape(shape_after(step, [shapes[name] for name in step.inputs]),
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
