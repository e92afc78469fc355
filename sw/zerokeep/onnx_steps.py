"""The steps of a network while it is read from a quantised ONNX file."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from zerokeep.network import INPUT, Network, Step
from zerokeep.onnx_read import OnnxFile
from zerokeep.onnx_tables import ELEMENTWISE
from zerokeep.onnx_values import SAME_SCALE, Codes, Constant, Pending
from zerokeep.scales import multiplier_and_shift, multipliers_and_shift
from zeroskip.layer import OUTPUT_RANGE, Layer

ENDINGS = re.compile(r"_(q|quantized|QuantizeLinear_Output|sum|mean|relu)$")
"""What quantisers append to the name of a value, and a step's name goes without."""


class Steps:
    """The steps so far, in `made`."""

    def __init__(self, file: OnnxFile) -> None:
        self.file = file
        self.made: list[Step] = []

    def add(self, result: str, op: str, sources: tuple[Codes, ...], scale: float, dtype: str, **more: Any) -> Codes:
        """A step that makes the value `result` of the `sources`; the codes that it makes."""
        name = re.sub(r"[^\w.-]", "_", ENDINGS.sub("", result)).strip("_.") or "step"
        while any(step.name == name for step in self.made) or name == INPUT:
            name += "_"
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
        bounds = [bound if np.isinf(bound) else round(bound / scale) for bound in (value.low, value.high)]
        clamp = (int(max(limits[0], bounds[0])), int(min(limits[1], bounds[1])))
        name, sources = value.operation.result, value.sources
        if value.weight is not None:
            pairs = [multiplier_and_shift(float(own) * sources[0].scale / scale) for own in _each(value.weight)]
            layer = self._as_layer(value, multiplier=np.array([m for m, _ in pairs]), clamp=clamp, output_dtype=dtype,
                                   shift=np.array([s for _, s in pairs]))
            return self.add(name, "linear" if layer.is_linear else "conv", sources, scale, dtype, layer=layer)
        if value.elementwise:
            low, high = OUTPUT_RANGE[sources[0].dtype]
            numbers = np.arange(low, high + 1) * sources[0].scale
            made = ELEMENTWISE[value.elementwise](numbers, value.operation.attributes)
            codes = np.clip(np.floor(made / scale + 0.5), *clamp)
            return self.add(name, "table", sources, scale, dtype,
                              parameters={"values": [int(code) for code in codes], "output_dtype": dtype})
        op = {"Add": "add", "Concat": "concat"}.get(value.operation.op, "avgpool")
        factors, told = [own.scale / scale for own in sources], dict(value.geometry or {})
        if op == "avgpool":
            if not told:
                shapes = Network(name="so far", input_shape=self.file.shape, input_scale=1.0,  # type: ignore[arg-type]
                                 steps=tuple(self.made)).shapes()
                told = {"kernel": tuple(shapes[sources[0].step][1:]), "stride": (1, 1)}
            factors = [sources[0].scale / (told["kernel"][0] * told["kernel"][1]) / scale]
        multipliers, shift = multipliers_and_shift(factors)
        told |= {"multipliers": multipliers, "shift": shift, "clamp": list(clamp), "output_dtype": dtype}
        return self.add(name, op, sources, scale, dtype, parameters=told)

    def _as_layer(self, value: Pending, **fields: Any) -> Layer:
        assert value.weight is not None
        return Layer(weight=value.weight.codes, bias=value.bias, **(value.geometry or {}), **fields)

    def finish(self, value: Pending) -> None:
        """The last step, where the network ends in a layer's numbers: its accumulators."""
        assert value.weight is not None
        scales = value.weight.scales
        if value.flat:
            raise value.operation.refuse("ends the network flattened and not quantised, which cannot be taken")
        if np.any(np.abs(scales / scales[0] - 1) > SAME_SCALE):
            raise value.operation.refuse("ends the network with weights on several scales: its sums cannot be compared "
                                         "as integers; quantise its result, or give it one scale")
        if np.isfinite(value.low) or np.isfinite(value.high):
            raise value.operation.refuse("ends the network with a ReLU that is not quantised")
        layer = self._as_layer(value)
        self.add(value.operation.result, "linear" if layer.is_linear else "conv", value.sources, layer=layer,
                 scale=float(scales[0]) * value.sources[0].scale, dtype="int32")


def _each(weight: Constant) -> np.ndarray:
    return np.broadcast_to(weight.scales, len(weight.codes))
