"""From floats to integers: batch norm folded, scales chosen, requantisation as multiplier and shift.

Weights are int8, symmetric, per output channel; activations uint8 where nothing is negative, else int8, per tensor; the
code 0 is the number 0 in both, so that a zero stays a zero. A convolution or linear layer at the end keeps its int32
accumulators, and so has ONE weight scale for all its outputs: else they could not be compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from zerokeep.dataset import PIXEL_SCALE
from zerokeep.errors import UserError
from zerokeep.graph import INPUT, Graph, trace
from zerokeep.loops import to_numbers
from zerokeep.network import Network, Step
from zerokeep.parts import Part, float_results, fold, gain_and_offset, parts_of
from zerokeep.scales import (
    WEIGHT_LIMIT,
    activation_scale,
    multiplier_and_shift,
    multipliers_and_shift,
    weight_scales,
)
from zeroskip.layer import OUTPUT_RANGE, Layer

CALIBRATION_IMAGES = 512


def quantise_layer(
    weight: np.ndarray,
    bias: np.ndarray,
    *,
    input_scale: float,
    output_scale: float | None,
    output_dtype: str = "uint8",
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    groups: int = 1,
) -> tuple[Layer, float]:
    """A layer in integers and the scale of its result.

    Parameters
    ----------
    weight, bias
        Float, batch norm folded in; (O, I / groups, KH, KW) or (O, I), and (O,).
    input_scale
        Of the incoming codes.
    output_scale
        Of the result's codes; ``None`` keeps the accumulators, on one scale.
    output_dtype
        ``"uint8"`` after a ReLU, else ``"int8"``.
    stride, padding, groups
        As in ``Layer``.
    """
    scales = weight_scales(weight, bias, input_scale, shared=output_scale is None)
    per_channel = scales.reshape((-1,) + (1,) * (weight.ndim - 1))
    codes = np.clip(np.rint(weight / per_channel), -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8)
    bias_codes = np.rint(bias / (scales * input_scale)).astype(np.int32)
    fields: dict[str, Any] = {}
    if output_scale is not None:
        pairs = [multiplier_and_shift(float(s) * input_scale / output_scale) for s in scales]
        fields = {"multiplier": np.array([m for m, _ in pairs]), "shift": np.array([s for _, s in pairs]),
                  "output_dtype": output_dtype}
    layer = Layer(weight=codes, bias=bias_codes, stride=stride, padding=padding, groups=groups, **fields)
    return layer, float(scales[0]) * input_scale if output_scale is None else output_scale


def quantise(
    module: nn.Module,
    images: np.ndarray,
    *,
    name: str = "network",
) -> Network:
    """The network in integers.

    Parameters
    ----------
    module
        Anything that ``zerokeep.graph.trace`` takes.
    images
        (N, C, H, W) to calibrate on, from the training set, uint8 or float32; the first 512 are used.
    name
        Of the network.

    Raises
    ------
    UserError
        The network cannot be traced, or a node has no integer form or gives what is not finite; the message names it.
    """
    channels, height, width = images.shape[1:]
    module.eval()
    graph = trace(module, (channels, height, width))
    return Quantiser(graph, images[:CALIBRATION_IMAGES]).network(name, (channels, height, width))


class Quantiser:
    """Chooses every scale of a traced network, and makes its steps."""

    def __init__(self, graph: Graph, images: np.ndarray) -> None:
        self.graph, self.parts = graph, parts_of(graph)
        self.results = float_results(graph, self.parts, to_numbers(images))
        self.dtypes: dict[str, str] = {}
        self.scales: dict[str, float] = {}
        self._choose(images)

    def _choose(self, images: np.ndarray) -> None:
        """The type and the scale of the input and of every part's result."""
        pixels = images.dtype == np.uint8
        self.dtypes[INPUT] = "uint8" if pixels or images.min() >= 0 else "int8"
        self.scales[INPUT] = PIXEL_SCALE if pixels else activation_scale(images, self.dtypes[INPUT])
        for part in self.parts:
            self._check_finite(part)
            kind, before = part.node.kind, part.inputs[0]
            if kind in ("maxpool", "flatten"):
                self.dtypes[part.name], self.scales[part.name] = self.dtypes[before], self.scales[before]
                continue
            signed = [self.dtypes[own] == "int8" for own in part.inputs]
            if kind == "table":
                signed = [bool((self.results[part.name] < 0).any())]
            negative = not part.relu and (any(signed) or kind in ("conv", "linear", "norm")) and kind != "relu"
            dtype = "int8" if negative else "uint8"
            self.dtypes[part.name] = dtype
            self.scales[part.name] = activation_scale(self.results[part.name], dtype)

    def _check_finite(self, part: Part) -> None:
        wrong = int((~np.isfinite(self.results[part.name])).sum())
        if wrong:
            raise UserError(f"node {part.name}: {wrong:,} of the {self.results[part.name].size:,} values that it gives "
                            "on the calibration images are not finite: no scale fits them")

    def network(self, name: str, shape: tuple[int, int, int]) -> Network:
        """The network, its steps named as the parts."""
        steps = [step for part in self.parts for step in self._steps(part)]
        return Network(name=name, input_shape=shape, input_scale=self.scales[INPUT], steps=tuple(steps),
                       input_dtype=self.dtypes[INPUT], host=self.graph.host)

    def _steps(self, part: Part) -> list[Step]:
        kind = part.node.kind
        if kind in ("conv", "linear", "norm"):
            return [self._weighted(part)]
        given: dict[str, Any] = {"name": part.name, "op": kind, "inputs": part.inputs, "scale": self.scales[part.name]}
        if kind == "flatten":
            return [Step(**given)]
        if kind in ("maxpool", "avgpool", "mean"):
            return self._pool(part, given)
        if kind in ("add", "concat"):
            self._check_sum(part)
            return [Step(**given, parameters=self._requantisation(part, self._input_scales(part)))]
        return [Step(**given | {"op": "table"}, parameters=self._table(part))]

    def _input_scales(self, part: Part) -> list[float]:
        return [self.scales[name] for name in part.inputs]

    def _requantisation(self, part: Part, scales: list[float]) -> dict[str, Any]:
        dtype = self.dtypes[part.name]
        multipliers, shift = multipliers_and_shift([scale / self.scales[part.name] for scale in scales])
        return {"multipliers": multipliers, "shift": shift, "clamp": list(OUTPUT_RANGE[dtype]), "output_dtype": dtype}

    def _check_sum(self, part: Part) -> None:
        node = part.node
        if node.kind == "add" and (len(node.inputs) != 2 or node.given[0] != node.given[1]
                                   or node.options.get("alpha", 1) != 1):
            raise UserError(f"node {node.name} adds shapes {', '.join(map(str, node.given))}: only two tensors of one "
                            "shape have an integer form here")
        channels = sum(shape[0] for shape in node.given)
        if node.kind == "concat" and node.shape != (channels, *node.given[0][1:]):
            raise UserError(f"node {node.name} joins {', '.join(map(str, node.given))} to {node.shape}: only channels "
                            "can be joined here")

    def _weighted(self, part: Part) -> Step:
        node = part.node
        if node.kind == "norm":
            weight, bias, geometry = _norm_as_layer(part)
        else:
            if node.kind == "linear" and len(node.given[0]) != 1:
                raise UserError(f"node {node.name} is a linear layer on {node.given[0]}, it has an integer form here "
                                "only after flattening")
            weight, bias = fold(node.weighted, part.norm)
            geometry = _geometry(node.name, node.weighted)
            weight = spread(weight, geometry.pop("dilation", (1, 1)))
        is_end = part is self.parts[-1] and not part.relu
        layer, scale = quantise_layer(
            weight, bias, input_scale=self.scales[part.inputs[0]], output_dtype=self.dtypes[part.name],
            output_scale=None if is_end else self.scales[part.name], **geometry,
        )  # fmt: skip
        op = "linear" if weight.ndim == 2 else "conv"
        return Step(name=part.name, op=op, inputs=part.inputs, scale=scale, layer=layer)

    def _pool(self, part: Part, given: dict[str, Any]) -> list[Step]:
        node = part.node
        if node.kind == "mean":
            told: dict[str, Any] = {"kernel": tuple(node.given[0][1:]), "stride": (1, 1)}
        else:
            told = _pool_geometry(part)
        if node.kind == "maxpool":
            return [Step(**given, parameters=told)]
        area = told["kernel"][0] * told["kernel"][1]
        told |= self._requantisation(part, [self.scales[part.inputs[0]] / area])
        flat = node.kind == "mean" and len(node.shape) == 1
        pool = Step(**given | {"op": "avgpool", "name": f"{part.name}_map" if flat else part.name}, parameters=told)
        return [pool, Step(**given | {"op": "flatten", "inputs": (pool.name,)})] if flat else [pool]

    def _table(self, part: Part) -> dict[str, Any]:
        """The result's code of each of the input's 256 codes."""
        source, dtype = part.inputs[0], self.dtypes[part.name]
        low, high = OUTPUT_RANGE[self.dtypes[source]]
        numbers = torch.arange(low, high + 1, dtype=torch.float32) * self.scales[source]
        made = part.node.function(numbers).double().numpy() / self.scales[part.name]
        codes = np.clip(np.floor(made + 0.5), *OUTPUT_RANGE[dtype])
        return {"values": [int(code) for code in codes], "output_dtype": dtype}


def spread(weight: np.ndarray, dilation: tuple[int, int]) -> np.ndarray:
    """A dilated kernel as a larger one with zeros between: they cost the zero-skip array nothing."""
    if dilation == (1, 1) or weight.ndim == 2:
        return weight
    (dy, dx), (kh, kw) = dilation, weight.shape[2:]
    wide = np.zeros((*weight.shape[:2], (kh - 1) * dy + 1, (kw - 1) * dx + 1))
    wide[:, :, ::dy, ::dx] = weight
    return wide


def _geometry(name: str, part: nn.Conv2d | nn.Linear) -> dict[str, Any]:
    """Stride, padding, dilation and groups of a convolution."""
    if isinstance(part, nn.Linear):
        return {}
    if part.padding_mode != "zeros":
        raise UserError(f"node {name} pads by {part.padding_mode!r}, only zeros have an integer form here")
    dilation, padding = _pair(part.dilation), part.padding
    if isinstance(padding, str):
        same = [d * (k - 1) for d, k in zip(dilation, part.kernel_size, strict=True)]
        around = [0, 0] if padding == "valid" else same
        if any(each % 2 for each in around):
            raise UserError(f"node {name} pads unevenly ('same' with an even kernel), which has no integer form here")
        padding = (around[0] // 2, around[1] // 2)
    return {"stride": _pair(part.stride), "padding": _pair(padding), "dilation": dilation, "groups": part.groups}


def _norm_as_layer(part: Part) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """A batch norm that stands alone: a 1x1 convolution of each channel with itself, or a diagonal linear layer."""
    assert part.node.module is not None
    gain, offset = gain_and_offset(part.node.module)
    if len(part.node.shape) == 1:
        return np.diag(gain), offset, {}
    return gain.reshape(-1, 1, 1, 1), offset, {"groups": len(gain)}


def _pool_geometry(part: Part) -> dict[str, Any]:
    """Kernel, stride and padding of a pool, module or function."""
    node = part.node
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "count_include_pad", "divisor_override")
    told = {name: getattr(node.module, name) for name in names if hasattr(node.module, name)} or dict(node.options)
    padding = _pair(told.get("padding", 0))
    uneven = padding != (0, 0) and node.kind == "avgpool" and not told.get("count_include_pad", True)
    dilated = _pair(told.get("dilation", 1)) != (1, 1)
    if told.get("ceil_mode") or told.get("divisor_override") or dilated or uneven:
        raise UserError(f"node {node.name} pools with ceil_mode, dilation, a divisor or uncounted padding, which has "
                        "no integer form here")
    kernel = _pair(told["kernel_size"])
    stride = told.get("stride")
    found = {"kernel": kernel, "stride": kernel if stride is None else _pair(stride)}
    return found | ({"padding": padding} if padding != (0, 0) else {})


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
