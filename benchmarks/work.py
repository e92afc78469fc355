"""The work of the benchmarks: the demo's network pruned."""

from __future__ import annotations

from pathlib import Path

from zeroskip.layer import Layer

FOLDER = Path("build/bench")


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
