"""ONNX files: a few of each kind; ``tests/sw/test_onnx_hostile.py`` has what can be wrong with every operation."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tests.attacks.case import Case, Content, case, fifo, folder, link_to

Nodes = list[tuple[str, list[str], str, dict[str, Any]]]
SHAPE = (1, 28, 28)
CONSTANTS = {"w": np.ones((4, 1, 3, 3), np.float32), "m": np.ones((4 * 13 * 13, 10), np.float32)}
NODES: Nodes = [
    ("Conv", ["x", "w"], "c", {"strides": [2, 2]}), ("Relu", ["c"], "r", {}),
    ("Flatten", ["r"], "f", {}), ("MatMul", ["f", "m"], "y", {}),
]


def build(nodes: Nodes = NODES, constants: dict[str, Any] | None = None, *, shape: Any = SHAPE, opset: int = 17,
          kind: int = TensorProto.FLOAT, change: Callable[[onnx.ModelProto], object] | None = None) -> bytes:
    """A model of floats."""
    graph = helper.make_graph(
        [helper.make_node(op, given, [made], name=made, **more) for op, given, made, more in nodes], "net",
        [helper.make_tensor_value_info("x", kind, ["N", *shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (CONSTANTS | (constants or {})).items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    if change is not None:
        change(made)
    return made.SerializeToString()


def conv(**options: Any) -> Nodes:
    """The network with other attributes of its convolution."""
    return [("Conv", ["x", "w"], "c", {"strides": [2, 2]} | options), *NODES[1:]]


def external(location: str) -> Callable[[onnx.ModelProto], None]:
    """The first weights are said to lie in another file."""
    def change(made: onnx.ModelProto) -> None:
        tensor = made.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return change


def _huge(made: onnx.ModelProto) -> None:
    """Dimensions without the data."""
    made.graph.initializer[0].dims[:] = [2**40, 2**40, 3, 3]


def _named(name: str) -> Callable[[onnx.ModelProto], None]:
    """An operation that nobody knows under a name that is a word of Python's."""
    def change(made: onnx.ModelProto) -> None:
        made.graph.node[1].name, made.graph.node[1].op_type = name, "Erf"

    return change


def _nested(made: onnx.ModelProto) -> None:
    """A graph in a graph in a graph."""
    for _ in range(40):
        node = helper.make_node("If", ["x"], ["q"], name="if", then_branch=made.graph, else_branch=made.graph)
        if made.ByteSize() > 1 << 22:
            break
        made.graph.CopyFrom(helper.make_graph([node], "g", made.graph.input, made.graph.output))


GOOD = build()
FLATTENED: Nodes = [*NODES[:2], ("Reshape", ["r"], "f", {"shape": [1, 7]}), NODES[3]]
FILES: list[tuple[str, Content | None, str]] = [
    ("missing", None, "no such file"),
    ("empty", b"", "0 inputs and 0 outputs"),
    ("text", "onnx " * 200, "m.onnx"),
    ("half of it", GOOD[: len(GOOD) // 2], "m.onnx"),
    ("all but a byte", GOOD[:-1], "m.onnx"),
    ("a byte turned", GOOD[:40] + b"\xff" + GOOD[41:], "m.onnx"),
    ("groups without end", b"\x0b" * 100_000, "m.onnx"),
    ("a FIFO", fifo, "found a FIFO"),
    ("a folder", folder, "found a folder"),
    ("a device", link_to("/dev/zero"), "found a device"),
    ("no node", build([]), "the output y is made by no node"),
    ("an unknown operation named class", build(change=_named("class")), "class"),
    ("an unknown operation named None", build(change=_named("None")), "None"),
    ("an unknown operation named by control characters", build(change=_named("\x1b[2J\n")), "node \\x1b[2J (Erf)"),
    ("strides of one number", build(conv(strides=[1])), "strides"),
    ("strides of 0", build(conv(strides=[0, 0])), "strides"),
    ("group 7", build(conv(group=7)), "group"),
    ("pads below 0", build(conv(pads=[-5, 0, 0, 0])), "pads"),
    ("dilations of 2^40", build(conv(dilations=[2**40, 1])), "dilations"),
    ("weights in /etc/passwd", build(change=external("/etc/passwd")), "in another file"),
    ("weights in ../secret", build(change=external("../secret")), "in another file"),
    ("dimensions of 2^40", build(change=_huge), "has the shape (1099511627776"),
    ("an input of 2^31 rows", build(shape=(1, 2**31, 28)), "2147483648"),
    ("an input of rank 1", build(shape=()), "expected (N, C, H, W)"),
    ("an input of text", build(kind=TensorProto.STRING), "is of STRING"),
    ("a Reshape of opset 4 that does not fit", build(FLATTENED, opset=4), "node f (Reshape)"),
    ("a kernel of 3000 x 3000", lambda path: path.write_bytes(
        build(constants={"w": np.ones((1, 1, 3000, 3000), np.float32)})), "3000"),
    ("a million filters", lambda path: path.write_bytes(
        build(constants={"w": np.ones((1_000_000, 1, 1, 1), np.float32)})), "has 1,000,000 filters"),
    ("weights of NaN", build(constants={"w": np.full((4, 1, 3, 3), np.nan, np.float32)}), "not finite"),
    ("weights of text", build(constants={"w": np.full((4, 1, 3, 3), "a", object)}), "is of STRING"),
    ("weights that are missing", build([("Conv", ["x", "nowhere"], "c", {}), *NODES[1:]]), "takes nowhere"),
    ("a node that uses itself", build([("Conv", ["c", "w"], "c", {}), *NODES[1:]]), "takes c, expected"),
    ("graphs in graphs", lambda path: path.write_bytes(build(change=_nested)), "the attribute else_branch"),
    ("a linear layer that does not fit", build(constants={"m": np.ones((7, 10), np.float32)}), "y"),
    ("20,000 nodes", lambda path: path.write_bytes(build(
        [("Relu", [f"n{n}" if n else "x"], f"n{n + 1}", {}) for n in range(20_000)])), "10,000"),
]


@functools.cache
def commands() -> tuple[tuple[str, str], ...]:
    """What reads such a file, and a word for it."""
    return (("import", "import m.onnx --out out"), ("prune", "prune --model m.onnx --out out"),
            ("run", "run --model m.onnx --out out"))


def cases() -> list[Case]:
    """Mostly `import`, which is for them; every third through another verb."""
    made = []
    for number, (name, content, says) in enumerate(FILES):
        verb, command = commands()[0 if number % 3 else 1 + number % 2]
        made.append(case(f"{verb}, ONNX: {name}", command, says, {} if content is None else {"m.onnx": content}))
    return made
