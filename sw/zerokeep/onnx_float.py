"""A network of floats in an ONNX file as a PyTorch module, to be pruned and quantised like any other.

No name from the file names anything in Python as it is: parts are numbered in the file's order, ``n001_conv1``, and
what follows the number are letters and digits of the node's name.
"""

from __future__ import annotations

import operator
import re

import torch
from torch import fx, nn

from zerokeep.errors import UserError
from zerokeep.onnx_layers import MAKERS, numbers
from zerokeep.onnx_operation import Operation, taking
from zerokeep.onnx_read import OnnxFile
from zerokeep.onnx_shapes import Shapes

SUFFIX = 40
"""Characters of a node's name that a part of the module has in its own."""
JOINING = ("Add", "Sum", "Concat")


def to_module(file: OnnxFile) -> nn.Module:
    """The module, in evaluation mode.

    Raises
    ------
    UserError
        A node cannot be taken; the message names it.
    """
    return _Builder(file).build()


def own_names(file: OnnxFile) -> dict[str, str]:
    """What the file calls the node that each part of its module is made of, by the part's name."""
    return {part_name(place, operation): operation.name for place, operation in enumerate(file.operations, start=1)}


def part_name(place: int, operation: Operation) -> str:
    """What the module calls the part made of the node at that place, from 1, of the file."""
    return f"n{place:03d}_{_suffix(operation)}"


class _Builder:
    """Makes modules and the graph that calls them, node by node."""

    def __init__(self, file: OnnxFile) -> None:
        self.file, self.constants, self.shapes = file, dict(file.constants), Shapes(file)
        self.root = nn.Module()
        self.graph = fx.Graph()
        self.values: dict[str, fx.Node] = {file.given: self.graph.placeholder("images")}

    def build(self) -> nn.Module:
        for place, operation in enumerate(self.file.operations, start=1):
            with taking(operation):
                self._add(place, operation)
        if self.file.result not in self.values:
            raise UserError("the output of the ONNX model is made of constants alone, expected what is made of the "
                            "input")
        self.graph.output(self.values[self.file.result])
        return fx.GraphModule(self.root, self.graph).eval()

    def _add(self, place: int, operation: Operation) -> None:
        if operation.op not in MAKERS and operation.op not in JOINING:
            raise operation.refuse("cannot be taken")
        self.shapes.add(operation)
        given = [self.values[name] for name in operation.inputs if name in self.values]
        if not given and operation.op == "Identity":
            self.constants[operation.result] = self.constants[operation.inputs[0]]
        elif not given:
            raise operation.refuse("works on constants alone, which cannot be taken")
        elif operation.op in JOINING:
            self.values[operation.result] = self._join(operation, given)
        else:
            module = MAKERS[operation.op](operation, self.constants, self.shapes)
            name = part_name(place, operation)
            self.root.add_module(name, module)
            self.values[operation.result] = self.graph.call_module(name, (given[0],))

    def _join(self, operation: Operation, given: list[fx.Node]) -> fx.Node:
        if operation.op == "Concat":
            return self.graph.call_function(torch.cat, (given, 1))
        if len(operation.inputs) != 2:
            raise operation.refuse(f"adds {len(operation.inputs)} tensors, only two can be taken")
        return self._bias(operation, given[0]) if len(given) == 1 else self.graph.call_function(
            operator.add, tuple(given))

    def _bias(self, operation: Operation, made: fx.Node) -> fx.Node:
        """A constant added to a linear layer's result is its bias."""
        layer = self.root.get_submodule(str(made.target)) if made.op == "call_module" else None
        constant, tensor = sorted(operation.inputs, key=lambda name: name in self.values)
        value = self.constants[constant]
        alone = len(self.file.users(tensor)) == 1 and tensor != self.file.result
        fits = isinstance(layer, nn.Linear) and value.shape in ((layer.out_features,), (1, layer.out_features))
        if not (isinstance(layer, nn.Linear) and fits and alone and layer.bias is None):
            raise operation.refuse("adds a constant, which can be taken only as the bias of a linear layer")
        layer.bias = nn.Parameter(numbers(operation, value, constant).reshape(-1))
        return made


def _suffix(operation: Operation) -> str:
    """Letters and digits by which a reader knows the node."""
    return re.sub(r"[^A-Za-z0-9]+", "_", operation.name).strip("_")[:SUFFIX].strip("_") or operation.op.lower()
