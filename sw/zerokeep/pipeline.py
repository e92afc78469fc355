"""Prune, fine-tune, quantise, export and measure: a base network in, a model folder out."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from zerokeep import integer, model_folder, onnx_export
from zerokeep.counts import layer_counts, totals
from zerokeep.data import DataSet
from zerokeep.errors import UserError
from zerokeep.finetune import finetune
from zerokeep.loops import Progress, accuracy, reproducible
from zerokeep.models import Base
from zerokeep.prune import prune, weighted_layers
from zerokeep.quantise import quantise
from zerokeep.recipe import Recipe

PACKAGES = ("zerokeep", "torch", "torch-pruning", "numpy", "onnx", "onnxruntime")
LEAST_AGREEMENT = 0.999


def tool_versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that shape the result; ``None`` for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _part(progress: Progress | None, start: float, end: float) -> Progress:
    """A progress of its own for the stretch from `start` to `end` of the whole."""

    def report(text: str, share: float) -> None:
        if progress:
            progress(text, start + (end - start) * share)

    return report


def _said(report: Progress, text: str) -> Callable[[float], None]:
    return lambda share: report(text, share)


def prune_model(
    base: Base,
    data: DataSet,
    recipe: Recipe,
    out: str | os.PathLike[str],
    progress: Progress | None = None,
    *,
    command: str | None = None,
) -> dict[str, Any]:
    """Do `recipe` to `base` and write the model folder `out`.

    Parameters
    ----------
    base
        The trained network; it stays as it is.
    data
        Training images to fine-tune and calibrate on; test images to measure on.
    recipe
        ``Recipe.unpruned()`` gives the int8 network with nothing removed.
    out
        A new folder, or an earlier model folder to replace.
    progress
        Called with what is being done and the share done of the whole.
    command
        What to write down as the way to run it again, where the default does not say enough.

    Returns ``model.json``'s content: `accuracy` (`base`, `pruned`, `int8` as shares, `data`, `test_images`,
    `onnx_agreement`), `recipe`, `counts` per layer, `totals`, `nzer`, `nzer_orig`, `removed`, `seconds` and the rest.

    Raises
    ------
    UserError
        `out` cannot be written, or the ONNX file disagrees with the integer reference.
    """
    model_folder.check_writable(out)
    started = time.monotonic()
    images = len(data.train_images)
    test = data.test_images, data.test_labels
    report = _part(progress, 0.0, 0.05)
    report("testing the base network", 0.0)
    with reproducible(recipe.seed):
        shares = {"base": accuracy(base.module, *test)}
        report("pruning", 0.9)
        module, removed = prune(base.module, recipe)
    epochs = recipe.epochs_for(images)
    teacher = base.module if recipe.distil else None
    finetune(
        module, data, epochs=epochs, seed=recipe.seed, teacher=teacher, progress=_part(progress, 0.05, 0.75)
    )
    report = _part(progress, 0.75, 1.0)
    report("quantising", 0.0)
    with reproducible(recipe.seed):
        shares["pruned"] = accuracy(module, *test)
        network = quantise(module, data.train_images, name=base.name)
    results = integer.run(network, data.test_images, _said(report, "testing the integer network"))
    shares["int8"] = float((results.argmax(1) == data.test_labels).mean())
    exported = onnx_export.build(network).SerializeToString()
    agreement = float((onnx_export.run(exported, data.test_images).argmax(1) == results.argmax(1)).mean())
    if agreement < LEAST_AGREEMENT:
        raise UserError(f"ONNX Runtime agrees with the integer reference on only {agreement:.2%} of the images")
    rows = layer_counts(network, {name: tuple(part.weight.shape) for name, part in weighted_layers(base.module)})
    total = totals(rows)
    info = {
        "base": {"model": base.name, "source": base.source, "training": dict(base.metadata)},
        "data": {"name": data.name, "train_images": images, "test_images": len(data.test_images)},
        "criterion": recipe.criterion,
        "recipe": recipe.as_dict(images),
        "seed": recipe.seed,
        "accuracy": shares | {
            "data": data.name, "test_images": len(data.test_images), "onnx_agreement": agreement,
        },
        "nzer": total["nzer"], "nzer_orig": total["nzer_orig"],
        "counts": rows, "totals": total, "removed": removed,
        "command": command or f"zerokeep prune --model {base.source or base.name} {recipe.options(images)}",
        "tool_versions": tool_versions(),
        "seconds": round(time.monotonic() - started, 1),
    }  # fmt: skip
    return model_folder.write(out, network, exported, info)
