import numpy as np
import pytest

from zerokeep.errors import UserError
from zerokeep.network import Network, Step
from zeroskip.layer import Layer


def conv(filters=2, channels=1, name="c", inputs=("input",), kernel=3, **fields):
    layer = Layer(weight=np.ones((filters, channels, kernel, kernel), np.int8), **fields)
    return Step(name=name, op="conv", inputs=inputs, scale=1.0, layer=layer)


def step(op, name="s", inputs=("c",), **parameters):
    return Step(name=name, op=op, inputs=inputs, scale=1.0, parameters=parameters)


def network(*steps, shape=(1, 8, 8)):
    return Network(name="n", input_shape=shape, input_scale=0.5, steps=steps)


def test_shapes():
    linear = Step(name="l", op="linear", inputs=("f",), scale=3.0, layer=Layer(weight=np.ones((5, 18), np.int8)))
    net = network(
        conv(padding=(1, 1)), conv(2, 2, "d", ("c",), padding=(1, 1)),
        step("add", "a", ("c", "d"), multipliers=[1, 1], shift=1, clamp=[0, 255], output_dtype="uint8"),
        step("maxpool", "p", ("a",), kernel=[3, 3], stride=[2, 2]), step("flatten", "f", ("p",)), linear,
    )  # fmt: skip
    assert net.shapes() == {
        "input": (1, 8, 8), "c": (2, 8, 8), "d": (2, 8, 8), "a": (2, 8, 8), "p": (2, 3, 3), "f": (18,), "l": (5,),
    }  # fmt: skip
    assert [s.name for s in net.layers()] == ["c", "d", "l"]
    assert (net.scale_of("input"), net.scale_of("l")) == (0.5, 3.0)


ADD = {"multipliers": [1, 1], "shift": 1, "clamp": [0, 255], "output_dtype": "uint8"}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((), "the network has 0 steps, expected 1 to 10,000"),
        ((conv(), conv()), "two steps of the network have the same name"),
        ((conv(inputs=("x",)),), "step c uses 'x', which no earlier step makes"),
        ((conv(), step("softmax")), "a 'softmax'; there is conv, linear, maxpool, avgpool, add, concat, table"),
        ((conv(channels=3),), r"step c \(conv\) has weights \(2, 3, 3, 3\) for an input of \(1, 8, 8\)"),
        ((conv(kernel=9),), r"step c has a kernel \(9, 9\) larger than its padded input"),
        ((conv(), step("add")), r"step s \(add\) has 1 inputs"),
        ((conv(), step("add", inputs=("c", "input"), **ADD)), r"\(add\) has inputs of shapes \(2, 6, 6\), \(1, 8, 8\)"),
        ((conv(), step("add", inputs=("c", "c"), **(ADD | {"shift": 41}))), "step s: add has wrong parameters"),
        ((conv(), step("add", inputs=("c", "c"), **(ADD | {"clamp": [0, 256]}))), "step s: add has wrong parameters"),
        ((conv(), step("add", inputs=("c", "c"))), "step s: add has wrong parameters"),
        ((conv(), step("concat", inputs=("c", "input"), **ADD)), r"step s \(concat\) has inputs of shapes"),
        ((conv(), step("table", values=[0] * 255, output_dtype="uint8")), "step s: a table must have 256 values"),
        ((conv(), step("table", values=[-1] * 256, output_dtype="uint8")), "step s: a table must have 256 values"),
        ((conv(), step("avgpool", kernel=[2, 2], stride=[1, 1])), "step s: avgpool has wrong parameters"),
        ((conv(), step("maxpool", kernel=[2, 2], stride=[1, 1], padding=[2, 0])), r"with padding \(2, 0\)"),
        ((conv(), step("maxpool", kernel=[2, 2], stride=[1, 1], padding=1)), "padding must be two whole numbers"),
        ((conv(), step("maxpool", kernel=[7, 7], stride=[1, 1])), r"step s pools \(7, 7\) with padding"),
        ((conv(), step("maxpool", kernel=[2, 0], stride=[1, 1])), "kernel must be two positive whole numbers"),
        ((conv(), step("maxpool", kernel=[2, 2])), "stride must be two positive whole numbers, not None"),
        ((conv(), step("flatten"), step("maxpool", "p", ("s",), kernel=[1, 1], stride=[1, 1])), "needs 3 dimensions"),
    ],
)
def test_what_does_not_fit(steps, message):
    with pytest.raises(UserError, match=message):
        network(*steps)


def test_shapes_of_pools_and_joins():
    net = network(
        conv(padding=(1, 1)), step("concat", "j", ("c", "input"), **ADD),
        step("maxpool", "p", ("j",), kernel=[3, 3], stride=[2, 2], padding=[1, 1]),
        step("avgpool", "m", ("p",), kernel=[4, 4], stride=[1, 1], **(ADD | {"multipliers": [1]})),
        step("table", "t", ("m",), values=list(range(-128, 128)), output_dtype="int8"),
    )  # fmt: skip
    assert [net.shapes()[name] for name in "cjpmt"] == [(2, 8, 8), (3, 8, 8), (3, 4, 4), (3, 1, 1), (3, 1, 1)]
    assert net.dtypes() == {"input": "uint8", "c": "int32", "j": "uint8", "p": "uint8", "m": "uint8", "t": "int8"}


def test_the_type_of_the_input():
    with pytest.raises(UserError, match="the network's input is 'float32', expected uint8 or int8"):
        Network(name="n", input_shape=(1, 8, 8), input_scale=1.0, steps=(conv(),), input_dtype="float32")


def test_other_names():
    """Of steps, where they are a step's alone."""
    steps = (conv(), step("flatten", "a", ("c",)), step("table", "b", ("a",), values=[0] * 256, output_dtype="uint8"))
    network = Network(name="n", input_shape=(1, 8, 8), input_scale=1.0, steps=steps, host=("h",))
    found, names = network.called({"c": "class/1\n", "a": "b", "b": "input", "h": "soft max"})
    assert [s.name for s in found.steps] == ["class/1\n", "a", "b"] and found.host == ("soft max",)
    assert [s.inputs for s in found.steps] == [("input",), ("class/1\n",), ("a",)]
    assert names == {"input": "input", "c": "class/1\n", "a": "a", "b": "b", "h": "soft max"}
    assert [s.name for s in network.called({"c": "x", "a": "x", "b": ""})[0].steps] == ["c", "a", "b"]


def test_upsampling_and_residuals():
    """Types, shapes and names go through them; a residual may be the input's map."""
    scaled = {"multiplier": np.full(1, 9), "shift": np.full(1, 8), "padding": (1, 1)}
    first, second = conv(1, 1, "a", **scaled), conv(1, 1, "b", ("a", "input"), output_dtype="int8", **scaled)
    second.parameters["residual_factors"] = [3]
    last = conv(1, 1, "d", ("u", "u"), padding=(1, 1))
    last.parameters["residual_factors"] = [-7]
    net = network(first, second, step("upsample", "u", ("b",), factor=[2, 1]), last)
    assert net.shapes() == {"input": (1, 8, 8), "a": (1, 8, 8), "b": (1, 8, 8), "u": (1, 16, 8), "d": (1, 16, 8)}
    assert net.dtypes() == {"input": "uint8", "a": "uint8", "b": "int8", "u": "int8", "d": "int32"}
    renamed, _ = net.called({"a": "x", "u": "y"})
    assert [s.inputs for s in renamed.steps] == [("input",), ("x", "input"), ("b",), ("y", "y")]
    assert [s.parameters for s in renamed.steps] == [s.parameters for s in net.steps]
    assert [s.name for s in net.layers()] == ["a", "b", "d"]
    with pytest.raises(UserError, match="step b uses 'z', which no earlier step makes"):
        network(first, conv(1, 1, "b", ("a", "z"), **scaled))
