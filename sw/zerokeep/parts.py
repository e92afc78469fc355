"""A traced network in the parts that become steps: a layer with the batch norm and the ReLU that follow it, say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from zerokeep.errors import UserError
from zerokeep.graph import INPUT, Graph, Node

BEFORE_RELU = ("conv", "linear", "add", "avgpool", "mean", "concat", "norm")


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One step to be.

    Parameters
    ----------
    node
        What it does.
    inputs
        Names of earlier parts (their nodes' names), or ``"input"``.
    norm
        The batch norm behind a convolution or linear layer.
    relu
        Whether a ReLU is in it.
    last
        The name of its last node, whose result is the part's.
    """

    node: Node
    inputs: tuple[str, ...]
    norm: nn.BatchNorm1d | nn.BatchNorm2d | None = None
    relu: bool = False
    last: str = ""

    @property
    def name(self) -> str:
        """Its node's."""
        return self.node.name


def parts_of(graph: Graph) -> list[Part]:
    """The parts in order.

    A batch norm or a ReLU joins the part before it where nobody else uses that one's result; else it is a part itself.
    """
    found: list[Part] = []
    part_of = {INPUT: INPUT}
    joined: set[str] = set()
    for node in graph.nodes:
        if node.name in joined:
            continue
        part = Part(node=node, inputs=tuple(part_of[name] for name in node.inputs), last=node.name)
        if node.kind in ("conv", "linear"):
            after = _only_user(graph, part, "norm")
            if after is not None:
                assert isinstance(after.module, (nn.BatchNorm1d, nn.BatchNorm2d))
                part = replace(part, norm=after.module, last=after.name)
                joined.add(after.name)
        if node.kind in BEFORE_RELU:
            after = _only_user(graph, part, "relu")
            if after is not None:
                part = replace(part, relu=True, last=after.name)
                joined.add(after.name)
        part_of |= dict.fromkeys((node.name, part.last), node.name) | {
            name: node.name for name in joined if name not in part_of}
        found.append(part)
    return found


def _only_user(graph: Graph, part: Part, kind: str) -> Node | None:
    users = graph.users(part.last)
    is_result = part.last == graph.nodes[-1].name
    return users[0] if len(users) == 1 and users[0].kind == kind and not is_result else None


def fold(part: nn.Conv2d | nn.Linear, norm: nn.Module | None) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias (float64) of the layer with its batch norm, in evaluation mode, folded in."""
    weight = part.weight.detach().double().numpy()
    bias = np.zeros(len(weight)) if part.bias is None else part.bias.detach().double().numpy()
    if norm is None:
        return weight.copy(), bias.copy()
    gain, offset = gain_and_offset(norm)
    return weight * gain.reshape((-1,) + (1,) * (weight.ndim - 1)), bias * gain + offset


def gain_and_offset(norm: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """A batch norm in evaluation mode: x * gain + offset, float64 (C,) each."""
    assert isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d))
    if norm.running_mean is None or norm.running_var is None:
        raise UserError("a batch norm without running statistics has no integer form here")
    spread = np.sqrt(norm.running_var.double().numpy() + norm.eps)
    gain = (norm.weight.detach().double().numpy() if norm.affine else np.ones(len(spread))) / spread
    offset = norm.bias.detach().double().numpy() if norm.affine else 0.0
    return gain, offset - norm.running_mean.double().numpy() * gain


def float_results(graph: Graph, parts: list[Part], numbers: torch.Tensor, batch: int = 128) -> dict[str, np.ndarray]:
    """What every part makes of the images (N, C, H, W), float32, by name; and the images themselves as ``"input"``."""
    kept = {part.last: part.name for part in parts}
    found: dict[str, list[np.ndarray]] = {}
    with torch.no_grad():
        for start in range(0, len(numbers), batch):
            results = {INPUT: numbers[start : start + batch]}
            for node in graph.nodes:
                given = [results[name].clone() for name in node.inputs]  # some work in place
                results[node.name] = node.function(*given)
            for last, name in kept.items():
                found.setdefault(name, []).append(results[last].numpy())
    return {name: np.concatenate(values) for name, values in found.items()} | {INPUT: numbers.numpy()}
