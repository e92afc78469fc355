"""The steps of a network while it is read from a quantised ONNX file."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from zerokeep.network import INPUT, Step
from zerokeep.onnx_read import OnnxFile
from zerokeep.onnx_shapes import Shapes
from zerokeep.onnx_tables import ELEMENTWISE
from zerokeep.onnx_values import SAME_SCALE, Codes, Constant, Pending
from zerokeep.scales import multiplier_and_shift, multipliers_and_shift
from zeroskip.layer import OUTPUT_RANGE, Layer

ENDINGS = re.compile(r"_(q|quantized|QuantizeLinear_Output|sum|mean|relu)$")
"""What quantisers append to the name of a value, and a step's name goes without."""
NAME = 80
"""Characters of a step's name."""


class Steps:
    """The steps so far, in `made`."""

    def __init__(self, file: OnnxFile, shapes: Shapes) -> None:
        self.file, self.shapes = file, shapes
        self.labels = {operation.result: operation.label for operation in file.operations if operation.label}
        self.made: list[Step] = []
        self._names = {INPUT, "output"}
        self._counts: Counter[str] = Counter()

    def _name(self, result: str) -> str:
        """A name for the step that makes a value: what a file from here says, else the value's, letters and digits."""
        stem = self.labels.get(result) or ENDINGS.sub("", result)
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", stem[:NAME]).strip("_.") or "step"
        free = name
        while free in self._names:
            self._counts[name] += 1
            free = f"{name}_{self._counts[name] + 1}"
        self._names.add(free)
        return free

    def add(self, result: str, op: str, sources: tuple[Codes, ...], scale: float, dtype: str, **more: Any) -> Codes:
        """A step that makes the value `result` of the `sources`; the codes that it makes."""
        name = self._name(result)
        self.made.append(Step(name=name, op=op, inputs=tuple(own.step for own in sources), scale=scale, **more))
        return Codes(step=name, scale=scale, dtype=dtype)

    def flatten(self, result: str, given: Codes) -> Codes:
        """A step that gives codes the shape (N, all the rest)."""
        return self.add(result, "flatten", (given,), given.scale, given.dtype)

    def settle(self, value: Pending, scale: float, dtype: str, limits: tuple[int, int]) -> Codes:
        """The step of what was pending, now that the scale of its codes is known; and one that makes it flat."""
        made = self._settle(value, scale, dtype, limits)
        return self.flatten(f"{made.step}_flat", made) if value.flat else made

    def _settle(self, value: Pending, scale: float, dtype: str, limits: tuple[int, int]) -> Codes:
        clamp = _code(value.low, scale, limits), _code(value.high, scale, limits)
        name, sources = value.operation.result, value.sources
        if value.weight is not None:
            pairs = [multiplier_and_shift(float(own) * sources[0].scale / scale) for own in _each(value.weight)]
            layer = _as_layer(value, value.weight, multiplier=np.array([m for m, _ in pairs]), clamp=clamp,
                              output_dtype=dtype, shift=np.array([s for _, s in pairs]))
            return self.add(name, "linear" if layer.is_linear else "conv", sources, scale, dtype, layer=layer)
        if value.elementwise:
            codes = _table(value, scale, clamp)
            return self.add(name, "table", sources, scale, dtype, parameters={"values": codes, "output_dtype": dtype})
        op = {"Add": "add", "Concat": "concat"}.get(value.operation.op, "avgpool")
        factors, told = [own.scale / scale for own in sources], dict(value.geometry or {})
        if op == "avgpool":
            told = told or {"kernel": self.shapes.found[value.operation.inputs[0]][1:], "stride": (1, 1)}
            factors = [sources[0].scale / (told["kernel"][0] * told["kernel"][1]) / scale]
        multipliers, shift = multipliers_and_shift(factors)
        told |= {"multipliers": multipliers, "shift": shift, "clamp": list(clamp), "output_dtype": dtype}
        return self.add(name, op, sources, scale, dtype, parameters=told)

    def finish(self, value: Pending, weight: Constant) -> None:
        """The last step, where the network ends in a layer's numbers: its accumulators."""
        scales = weight.scales
        if value.flat:
            raise value.operation.refuse("ends the network flattened and not quantised, which cannot be taken")
        if np.any(np.abs(scales / scales[0] - 1) > SAME_SCALE):
            raise value.operation.refuse("ends the network with weights on several scales: its sums cannot be compared "
                                         "as integers; quantise its result, or give it one scale")
        if np.isfinite(value.low) or np.isfinite(value.high):
            raise value.operation.refuse("ends the network with a ReLU that is not quantised")
        layer = _as_layer(value, weight)
        self.add(value.operation.result, "linear" if layer.is_linear else "conv", value.sources, layer=layer,
                 scale=float(scales[0]) * value.sources[0].scale, dtype="int32")


def _as_layer(value: Pending, weight: Constant, **fields: Any) -> Layer:
    return Layer(weight=weight.codes, bias=value.bias, **(value.geometry or {}), **fields)


def _code(bound: float, scale: float, limits: tuple[int, int]) -> int:
    """The code nearest a bound that may be infinite."""
    return round(min(max(bound / scale, limits[0]), limits[1]))


def _table(value: Pending, scale: float, clamp: tuple[int, int]) -> list[int]:
    """The result's code of each of the 256 codes of what goes in."""
    low, high = OUTPUT_RANGE[value.sources[0].dtype]
    numbers = np.arange(low, high + 1) * value.sources[0].scale
    codes = np.floor(ELEMENTWISE[value.elementwise](numbers, value.operation) / scale + 0.5)
    return [int(code) for code in np.clip(codes, clamp[0], clamp[1])]


def _each(weight: Constant) -> np.ndarray:
    return np.broadcast_to(weight.scales, len(weight.codes))
