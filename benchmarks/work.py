"""The work of the benchmarks: standard layers with zeros at random, and the demo's network pruned."""

from __future__ import annotations

from pathlib import Path

import zerokeep  # noqa: F401  isort: skip - before numpy, since it asks for one thread

import numpy as np

from zeroskip.layer import Layer

FOLDER = Path("build/bench")


def convolution(filters: int, channels: int, kernel: int, size: int, *, weights: float, activations: float,
                stride: int = 1, images: int = 1, seed: int = 0) -> Layer:
    """A square convolution padded to keep its map's size (over the stride), uint8 results.

    `weights`, `activations`: shares that are not zero, at random. Outputs are scaled so that few are clamped.
    """
    rng = np.random.default_rng(seed)
    weight = rng.integers(-127, 128, (filters, channels, kernel, kernel)).astype(np.int8)
    weight = np.where(weight == 0, 1, weight)
    data = rng.integers(1, 256, (images, channels, size, size)).astype(np.uint8)
    return Layer(weight=keep(rng, weight, weights), input=keep(rng, data, activations), stride=(stride, stride),
                 padding=(kernel // 2, kernel // 2), multiplier=np.full(filters, 3000), shift=np.full(filters, 22))


def linear(filters: int, channels: int, *, weights: float, activations: float, images: int = 1, seed: int = 0) -> Layer:
    """A linear layer with zeros at random, int32 results."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(-127, 128, (filters, channels)).astype(np.int8)
    data = rng.integers(1, 256, (images, channels)).astype(np.uint8)
    return Layer(weight=keep(rng, np.where(weight == 0, 1, weight), weights), input=keep(rng, data, activations))


def keep(rng: np.random.Generator, values: np.ndarray, kept: float) -> np.ndarray:
    """The values with all but about that share of them set to zero."""
    return np.where(rng.random(values.shape) < kept, values, 0).astype(values.dtype)


def demo_folder(zero_ratio: float | None = None) -> Path:
    """The model folder of the demo's network: the one that ships, or one with another zero ratio in every layer.

    The first convolution keeps the default's ratio. Made where it is not there yet, with one pass of fine-tuning.
    """
    from zerokeep import model_folder
    from zerokeep.data import load
    from zerokeep.errors import UserError
    from zerokeep.models import load_base
    from zerokeep.pipeline import prune_model
    from zerokeep.recipe import Recipe
    from zerokeep.shipped import shipped_folders

    if zero_ratio is None:
        return next(folder for folder in shipped_folders() if folder.name == "vgg-small")
    recipe = Recipe(zero_ratio=zero_ratio, linear_zero_ratio=zero_ratio, epochs=1)
    folder = FOLDER / f"demo-{recipe.zero_ratio:g}"
    try:
        model_folder.read(folder)
    except UserError:
        print(f"prune {folder}", flush=True)
        prune_model(load_base(), load(None), recipe, folder)
    return folder


def demo_layers(folder: Path, images: int) -> dict[str, Layer]:
    """The layers of a model folder with the maps that the first test images give them."""
    from zerokeep import model_folder
    from zerokeep.data import load

    return {step.name: layer for step, layer in model_folder.layer_inputs(folder, load(None).test_images[:images])}
