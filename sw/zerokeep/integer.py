"""The quantised network in integers: THE reference for its results, in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from zerokeep.dataset import PIXEL_SCALE
from zerokeep.errors import UserError
from zerokeep.network import INPUT, Network
from zerokeep.step import Step, pads, pair, rounding
from zeroskip import reference
from zeroskip.files.memory import check as check_memory
from zeroskip.layer import Layer

BATCH = 100
"""Images at once: enough to be quick, few enough to stay in the cache."""


def windows(values: np.ndarray, step: Step, fill: int) -> list[np.ndarray]:
    """What each place of a pool's kernel sees, (N, C, OH, OW) each; `fill` lies around the map."""
    (kh, kw), (sy, sx), around = pair(step, "kernel"), pair(step, "stride"), pads(step)
    if any(map(any, around)):
        values = np.pad(values, ((0, 0), (0, 0), *around), constant_values=fill)
    height, width = (values.shape[2] - kh) // sy + 1, (values.shape[3] - kw) // sx + 1
    return [
        values[:, :, y : y + (height - 1) * sy + 1 : sy, x : x + (width - 1) * sx + 1 : sx]
        for y in range(kh)
        for x in range(kw)
    ]


def maxpool(values: np.ndarray, step: Step) -> np.ndarray:
    """The largest code of each window of (N, C, H, W), same type; a last window that does not fit is left out."""
    return np.maximum.reduce(windows(values, step, int(np.iinfo(values.dtype).min)))


def requantised(total: np.ndarray, step: Step) -> np.ndarray:
    """``clamp(round(total / 2**shift), lo, hi)``, in the step's output type; halves go where its `rounding` says."""
    low, high = step.parameters["clamp"]
    rounded = reference.round_shift(total, step.parameters["shift"], rounding(step))
    return np.clip(rounded, low, high).astype(str(step.parameters["output_dtype"]))


def _scaled(given: list[np.ndarray], step: Step) -> list[np.ndarray]:
    return [values.astype(np.int64) * factor
            for values, factor in zip(given, step.parameters["multipliers"], strict=True)]


def weighted(step: Step, given: list[np.ndarray]) -> np.ndarray:
    """The result of a layer: of its sums, to which a residual is added ``factor * code`` before they are rounded."""
    layer = replace(step.weights, input=given[0])
    sums = reference.accumulate(layer)
    for residual in given[1:]:
        factors = np.array(step.parameters["residual_factors"], np.int64)
        sums += factors.reshape(-1, *(1 for _ in residual.shape[2:])) * residual
    return reference.result(layer, sums)


def _apply(step: Step, given: list[np.ndarray]) -> np.ndarray:
    """The result of one step."""
    if step.op == "maxpool":
        return maxpool(given[0], step)
    if step.op == "avgpool":
        total = sum(values.astype(np.int64) for values in windows(given[0], step, 0))
        return requantised(np.asarray(total) * step.parameters["multipliers"][0], step)
    if step.op == "add":
        return requantised(np.asarray(sum(_scaled(given, step))), step)
    if step.op == "concat":
        return requantised(np.concatenate(_scaled(given, step), axis=1), step)
    if step.op == "table":
        values = np.array(step.parameters["values"], step.parameters["output_dtype"])
        return values[given[0].astype(np.int64) - np.iinfo(given[0].dtype).min]
    if step.op == "flatten":
        return given[0].reshape(len(given[0]), -1)
    if step.op == "upsample":
        down, across = pair(step, "factor")
        return given[0].repeat(down, axis=2).repeat(across, axis=3)
    return weighted(step, given)


def encode(network: Network, images: np.ndarray) -> np.ndarray:
    """Codes of images: those that are codes stay, floats are divided by the input's scale and rounded.

    Pixels (uint8) are numbers from 0 to 1 to a network that begins with signed codes.

    Raises
    ------
    UserError
        The images do not fit the network.
    """
    images = np.asarray(images)
    if images.dtype == np.uint8 and np.dtype(network.input_dtype) == np.int8:
        images = images.astype(np.float32) * np.float32(PIXEL_SCALE)
    fits = images.shape[1:] == tuple(network.input_shape) and len(images) > 0
    if not fits or images.dtype not in (np.dtype(network.input_dtype), np.float32):
        raise UserError(
            f"the network's images are {images.dtype} {images.shape}, expected {network.input_dtype} or float32 (N, "
            f"{', '.join(map(str, network.input_shape))}) with N at least 1"
        )
    if images.dtype != np.float32:
        return images
    range_of = np.iinfo(network.input_dtype)
    codes = np.floor(images.astype(np.float64) / network.input_scale + 0.5)
    return np.clip(codes, range_of.min, range_of.max).astype(network.input_dtype)


def walk(network: Network, images: np.ndarray) -> Iterator[tuple[Step, list[np.ndarray], np.ndarray]]:
    """Every step with its inputs and its result, in order, for all `images` (N, C, H, W), codes or floats, at once.

    Raises
    ------
    UserError
        The images do not fit the network.
    """
    results = {INPUT: encode(network, images)}
    shapes = network.shapes()
    check_memory(len(images) * sum(8 * math.prod(shape) for shape in shapes.values()), f"{len(images)} images")
    for step in network.steps:
        given = [results[name] for name in step.inputs]
        results[step.name] = _apply(step, given)
        yield step, given, results[step.name]


def run(network: Network, images: np.ndarray, progress: Callable[[float], None] | None = None) -> np.ndarray:
    """The last step's result, (N, classes): int32 accumulators where it has no requantisation.

    `progress` is called with the share done, 0 to 1.

    Raises
    ------
    UserError
        The images do not fit the network.
    """
    images = encode(network, images)
    parts = []
    for start in range(0, len(images), BATCH):
        for _, _, result in walk(network, images[start : start + BATCH]):
            last = result
        parts.append(last)
        if progress:
            progress(min(1.0, (start + BATCH) / len(images)))
    return np.concatenate(parts)


def accuracy(network: Network, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose largest result (the first of equals) is at its label, 0 to 1."""
    return float((run(network, images).argmax(1) == labels).mean())


def layer_inputs(network: Network, images: np.ndarray) -> list[tuple[Step, Layer]]:
    """Each step with weights, with its layer and the `input` that these `images` give it, ready to simulate.

    A layer stands for its own sums alone: what a residual adds to them is left out of it, and of its result.

    Raises
    ------
    UserError
        The images do not fit the network.
    """
    return [
        (step, replace(step.layer, input=given[0]))
        for step, given, _ in walk(network, images)
        if step.layer is not None
    ]
