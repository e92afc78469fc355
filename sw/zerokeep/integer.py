"""The quantised network in integers: THE reference for its results, in numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from zerokeep.errors import UserError
from zerokeep.network import INPUT, Network, Step, pair
from zeroskip import reference
from zeroskip.layer import Layer

BATCH = 100
"""Images at once: enough to be quick, few enough to stay in the cache."""


def maxpool(values: np.ndarray, kernel: tuple[int, int], stride: tuple[int, int]) -> np.ndarray:
    """The largest code of each window of (N, C, H, W), same type; a last window that does not fit is left out."""
    (kh, kw), (sy, sx) = kernel, stride
    height, width = (values.shape[2] - kh) // sy + 1, (values.shape[3] - kw) // sx + 1
    views = [
        values[:, :, y : y + (height - 1) * sy + 1 : sy, x : x + (width - 1) * sx + 1 : sx]
        for y in range(kh)
        for x in range(kw)
    ]
    return np.maximum.reduce(views)


def add(first: np.ndarray, second: np.ndarray, step: Step) -> np.ndarray:
    """``clamp((first * m0 + second * m1 + (1 << (shift - 1))) >> shift, lo, hi)``, in the step's output type."""
    given = step.parameters
    (m0, m1), shift, (lo, hi) = given["multipliers"], given["shift"], given["clamp"]
    total = first.astype(np.int64) * m0 + second.astype(np.int64) * m1 + (1 << (shift - 1))
    return np.clip(total >> shift, lo, hi).astype(str(given["output_dtype"]))


def _apply(step: Step, given: list[np.ndarray]) -> np.ndarray:
    """The result of one step."""
    if step.op == "maxpool":
        return maxpool(given[0], pair(step, "kernel"), pair(step, "stride"))
    if step.op == "add":
        return add(given[0], given[1], step)
    if step.op == "flatten":
        return given[0].reshape(len(given[0]), -1)
    return reference.run(replace(step.weights, input=given[0]))


def _checked(network: Network, images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape[1:] != tuple(network.input_shape) or len(images) == 0:
        raise UserError(
            f"the network's images are {images.dtype} {images.shape}, expected uint8 (N, "
            f"{', '.join(map(str, network.input_shape))}) with N at least 1"
        )
    return images


def walk(network: Network, images: np.ndarray) -> Iterator[tuple[Step, list[np.ndarray], np.ndarray]]:
    """Every step with its inputs and its result, in order, for all `images` (uint8 (N, C, H, W)) at once.

    Raises
    ------
    UserError
        The images do not fit the network.
    """
    results = {INPUT: _checked(network, images)}
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
    images = _checked(network, images)
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
