"""Quantisation-aware fine-tuning: the network learns with weights and activations rounded as the integers will be.

Gradients pass through the rounding as if it were not there (Jacob et al., "Quantization and training of neural
networks for efficient integer-arithmetic-only inference", CVPR 2018). Batch norms are frozen: folded into the weights
they scale each output channel, and so change nothing of what rounds to what.
"""

from __future__ import annotations

import torch
from torch import nn

from zerokeep.dataset import DataSet
from zerokeep.finetune import BATCH, PEAK_RATE, WARM_UP, HeldZeros, distilled_loss
from zerokeep.graph import INPUT, Node, trace
from zerokeep.learn import Pace, learn
from zerokeep.loops import Progress
from zerokeep.quantise import CALIBRATION_IMAGES, Quantiser
from zerokeep.scales import WEIGHT_LIMIT
from zeroskip.layer import OUTPUT_RANGE

RATE = PEAK_RATE / 10
"""The highest learning rate: the network has learnt, and only settles between the codes."""


def rounded(numbers: torch.Tensor, scale: torch.Tensor | float, low: int, high: int) -> torch.Tensor:
    """The nearest multiples of `scale` from `low` to `high` of them; what is cut off has no gradient.

    >>> rounded(torch.tensor([0.24, 0.26, 9.0]), 0.5, 0, 4).tolist()
    [0.0, 0.5, 2.0]
    """
    inside = torch.clamp(numbers, low * scale, high * scale) if isinstance(scale, float) else numbers
    return inside + (torch.clamp(torch.floor(inside / scale + 0.5), low, high) * scale - inside).detach()


def rounded_weight(part: nn.Conv2d | nn.Linear, shared: bool) -> torch.Tensor:
    """The weights as their codes stand for them: one scale for each output channel, or one for all where `shared`."""
    flat = part.weight.detach().abs().reshape(len(part.weight), -1).amax(1) / WEIGHT_LIMIT
    scale = (flat.max().expand_as(flat) if shared else flat).clamp_min(1e-12)
    shape = (-1,) + (1,) * (part.weight.ndim - 1)
    return rounded(part.weight, scale.reshape(shape), -WEIGHT_LIMIT, WEIGHT_LIMIT)


class RoundedNetwork:
    """A traced network that computes in floats what the integers will, with gradients."""

    def __init__(self, module: nn.Module, data: DataSet) -> None:
        self.graph = trace(module, data.shape)
        chosen = Quantiser(self.graph, data.train_images[:CALIBRATION_IMAGES])
        self.scales, self.dtypes = chosen.scales, chosen.dtypes
        self.rounding = {part.last: part.name for part in chosen.parts if part.node.kind not in ("maxpool", "flatten")}
        self.end = chosen.parts[-1].last

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """The answers (N, classes) to images (N, C, H, W)."""
        results = {INPUT: self._round(images, INPUT)}
        for node in self.graph.nodes:
            given = [results[name].clone() for name in node.inputs]  # some work in place
            made = self._layer(node, given[0]) if node.kind in ("conv", "linear") else node.function(*given)
            if node.name in self.rounding and node.name != self.end:
                made = self._round(made, self.rounding[node.name])
            results[node.name] = made
        return results[self.graph.nodes[-1].name]

    def _round(self, numbers: torch.Tensor, name: str) -> torch.Tensor:
        return rounded(numbers, self.scales[name], *OUTPUT_RANGE[self.dtypes[name]])

    def _layer(self, node: Node, given: torch.Tensor) -> torch.Tensor:
        part = node.weighted
        weight = rounded_weight(part, shared=node.name == self.end)
        if isinstance(part, nn.Linear):
            return nn.functional.linear(given, weight, part.bias)
        return part._conv_forward(given, weight, part.bias)


def finetune_rounded(
    module: nn.Module,
    data: DataSet,
    *,
    epochs: int,
    seed: int = 0,
    teacher: nn.Module | None = None,
    shift: int = 0,
    progress: Progress | None = None,
) -> None:
    """Fine-tune `module` in place, rounded, with every zero weight held at zero; it ends in evaluation mode.

    Parameters are those of ``zerokeep.finetune.finetune``. Activation scales are chosen once, before it begins.

    Raises
    ------
    UserError
        A node has no integer form.
    """
    module.eval()
    network = RoundedNetwork(module, data)
    pace = Pace(batch=BATCH, rate=RATE, warm_up=WARM_UP, decay=0.0)
    zeros = HeldZeros(module, None, pace.steps(data, epochs))

    def loss(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            wanted = None if teacher is None else teacher(images.contiguous())
        return distilled_loss(network(images), labels, wanted)

    learn(module, data, loss, pace, epochs=epochs, seed=seed, shift=shift, what="fine-tuning rounded",
          after=zeros.hold, progress=progress)
    module.eval()
