"""Fine-tune a pruned network: what is zero stays zero."""

from __future__ import annotations

import torch
from torch import nn

from zerokeep.data import DataSet
from zerokeep.loops import Progress, batches, one_cycle, reproducible, steps_in_epoch
from zerokeep.prune import weighted_layers

BATCH = 64
PEAK_RATE = 0.012
WARM_UP = 0.1
WEIGHT_DECAY = 1e-4
TEMPERATURE = 3.0
TEACHER_SHARE = 0.7


def zero_masks(module: nn.Module) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Each weight of a convolution or linear layer with its mask, float, 0 where the weight is zero."""
    return [(part.weight, (part.weight.detach() != 0).float()) for _, part in weighted_layers(module)]


def distilled_loss(answer: torch.Tensor, labels: torch.Tensor, teacher: torch.Tensor | None) -> torch.Tensor:
    """Cross entropy, and with a `teacher`'s logits (N, classes) also the divergence from its softened answer."""
    loss = nn.functional.cross_entropy(answer, labels)
    if teacher is None:
        return loss
    wanted = nn.functional.log_softmax(teacher / TEMPERATURE, 1)
    given = nn.functional.log_softmax(answer / TEMPERATURE, 1)
    divergence = nn.functional.kl_div(given, wanted, log_target=True, reduction="batchmean")
    return (1 - TEACHER_SHARE) * loss + TEACHER_SHARE * TEMPERATURE**2 * divergence


def finetune(
    module: nn.Sequential,
    data: DataSet,
    *,
    epochs: int,
    seed: int = 0,
    teacher: nn.Module | None = None,
    progress: Progress | None = None,
) -> None:
    """Fine-tune `module` in place with every zero weight held at zero; it ends in evaluation mode.

    Parameters
    ----------
    module
        The pruned network; its masks are the weights that are not zero now.
    data
        Only the training images are used.
    epochs
        Passes over them; 0 does nothing.
    seed
        Of order and augmentation.
    teacher
        The unpruned network, to follow its answers as well as the labels.
    progress
        Called after every batch.
    """
    if epochs == 0:
        module.eval()
        return
    masks = zero_masks(module)
    total = epochs * steps_in_epoch(len(data.train_images), BATCH)
    optimiser = torch.optim.AdamW(module.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    schedule = one_cycle(optimiser, PEAK_RATE, total, WARM_UP)
    if teacher is not None:
        teacher.eval()
    done = 0
    with reproducible(seed) as generator:
        module.train()
        for epoch in range(epochs):
            for images, labels in batches(data.train_images, data.train_labels, BATCH, generator):
                with torch.no_grad():
                    wanted = None if teacher is None else teacher(images)
                optimiser.zero_grad()
                distilled_loss(module(images), labels, wanted).backward()
                optimiser.step()
                schedule.step()
                with torch.no_grad():
                    for weight, mask in masks:
                        weight.mul_(mask)
                done += 1
                if progress:
                    progress(f"fine-tuning, epoch {epoch + 1} of {epochs}", done / total)
    module.eval()
