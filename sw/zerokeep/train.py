"""Train a base network from nothing but a seed."""

from __future__ import annotations

import os
import platform

import torch
from torch import nn

from zerokeep.dataset import DataSet
from zerokeep.errors import UserError, check_count
from zerokeep.learn import Pace, learn
from zerokeep.loops import LAYOUT, Progress, accuracy, multiplying, reproducible
from zerokeep.models import MODELS, Base, build, save_base
from zerokeep.recipe import PRECISIONS

BATCH = 128
PEAK_RATE = 0.01
WARM_UP = 0.2
WEIGHT_DECAY = 1e-3
SHIFT = 1
"""Pixels by which images are moved."""


def train(
    model_name: str,
    data: DataSet,
    *,
    seed: int = 0,
    epochs: int = 10,
    precision: str = "float32",
    out: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Base:
    """Train `model_name` on all of `data`'s training images and test it once, at the end.

    Parameters
    ----------
    model_name
        A name in ``zerokeep.models.MODELS``.
    data
        Images and labels; the test images choose nothing.
    seed
        Of the weights, the order and the augmentation; on one machine the same seed gives the same bits.
    epochs
        Passes over the training images, at least 1; about a minute each on one core for ``vgg-small``.
    precision
        Of the multiplications: ``"float32"``, or ``"bfloat16"``, twice as fast where the processor has it.
    out
        Where to write the weights (safetensors); nowhere when ``None``.
    progress
        Called after every batch.

    Raises
    ------
    UserError
        Unknown model or precision, an epoch count below 1, or `out` cannot be written.
    """
    check_count("epochs", epochs, 1)
    check_count("seed", seed, 0)
    if precision not in PRECISIONS:
        raise UserError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    module = build(model_name, seed).to(memory_format=LAYOUT)  # type: ignore[call-overload]
    data = data.fitted(MODELS[model_name].input_shape)

    def loss(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with multiplying(precision):
            answer = module(images).float()
        return nn.functional.cross_entropy(answer, labels)

    module.train()
    pace = Pace(batch=BATCH, rate=PEAK_RATE, warm_up=WARM_UP, decay=WEIGHT_DECAY)
    learn(module, data, loss, pace, epochs=epochs, seed=seed, shift=SHIFT, what=f"training {model_name}",
          progress=progress)
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    module.eval()
    with reproducible(seed):
        share = accuracy(module, data.test_images, data.test_labels)
    metadata = {
        "seed": seed,
        "epochs": epochs,
        "accuracy": round(share, 4),
        "data": data.name,
        "test_images": len(data.test_images),
        "precision": precision,
        "command": f"zerokeep train --model {model_name} --epochs {epochs} --precision {precision} --seed {seed}",
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    base = Base(name=model_name, module=module, source=str(out or ""), metadata=metadata)
    if out is not None:
        save_base(base, out)
    return base
