"""From floats to integers: batch norm folded, scales chosen, requantisation as multiplier and shift.

Weights are int8, symmetric, per output channel; activations uint8, per tensor; the code 0 is the number 0 in
both, so that a zero stays a zero. The last layer keeps its int32 accumulators, and so has ONE weight scale for
all its outputs: else they could not be compared.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from zerokeep.errors import UserError
from zerokeep.loops import to_numbers
from zerokeep.models import INPUT_SHAPE, PIXEL_SCALE
from zerokeep.network import INPUT, Network, Step
from zeroskip.layer import MULTIPLIER_RANGE, SHIFT_RANGE, Layer

WEIGHT_LIMIT = 127
BIAS_LIMIT = 1 << 24
"""A bias may take this much of the accumulator: a channel of tiny weights gets a coarser scale instead."""
CALIBRATION_IMAGES = 512
CLIPS = np.linspace(0.3, 1.0, 71)


def multiplier_and_shift(scale: float) -> tuple[int, int]:
    """Integers with multiplier / 2**shift nearest `scale`, at full precision where the shift's range allows.

    The relative error is at most 2**-16 from 2**-25 on; below, the absolute error is at most 2**-41 until the
    multiplier can only stay 1.

    Raises
    ------
    UserError
        `scale` is not positive and finite, or is above 65535 / 2.

    >>> multiplier_and_shift(1.0)
    (32768, 15)
    """
    if not (math.isfinite(scale) and scale > 0):
        raise UserError(f"a requantisation scale must be positive and finite, not {scale}")
    fraction, exponent = math.frexp(scale)
    shift = 16 - exponent
    if round(fraction * 65536) == 65536:
        shift -= 1
    shift = min(max(shift, SHIFT_RANGE[0]), SHIFT_RANGE[1])
    multiplier = max(round(math.ldexp(scale, shift)), MULTIPLIER_RANGE[0])
    if multiplier > MULTIPLIER_RANGE[1]:
        raise UserError(f"a requantisation scale of {scale} is above what multiplier and shift can express")
    return multiplier, shift


def fold(part: nn.Conv2d | nn.Linear, norm: nn.BatchNorm2d | None) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias (float64) of the layer with its batch norm, in evaluation mode, folded in."""
    weight = part.weight.detach().double().numpy()
    bias = np.zeros(len(weight)) if part.bias is None else part.bias.detach().double().numpy()
    if norm is None:
        return weight.copy(), bias.copy()
    assert norm.running_mean is not None and norm.running_var is not None
    spread = np.sqrt(norm.running_var.double().numpy() + norm.eps)
    gain = (norm.weight.detach().double().numpy() if norm.affine else 1.0) / spread
    offset = norm.bias.detach().double().numpy() if norm.affine else 0.0
    mean = norm.running_mean.double().numpy()
    return weight * gain.reshape((-1,) + (1,) * (weight.ndim - 1)), (bias - mean) * gain + offset


def activation_scale(values: np.ndarray) -> float:
    """The scale of a uint8 tensor of numbers from 0: of 71 clipping points, the one with the least squared error."""
    flat = values[values > 0].astype(np.float64)
    if flat.size == 0:
        return 1.0 / 255.0
    best, least = 1.0, math.inf
    for clip in CLIPS * flat.max():
        scale = clip / 255.0
        codes = np.clip(np.floor(flat / scale + 0.5), 0, 255)
        error = float(((codes * scale - flat) ** 2).sum())
        if error < least:
            best, least = scale, error
    return float(best)


def weight_scales(weight: np.ndarray, bias: np.ndarray, input_scale: float, *, shared: bool) -> np.ndarray:
    """One scale per output channel, (O,) float64; the same for all where `shared`.

    The largest magnitude becomes 127, unless the bias would then exceed ``BIAS_LIMIT``; a channel without
    weights takes what its bias needs.
    """
    largest = np.abs(weight.reshape(len(weight), -1)).max(1) / WEIGHT_LIMIT
    scales = np.maximum(largest, np.abs(bias) / (input_scale * BIAS_LIMIT))
    if shared:
        scales = np.full_like(scales, scales.max())
    return np.where(scales > 0, scales, 1.0)


def quantise_layer(
    weight: np.ndarray,
    bias: np.ndarray,
    *,
    input_scale: float,
    output_scale: float | None,
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
        Of the uint8 result, after ReLU; ``None`` keeps the accumulators, on one scale.
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
        fields = {"multiplier": np.array([m for m, _ in pairs]), "shift": np.array([s for _, s in pairs])}
    layer = Layer(weight=codes, bias=bias_codes, stride=stride, padding=padding, groups=groups, **fields)
    return layer, float(scales[0]) * input_scale if output_scale is None else output_scale


def _pair(value: int | tuple[int, ...] | str) -> tuple[int, int]:
    assert not isinstance(value, str), "padding by name is not supported"
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _run_of(parts: list[tuple[str, nn.Module]], start: int) -> tuple[nn.BatchNorm2d | None, bool, int]:
    """The batch norm and the ReLU that follow a layer, and how many parts they are."""
    length, norm, relu = 1, None, False
    if start + length < len(parts) and isinstance(parts[start + length][1], nn.BatchNorm2d):
        norm = parts[start + length][1]
        length += 1
    if start + length < len(parts) and isinstance(parts[start + length][1], nn.ReLU):
        relu = True
        length += 1
    return norm, relu, length  # type: ignore[return-value]


def quantise(
    module: nn.Sequential,
    images: np.ndarray,
    *,
    name: str = "network",
    input_shape: tuple[int, int, int] = INPUT_SHAPE,
) -> Network:
    """The network in integers.

    Parameters
    ----------
    module
        A sequence of convolutions, batch norms, ReLUs, max pools, flatten and linear layers; every layer with
        weights but the last is followed by a ReLU.
    images
        uint8 (N, C, H, W) to calibrate on, from the training set; the first 512 are used.
    name, input_shape
        Of the network.

    Raises
    ------
    UserError
        A part that has no integer form here.
    """
    parts = list(module.named_children())
    last = max((i for i, (_, p) in enumerate(parts) if isinstance(p, (nn.Conv2d, nn.Linear))), default=-1)
    numbers = to_numbers(images[:CALIBRATION_IMAGES])
    steps: list[Step] = []
    before, scale, position = INPUT, PIXEL_SCALE, 0
    module.eval()
    while position < len(parts):
        label, part = parts[position]
        norm, relu, length = None, False, 1
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            norm, relu, length = _run_of(parts, position)
        with torch.no_grad():
            for _, each in parts[position : position + length]:
                numbers = each(numbers)
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            if not relu and position != last:
                raise UserError(f"{label} is followed by no ReLU, so its uint8 result cannot hold it")
            weight, bias = fold(part, norm)
            geometry = {}
            if isinstance(part, nn.Conv2d):
                if _pair(part.dilation) != (1, 1):
                    raise UserError(f"{label} is dilated, which has no integer form here")
                geometry = {"stride": _pair(part.stride), "padding": _pair(part.padding)}
            layer, scale = quantise_layer(
                weight, bias, input_scale=scale, groups=getattr(part, "groups", 1),
                output_scale=activation_scale(numbers.numpy()) if relu else None, **geometry,
            )  # fmt: skip
            op = "linear" if isinstance(part, nn.Linear) else "conv"
            steps.append(Step(name=label, op=op, inputs=(before,), scale=scale, layer=layer))
        elif isinstance(part, nn.MaxPool2d) and part.padding == 0 and not part.ceil_mode and part.dilation == 1:
            given = {"kernel": _pair(part.kernel_size), "stride": _pair(part.stride)}
            steps.append(Step(name=label, op="maxpool", inputs=(before,), scale=scale, parameters=dict(given)))
        elif isinstance(part, nn.Flatten):
            steps.append(Step(name=label, op="flatten", inputs=(before,), scale=scale))
        else:
            raise UserError(f"{label} ({type(part).__name__}) has no integer form here")
        before = label
        position += length
    return Network(name=name, input_shape=input_shape, input_scale=PIXEL_SCALE, steps=tuple(steps))
