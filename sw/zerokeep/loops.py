"""What training and fine-tuning share: batches, augmentation, evaluation, reproducibility."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from zerokeep.dataset import PIXEL_SCALE, DataSet

Progress = Callable[[str, float], None]
"""Called with what is being done and the share done, 0 to 1."""
LAYOUT = torch.channels_last
"""Of images and weights in memory while a network learns: the quickest on a processor."""


@contextmanager
def reproducible(seed: int) -> Iterator[torch.Generator]:
    """One thread and a generator of its own, so that the same seed gives the same bits; all is put back after."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield torch.Generator().manual_seed(seed)
    finally:
        torch.set_num_threads(threads)


def to_numbers(images: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Images (N, C, H, W) as the network sees them: pixels 0..255 become 0 to 1, floats stay as they are."""
    given = torch.as_tensor(images)
    return given.to(torch.float32) * PIXEL_SCALE if given.dtype == torch.uint8 else given


def layout_for(module: nn.Module, image: np.ndarray) -> torch.memory_format:
    """``LAYOUT`` where a network takes an `image` (C, H, W) so laid out; else row by row, as a ``view`` of a map wants.

    The network's weights are laid out so, too.
    """
    was_training = module.training
    numbers = to_numbers(image[None].repeat(2, 0)).contiguous(memory_format=LAYOUT)
    layout = LAYOUT
    module.eval().to(memory_format=LAYOUT)  # type: ignore[call-overload]
    try:
        with torch.no_grad():
            module(numbers)
    except RuntimeError:
        layout = torch.contiguous_format
        module.to(memory_format=layout)  # type: ignore[call-overload]
    module.train(was_training)
    return layout


@contextmanager
def multiplying(precision: str) -> Iterator[None]:
    """Convolutions and products inside are made in ``"float32"`` or ``"bfloat16"``; sums and weights stay float32."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        yield


def augment(images: torch.Tensor, generator: torch.Generator, reach: int) -> torch.Tensor:
    """Each image of (N, C, H, W) mirrored with probability 1/2 and moved by up to `reach` pixels each way."""
    count, _, height, width = images.shape
    mirrored = torch.rand(count, generator=generator) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    padded = nn.functional.pad(images, (reach,) * 4)
    offsets = torch.randint(0, 2 * reach + 1, (2, count), generator=generator)
    rows = offsets[0][:, None] + torch.arange(height)
    columns = offsets[1][:, None] + torch.arange(width)
    each = torch.arange(count)[:, None, None]
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def batches(
    data: DataSet, size: int, generator: torch.Generator, shift: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One epoch, shuffled: (`size`, C, H, W) float and (`size`,) int64; a short last batch is left out.

    A set smaller than `size` makes one batch of what there is. Images are mirrored and moved by up to `shift` pixels
    where the data may be.
    """
    count = len(data.train_images)
    order = torch.randperm(count, generator=generator).numpy()
    for start in range(0, max(1, count - size + 1), size):
        chosen = order[start : start + size]
        numbers = to_numbers(data.train_images[chosen])
        given = augment(numbers, generator, shift) if data.augment else numbers
        yield given.contiguous(memory_format=LAYOUT), torch.as_tensor(data.train_labels[chosen])


def steps_in_epoch(data: DataSet, size: int) -> int:
    """How many batches `batches` makes."""
    return max(1, len(data.train_images) // size)


def one_cycle(
    optimiser: torch.optim.Optimizer, peak: float, steps: int, warm_up: float
) -> torch.optim.lr_scheduler.OneCycleLR:
    """A learning rate that rises to `peak` over the share `warm_up` of the `steps`, at least one, and falls to nothing.

    To be stepped after every step of the optimiser.
    """
    total = steps + 1
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peak, total_steps=total, pct_start=max(warm_up, 1.5 / total), cycle_momentum=False
    )


def logits(module: nn.Module, images: np.ndarray, size: int = 256) -> torch.Tensor:
    """The network's answers (N, classes) in evaluation mode."""
    was_training = module.training
    module.eval()
    with torch.no_grad():
        answer = torch.cat(
            [module(to_numbers(images[start : start + size])) for start in range(0, len(images), size)]
        )
    module.train(was_training)
    return answer


def accuracy(module: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of `images` ((N, C, H, W)) whose largest logit is at its label, 0 to 1."""
    return float((logits(module, images).argmax(1).numpy() == labels).mean())
