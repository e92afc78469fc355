"""Prune, fine-tune, quantise, export and measure: a base network in, a model folder out."""

from __future__ import annotations

import os
import platform
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from torch import nn

from zerokeep import integer, model_folder, onnx_export
from zerokeep.counts import layer_counts, totals
from zerokeep.dataset import DataSet
from zerokeep.errors import UserError
from zerokeep.finetune import finetune
from zerokeep.growth import growth_of
from zerokeep.loops import Progress, accuracy, logits, reproducible, to_numbers
from zerokeep.models import Base
from zerokeep.network import Network
from zerokeep.prune import COST_IMAGES, prune
from zerokeep.quantise import quantise
from zerokeep.recipe import Recipe
from zerokeep.removal import weighted_layers
from zerokeep.rounded import finetune_rounded
from zerokeep.shipped import weights_digest
from zeroskip.files.reading import read_bytes

PACKAGES = ("zerokeep", "torch", "torch-pruning", "numpy", "onnx", "onnxruntime")
LEAST_AGREEMENT = 0.999
FIRST_LOOK = 8


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a recipe made of a network.

    Parameters
    ----------
    module
        Pruned and fine-tuned.
    network
        The same in integers.
    removed
        Filters that went, by the first layer of their group.
    accuracy
        Shares of the test images, 0 to 1: `base`, `pruned`, `int8`.
    answers
        The integer network's, (N, classes).
    """

    module: nn.Module
    network: Network
    removed: dict[str, list[int]]
    accuracy: dict[str, float]
    answers: np.ndarray


def carry_out(base: Base, data: DataSet, recipe: Recipe, progress: Progress | None = None) -> Outcome:
    """Do `recipe` to `base`: prune, fine-tune, quantise, test.

    Parameters
    ----------
    base
        The trained network; it stays as it is.
    data
        Training images to fine-tune and calibrate on; test images to measure on.
    recipe
        What to do.
    progress
        Called with what is being done and the share done of the whole.

    Raises
    ------
    UserError
        The network cannot be traced or has no integer form, or the recipe cannot be done to it.
    """
    test = data.test_images, data.test_labels
    report = _part(progress, 0.0, 0.05)
    report("testing the base network", 0.0)
    quantise(base.module, data.train_images[:FIRST_LOOK])  # what has no integer form is said before anything is learnt
    data.check_answers(tuple(logits(base.module, data.test_images[:FIRST_LOOK]).shape[1:]))
    numbers = to_numbers(data.train_images[:COST_IMAGES])
    with reproducible(recipe.seed):
        shares = {"base": accuracy(base.module, *test)}
        report("pruning", 0.9)
        pruned = prune(base.module, recipe, numbers)
        growth = growth_of(pruned, recipe, numbers) if recipe.schedule == "gradual" else None
    epochs = recipe.epochs_for(len(data.train_images))
    teacher = base.module if recipe.distil else None
    module = pruned.dense if growth is not None and epochs else pruned.module
    finetune(module, data, epochs=epochs, seed=recipe.seed, teacher=teacher, growth=growth, precision=recipe.precision,
             shift=recipe.shift, progress=_part(progress, 0.05, 0.75))
    if recipe.qat_epochs:
        finetune_rounded(module, data, epochs=recipe.qat_epochs, seed=recipe.seed, teacher=teacher, shift=recipe.shift,
                         progress=_part(progress, 0.75, 0.85))
    report = _part(progress, 0.85, 1.0)
    report("quantising", 0.0)
    with reproducible(recipe.seed):
        shares["pruned"] = accuracy(module, *test)
        network = quantise(module, data.train_images, name=base.name)
    answers = integer.run(network, data.test_images, _said(report, "testing the integer network"))
    shares["int8"] = float((answers.argmax(1) == data.test_labels).mean())
    return Outcome(module=module, network=network, removed=pruned.removed, accuracy=shares, answers=answers)


def prune_model(
    base: Base,
    data: DataSet,
    recipe: Recipe,
    out: str | os.PathLike[str],
    progress: Progress | None = None,
    *,
    command: str | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Do `recipe` to `base` and write the model folder `out`.

    Parameters
    ----------
    base, data, progress
        As for ``carry_out``; `data` is padded where the network takes larger images.
    recipe
        ``Recipe.unpruned()`` gives the int8 network with nothing removed.
    out
        A new folder, or an earlier model folder to replace.
    command
        What to write down as the way to run it again, where the default does not say enough.
    force
        Whether `out` may be a model folder of another network.

    Returns ``model.json``'s content: `accuracy` (`base`, `pruned`, `int8` as shares, `data`, `test_images`,
    `onnx_agreement`), `recipe`, `counts` per layer, `totals`, `nzer`, `nzer_orig`, `removed`, `seconds` and the rest.

    Raises
    ------
    UserError
        As for ``carry_out``; or `out` cannot be written, or the ONNX file disagrees with the integer reference.
    """
    model_folder.check_writable(out, base.name, base.source, force=force)
    started = time.monotonic()
    data = data.fitted(base.input_shape or data.shape)
    images = len(data.train_images)
    found = carry_out(base, data, recipe, progress)
    network, names = found.network.called(base.names)
    exported = onnx_export.build(network).SerializeToString()
    codes = integer.encode(network, data.test_images)
    agreement = float((onnx_export.run(exported, codes).argmax(1) == found.answers.argmax(1)).mean())
    if agreement < LEAST_AGREEMENT:
        raise UserError(f"ONNX Runtime agrees with the integer reference on only {agreement:.2%} of the images")
    rows = [row | {"name": names[str(row["name"])]}
            for row in layer_counts(found.network, shapes_of(base.module))]
    total = totals(rows)
    info = {
        "base": {"model": base.name, "source": base.source, "training": dict(base.metadata),
                 "sha256": weights_digest(base.module)},
        "data": {"name": data.name, "train_images": images, "test_images": len(data.test_images)},
        "criterion": recipe.criterion,
        "recipe": recipe.as_dict(images),
        "seed": recipe.seed,
        "accuracy": found.accuracy | {
            "data": data.name, "test_images": len(data.test_images), "onnx_agreement": agreement,
        },
        "nzer": total["nzer"], "nzer_orig": total["nzer_orig"],
        "counts": rows, "totals": total,
        "removed": {names.get(root, root): filters for root, filters in found.removed.items()},
        "command": command or " ".join(["zerokeep prune --model", shlex.quote(base.source or base.name),
                                        recipe.options(images)]),
        "tool_versions": tool_versions(),
        "seconds": round(time.monotonic() - started, 1),
    }  # fmt: skip
    return model_folder.write(out, network, exported, info, force=force)


def take_shipped(folder: str | os.PathLike[str], data: DataSet, out: str | os.PathLike[str]) -> dict[str, Any]:
    """Write the model folder `out` as a shipped `folder` has it, its integers tested on `data` once more.

    Returns ``model.json``'s content; beside `accuracy`, which is what was measured when it was made, it has
    `accuracy_here`: `int8`, `data`, `test_images`; and `shipped`, the folder's name.

    Raises
    ------
    UserError
        `out` cannot be written, or on the data that it was made on the network is not as good as it says.
    """
    model_folder.check_writable(out)
    model = model_folder.read(folder)
    data = data.fitted(model.network.input_shape)
    data.check_answers(model.network.shapes()[model.network.steps[-1].name])
    share = integer.accuracy(model.network, data.test_images, data.test_labels)
    recorded = model.info["accuracy"]
    if data.name == recorded["data"] and share != recorded["int8"]:
        raise UserError(f"the shipped network {model.path.name} has {share:.2%} on {data.name}, it says "
                        f"{recorded['int8']:.2%}")
    exported = read_bytes(model.path / model_folder.ONNX)
    own = ("format", "schema", "network", "input", "host", "steps", "files")
    info = {key: value for key, value in model.info.items() if key not in own} | {
        "shipped": model.path.name,
        "accuracy_here": {"int8": share, "data": data.name, "test_images": len(data.test_images)},
    }  # fmt: skip
    return model_folder.write(out, model.network, exported, info, force=True)


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shape of every layer's weights, by name."""
    return {name: tuple(part.weight.shape) for name, part in weighted_layers(module)}
