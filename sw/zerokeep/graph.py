"""What a network does, node by node, in the few kinds that have an integer form: traced with torch.fx.

Networks are taken as they are: modules, functions and methods, residual additions, concatenations, any names. What has
no integer form is refused by name; what follows the last layer with weights and only shapes the answer (a softmax) is
left to the host and listed.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import TensorMetadata

from zerokeep.errors import UserError
from zerokeep.tracing import running, traced
from zeroskip.files.names import shown

INPUT = "input"
KINDS: dict[Any, str] = {
    nn.Conv2d: "conv", nn.Linear: "linear", nn.BatchNorm2d: "norm", nn.BatchNorm1d: "norm",
    nn.ReLU: "relu", torch.relu: "relu", nn.functional.relu: "relu", "relu": "relu", "relu_": "relu",
    nn.ReLU6: "relu", nn.functional.relu6: "relu",
    nn.MaxPool2d: "maxpool", nn.functional.max_pool2d: "maxpool",
    nn.AvgPool2d: "avgpool", nn.functional.avg_pool2d: "avgpool",
    nn.AdaptiveAvgPool2d: "mean", nn.functional.adaptive_avg_pool2d: "mean", torch.mean: "mean", "mean": "mean",
    operator.add: "add", operator.iadd: "add", torch.add: "add", "add": "add", "add_": "add",
    torch.cat: "concat", torch.concat: "concat",
    nn.Flatten: "flatten", torch.flatten: "flatten", "flatten": "flatten", "view": "flatten", "reshape": "flatten",
    torch.reshape: "flatten",
    nn.Identity: "nothing", nn.Dropout: "nothing", nn.Dropout2d: "nothing", nn.functional.dropout: "nothing",
    "contiguous": "nothing",
    **dict.fromkeys((
        nn.Hardtanh, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Sigmoid, nn.Tanh,
        nn.Hardswish, nn.Hardsigmoid, nn.functional.hardtanh, nn.functional.leaky_relu,
        nn.functional.elu, nn.functional.gelu, nn.functional.silu, nn.functional.mish, nn.functional.softplus,
        nn.functional.hardswish, nn.functional.hardsigmoid, torch.sigmoid, torch.tanh, nn.functional.sigmoid,
        nn.functional.tanh, "sigmoid", "tanh",
    ), "table"),
    **dict.fromkeys((
        nn.Softmax, nn.LogSoftmax, nn.functional.softmax, nn.functional.log_softmax, torch.softmax, torch.log_softmax,
        "softmax", "log_softmax",
    ), "answer"),
    "size": "shape", getattr: "shape", operator.getitem: "shape",
}  # fmt: skip
"""What a module, a function or a method is to us. ``relu``: nothing below 0. ``table``: of one number at a time, so 256
entries will do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One operation.

    Parameters
    ----------
    name
        The module's path, or the name that torch.fx gave.
    kind
        A value of ``KINDS``.
    inputs
        Names of earlier nodes, or ``"input"``.
    shape
        Of its result for one image, without the N.
    given
        Shapes of its inputs.
    module
        The module, where it is one.
    function
        What it does to the floats of its inputs.
    options
        By keyword, for a function or a method.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    given: tuple[tuple[int, ...], ...]
    module: nn.Module | None
    function: Callable[..., torch.Tensor]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def weighted(self) -> nn.Conv2d | nn.Linear:
        """The convolution or linear layer."""
        if not isinstance(self.module, (nn.Conv2d, nn.Linear)):
            raise UserError(f"node {shown(self.name, 80)} is no convolution and no linear layer")
        return self.module


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A traced network: its `nodes` in order, the last one's result its own; and what is left to the `host` by name."""

    nodes: tuple[Node, ...]
    host: tuple[str, ...] = ()

    @cached_property
    def _users(self) -> dict[str, list[Node]]:
        found = defaultdict(list)
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found[name].append(node)
        return found

    def users(self, name: str) -> list[Node]:
        """The nodes that use a result."""
        return self._users.get(name, [])


def trace(module: nn.Module, shape: tuple[int, ...]) -> Graph:
    """The graph of `module` for images (C, H, W) of `shape`.

    Raises
    ------
    UserError
        It cannot be traced, does not take such images, or has a node without an integer form; the message names it.
    """
    made = traced(module, shape)
    with running("the network cannot be followed"):
        return _Reader(made).read()


def _refusal(name: str, why: str) -> UserError:
    return UserError(f"node {shown(name, 80)} {why}")


class _Reader:
    """Turns a traced module into a graph."""

    def __init__(self, traced: fx.GraphModule) -> None:
        self.traced = traced
        self.parts = dict(traced.named_modules())
        self.names: dict[fx.Node, str] = {}
        self.taken: set[str] = set()
        self.nodes: list[Node] = []

    def read(self) -> Graph:
        placeholders = [node for node in self.traced.graph.nodes if node.op == "placeholder"]
        if len([node for node in placeholders if not node.args]) != 1:
            raise UserError(f"the network must take one tensor, it takes {len(placeholders)}")
        result = ""
        for node in self.traced.graph.nodes:
            if node.op == "placeholder":
                self.names[node] = INPUT
            elif node.op == "output":
                result = self._output(node)
            else:
                self._read(node)
        return self._cut(result)

    def _output(self, node: fx.Node) -> str:
        given = node.args[0]
        if not isinstance(given, fx.Node) or given not in self.names:
            raise UserError("the network must give one tensor")
        return self.names[given]

    def _read(self, node: fx.Node) -> None:
        module = self.parts[str(node.target)] if node.op == "call_module" else None
        kind = None if node.op == "get_attr" else KINDS.get(node.target if module is None else type(module))
        name = str(node.target) if module is not None else node.name
        meta = node.meta.get("tensor_meta")
        if kind is None:
            what = type(module).__name__ if module is not None else getattr(node.target, "__name__", node.target)
            raise _refusal(name, f"({shown(what, 80)}) has no integer form here")
        if kind == "shape" and meta is not None:
            raise _refusal(name, "takes a part of a tensor, which has no integer form here")
        if meta is None:
            return  # whole numbers, reckoned from a shape
        if not isinstance(meta, TensorMetadata):
            raise _refusal(name, "gives several tensors, which has no integer form here")
        self._add(node, module, kind, name)

    def _add(self, node: fx.Node, module: nn.Module | None, kind: str, name: str) -> None:
        """A node that makes one tensor of others."""
        given = [value for value in _tensors(node) if value in self.names]
        if not given:
            raise _refusal(name, "works on constants alone, which has no integer form here")
        if kind == "flatten" and len(_shape(node)) != 1:
            raise _refusal(name, f"gives a shape of {_shape(node)}, only flattening has an integer form here")
        if kind == "mean" and (_shape(node)[1:] not in ((1, 1), ()) or not _over_the_map(node)):
            raise _refusal(name, f"gives a shape of {_shape(node)}, a mean must be over the whole map")
        if kind == "nothing" or (kind == "concat" and len(given) == 1):
            self.names[node] = self.names[given[0]]
            return
        name = self._free(name, node.name)
        self.names[node] = name
        self.nodes.append(Node(
            name=name, kind=kind, inputs=tuple(self.names[value] for value in given), shape=_shape(node),
            given=tuple(_shape(value) for value in given), module=module, function=_function(node, module),
            options=_options(node, given),
        ))  # fmt: skip
        if _in_place(node, module):
            self.names[given[0]] = name

    def _free(self, *names: str) -> str:
        """The first name that no node has; else the last, longer. Two are not a node's."""
        names = tuple(f"{name}_" if name in (INPUT, "output") else name for name in names)
        name = next((own for own in names if own not in self.taken), names[-1])
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _cut(self, result: str) -> Graph:
        """Without what nobody uses, and without the answer's shaping at the end."""
        by_name = {node.name: node for node in self.nodes}
        host = []
        while result in by_name and by_name[result].kind == "answer":
            host.append(result)
            result = by_name[result].inputs[0]
        used, waiting = set(), [result]
        while waiting:
            name = waiting.pop()
            if name not in used and name in by_name:
                used.add(name)
                waiting += by_name[name].inputs
        nodes = tuple(node for node in self.nodes if node.name in used)
        for node in nodes:
            if node.kind == "answer":
                raise _refusal(node.name, "(softmax) has no integer form here but as the last one")
        if not any(node.kind in ("conv", "linear") for node in nodes):
            raise UserError("the network has no convolution and no linear layer")
        return Graph(nodes=nodes, host=tuple(reversed(host)))


def _over_the_map(node: fx.Node) -> bool:
    """Whether a mean is over the axes of the map, which its shape does not say where the map has equal sides."""
    if node.target not in (torch.mean, "mean"):
        return True
    axes = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    return isinstance(axes, (tuple, list)) and sorted(axis % 4 for axis in axes if isinstance(axis, int)) == [2, 3]


def _in_place(node: fx.Node, module: nn.Module | None) -> bool:
    """Whether later uses of what it is given see what it made of it."""
    if module is not None:
        return bool(getattr(module, "inplace", False))
    return bool(node.kwargs.get("inplace")) or node.target is operator.iadd or str(node.target).endswith("_")


def _tensors(node: fx.Node) -> list[fx.Node]:
    found: list[fx.Node] = []
    for value in [*node.args, *node.kwargs.values()]:
        values = value if isinstance(value, (list, tuple)) else [value]
        found += [own for own in values if isinstance(own, fx.Node) and "tensor_meta" in own.meta]
    return found


def _shape(node: fx.Node) -> tuple[int, ...]:
    return tuple(node.meta["tensor_meta"].shape[1:])


def _function(node: fx.Node, module: nn.Module | None) -> Callable[..., torch.Tensor]:
    """What the node does, of its tensors alone."""
    if module is not None:
        return module

    def run(*tensors: torch.Tensor) -> torch.Tensor:
        if KINDS[node.target] == "flatten":
            return tensors[0].flatten(1)
        values = iter(tensors)
        args = fx.map_arg(node.args, lambda own: next(values) if "tensor_meta" in own.meta else None)
        options = fx.map_arg(node.kwargs, lambda own: next(values) if "tensor_meta" in own.meta else None)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **options)
        return node.target(*args, **options)  # type: ignore[operator]

    return run


POOL_ORDER = {
    "maxpool": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "avgpool": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
}
"""How functions of pooling take what they are told, after the tensor."""


def _options(node: fx.Node, given: list[fx.Node]) -> dict[str, Any]:
    """What a function was told beside its tensors, by keyword."""
    if node.op == "call_module":
        return {}
    order = POOL_ORDER.get(KINDS[node.target])
    if order is None:
        return dict(node.kwargs)
    told = dict(zip(order, node.args[1:], strict=False)) | {
        name: value for name, value in node.kwargs.items() if name != "input"}
    if len(node.args) > 1 + len(order) or any(isinstance(value, fx.Node) for value in told.values()):
        raise _refusal(node.name, "pools by a size that is reckoned from a tensor, or is told more than is known; give "
                                  "it numbers")
    return told
