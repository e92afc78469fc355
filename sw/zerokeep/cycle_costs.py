"""What one non-zero weight costs the zero-skip array in cycles, by layer and input channel."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from zerokeep.removal import weighted_layers
from zeroskip.spec.config import EngineConfig

LEAST_SHARE = 0.01
"""A channel that was never seen non-zero is taken to be so this often."""


def blocks_with_work(values: np.ndarray, stride: tuple[int, int], pixels: int) -> np.ndarray:
    """The share of blocks of `pixels` neighbours in which any value is not zero, by channel: of (N, C, H, W), (C,).

    Neighbours as the array takes them for a kernel's tap: in raster order, with the `stride` between them. Those at
    the end that make no whole block are left out, unless there is no other.

    >>> blocks_with_work(np.array([[[[1, 0, 0, 0]], [[0, 0, 0, 0]]]]), (1, 1), 2).tolist()
    [0.5, 0.0]
    """
    flat = values[:, :, :: stride[0], :: stride[1]].reshape(*values.shape[:2], -1) != 0
    count = flat.shape[2] // pixels
    blocks = flat[:, :, : count * pixels].reshape(*flat.shape[:2], count, pixels) if count else flat[:, :, None]
    return blocks.any(axis=3).mean(axis=(0, 2))


def weight_costs(module: nn.Module, numbers: torch.Tensor, config: EngineConfig) -> dict[str, np.ndarray]:
    """Cycles of `config` that each weight costs if it is not zero, shaped to go with the weights of its layer.

    Parameters
    ----------
    module
        The network; it stays as it is.
    numbers
        Images (N, C, H, W) as the network sees them, to take the zeros of the activations from.
    config
        The engine. A weight takes a cycle of one of its lanes for each vector of P output pixels that has work; the
        one result of a linear layer is a vector, too.
    """
    found: dict[str, np.ndarray] = {}

    def see(name: str, part: nn.Conv2d | nn.Linear, given: torch.Tensor, made: torch.Tensor) -> None:
        if isinstance(part, nn.Linear):
            busy = (given.reshape(-1, given.shape[-1]) != 0).float().mean(0).numpy()
            found[name] = (np.maximum(busy, LEAST_SHARE) / config.lanes)[None]
            return
        stride_y, stride_x = part.stride
        share = blocks_with_work(given.numpy(), (stride_y, stride_x), config.vector)
        vectors = -(-made.shape[2] * made.shape[3] // config.vector)
        cost = np.maximum(share, LEAST_SHARE) * vectors / config.lanes
        per_filter = np.repeat(cost.reshape(part.groups, 1, -1), part.out_channels // part.groups, axis=1)
        found[name] = per_filter.reshape(part.out_channels, -1, 1, 1)

    hooks = [part.register_forward_hook(lambda own, given, made, name=name: see(name, own, given[0], made))
             for name, part in weighted_layers(module)]
    try:
        was_training = module.training
        module.eval()
        with torch.no_grad():
            module(numbers)
        module.train(was_training)
    finally:
        for hook in hooks:
            hook.remove()
    return found
