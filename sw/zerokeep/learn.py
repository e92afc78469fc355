"""The loop in which a network learns: for training, for fine-tuning, and for fine-tuning rounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from zerokeep.dataset import DataSet
from zerokeep.loops import Progress, batches, one_cycle, reproducible, steps_in_epoch

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of images (N, C, H, W) and labels (N,): what is to become small."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How it learns: images in a `batch`, the highest `rate`, the share of steps to `warm_up`, the weight `decay`."""

    batch: int
    rate: float
    warm_up: float
    decay: float

    def steps(self, data: DataSet, epochs: int) -> int:
        """Steps in so many epochs."""
        return epochs * steps_in_epoch(data, self.batch)


def learn(
    module: nn.Module,
    data: DataSet,
    loss: Loss,
    pace: Pace,
    *,
    epochs: int,
    seed: int,
    shift: int,
    what: str,
    after: Callable[[int], None] = lambda done: None,
    progress: Progress | None = None,
) -> None:
    """Make the `loss` of `module` small, in place, in the mode that it is in.

    Parameters
    ----------
    module
        Whose parameters change.
    data
        Only the training images are used.
    loss, pace
        What is to become small, and how.
    epochs, seed, shift
        Passes over the images; of order and augmentation; pixels by which images are moved.
    what
        What to call it, for `progress`.
    after
        Called after every step with their number so far.
    progress
        Called after every batch.
    """
    total, done = pace.steps(data, epochs), 0
    optimiser = torch.optim.AdamW(module.parameters(), lr=pace.rate, weight_decay=pace.decay)
    schedule = one_cycle(optimiser, pace.rate, total, pace.warm_up)
    with reproducible(seed) as generator:
        for epoch in range(epochs):
            for images, labels in batches(data, pace.batch, generator, shift):
                optimiser.zero_grad()
                loss(images, labels).backward()
                optimiser.step()
                schedule.step()
                done += 1
                after(done)
                if progress:
                    progress(f"{what}, epoch {epoch + 1} of {epochs}", done / total)
