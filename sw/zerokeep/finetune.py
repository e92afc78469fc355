"""Fine-tune a pruned network: what is zero stays zero."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from zerokeep.dataset import DataSet
from zerokeep.growth import Growth
from zerokeep.learn import Pace, learn
from zerokeep.loops import Progress, layout_for, multiplying
from zerokeep.prune import weights_of
from zerokeep.removal import Masks, weighted_layers

BATCH = 64
PEAK_RATE = 0.012
WARM_UP = 0.1
WEIGHT_DECAY = 1e-4
TEMPERATURE = 3.0
TEACHER_SHARE = 0.7
GROWING_SHARE = 0.5
"""Zeros grow during so much of the fine-tuning."""
GROWTHS = 40
"""In so many steps."""


class HeldZeros:
    """The weights that are held at zero; with a `growth` more and more until ``GROWING_SHARE`` of `steps` is done."""

    def __init__(self, module: nn.Module, growth: Growth | None, steps: int) -> None:
        self.module, self.growth = module, growth
        self.last = int(steps * GROWING_SHARE) if growth else 0
        self.every = max(1, self.last // GROWTHS)
        self.masks = self._tensors({name: weight != 0 for name, weight in weights_of(module).items()})

    def _tensors(self, masks: Masks) -> list[tuple[torch.Tensor, torch.Tensor]]:
        parts = dict(weighted_layers(self.module))
        return [(parts[name].weight, torch.from_numpy(mask.astype(np.float32))) for name, mask in masks.items()]

    def hold(self, done: int) -> None:
        """Set them to zero again after `done` steps."""
        if self.growth is not None and done <= self.last and (done % self.every == 0 or done == self.last):
            share = done / self.last if self.last else 1.0
            self.masks = self._tensors(self.growth.masks(self.module, share))
        with torch.no_grad():
            for weight, mask in self.masks:
                weight.mul_(mask)


def distilled_loss(answer: torch.Tensor, labels: torch.Tensor, teacher: torch.Tensor | None) -> torch.Tensor:
    """Cross entropy, and with a `teacher`'s logits (N, classes) also the divergence from its softened answer.

    Hinton et al., "Distilling the knowledge in a neural network", 2015.
    """
    loss = nn.functional.cross_entropy(answer, labels)
    if teacher is None:
        return loss
    wanted = nn.functional.log_softmax(teacher / TEMPERATURE, 1)
    given = nn.functional.log_softmax(answer / TEMPERATURE, 1)
    divergence = nn.functional.kl_div(given, wanted, log_target=True, reduction="batchmean")
    return (1 - TEACHER_SHARE) * loss + TEACHER_SHARE * TEMPERATURE**2 * divergence


def finetune(
    module: nn.Module,
    data: DataSet,
    *,
    epochs: int,
    seed: int = 0,
    teacher: nn.Module | None = None,
    growth: Growth | None = None,
    precision: str = "float32",
    shift: int = 0,
    progress: Progress | None = None,
) -> None:
    """Fine-tune `module` in place with every zero weight held at zero; it ends in evaluation mode.

    Parameters
    ----------
    module
        The pruned network; the weights that are zero now are held.
    data
        Only the training images are used.
    epochs
        Passes over them; 0 does nothing.
    seed
        Of order and augmentation.
    teacher
        The unpruned network, to follow its answers as well as the labels.
    growth
        More weights become zero in the first half.
    precision
        Of the multiplications: ``"float32"`` or ``"bfloat16"``.
    shift
        Pixels by which images are moved at random.
    progress
        Called after every batch.
    """
    if epochs == 0:
        module.eval()
        return
    pace = Pace(batch=BATCH, rate=PEAK_RATE, warm_up=WARM_UP, decay=WEIGHT_DECAY)
    layout = layout_for(module, data.train_images[0])
    zeros = HeldZeros(module, growth, pace.steps(data, epochs))
    zeros.hold(0)
    if teacher is not None:
        teacher.eval()

    def loss(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        images = images.contiguous(memory_format=layout)
        with multiplying(precision):
            with torch.no_grad():
                wanted = None if teacher is None else teacher(images).float()
            answer = module(images).float()
        return distilled_loss(answer, labels, wanted)

    module.train()
    learn(module, data, loss, pace, epochs=epochs, seed=seed, shift=shift, what="fine-tuning", after=zeros.hold,
          progress=progress)
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    module.eval()
