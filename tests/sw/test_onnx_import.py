"""ONNX in: what we wrote comes back as the same integers; what others wrote is taken, or refused by the node's name."""

import dataclasses

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from tests.sw.test_quantise import Everything

from zerokeep import integer, onnx_export
from zerokeep.architectures import resnet20
from zerokeep.cli import main
from zerokeep.errors import UserError
from zerokeep.graph import trace
from zerokeep.models import load_base
from zerokeep.onnx_float import to_module
from zerokeep.onnx_quantised import to_network
from zerokeep.onnx_read import parse, read
from zerokeep.quantise import quantise

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 1, 28, 28)).astype(np.uint8)


def plain(parameters):
    return {key: list(value) if isinstance(value, tuple) else value for key, value in parameters.items()}


@pytest.mark.parametrize("make", [lambda: load_base().module, Everything, lambda: resnet20((4, 6, 8), blocks=1)])
def test_what_was_written_comes_back_as_the_same_integers(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = quantise(make().eval(), IMAGES)
    back = to_network(parse(onnx_export.build(network)))
    assert [step.name for step in back.steps] == [step.name for step in network.steps]
    for ours, theirs in zip(network.steps, back.steps, strict=True):
        assert (ours.op, ours.inputs, plain(ours.parameters)) == (theirs.op, theirs.inputs, plain(theirs.parameters))
        assert ours.scale == pytest.approx(theirs.scale, rel=1e-7)
        if ours.layer is not None:
            for field in dataclasses.fields(ours.layer):
                one, other = getattr(ours.layer, field.name), getattr(theirs.weights, field.name)
                assert np.array_equal(one, other), (ours.name, field.name)
    np.testing.assert_array_equal(integer.run(back, IMAGES), integer.run(network, IMAGES))


def model(nodes, constants, *, dtype=TensorProto.FLOAT, shape=(2, 6, 6), result=(3,), domain=None):
    graph = helper.make_graph(
        [helper.make_node(op, given, [made], name=made, **more) for op, given, made, more in nodes], "theirs",
        [helper.make_tensor_value_info("x", dtype, ["N", *shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", *result])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    sets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=sets, ir_version=9)


def run(given, images):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")  # else 16 bits saturate on some processors
    session = onnxruntime.InferenceSession(given.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": images})[0]


FLOAT_CONSTANTS = {
    "w": RNG.normal(size=(4, 1, 3, 3)).astype(np.float32), "b": RNG.normal(size=4).astype(np.float32),
    "gain": RNG.uniform(0.5, 2, 4).astype(np.float32), "off": RNG.normal(size=4).astype(np.float32),
    "mean": RNG.normal(size=4).astype(np.float32), "var": RNG.uniform(0.5, 2, 4).astype(np.float32),
    "v": RNG.normal(size=(4, 4, 1, 1)).astype(np.float32), "m": RNG.normal(size=(32, 5)).astype(np.float32),
    "mb": RNG.normal(size=5).astype(np.float32), "g": RNG.normal(size=(3, 5)).astype(np.float32),
    "gb": RNG.normal(size=3).astype(np.float32), "lo": np.float32(0), "hi": np.float32(6), "flat": np.array([0, -1]),
}  # fmt: skip
FLOAT_NODES = [
    ("Conv", ["x", "w", "b"], "c", {"pads": [1, 1, 1, 1], "group": 2, "strides": [2, 2]}),
    ("BatchNormalization", ["c", "gain", "off", "mean", "var"], "n", {"epsilon": 1e-3}),
    ("Clip", ["n", "lo", "hi"], "r", {}),
    ("Conv", ["r", "v"], "d", {"auto_pad": "SAME_UPPER"}),
    ("Add", ["d", "r"], "a", {}),
    ("LeakyRelu", ["a"], "l", {"alpha": 0.3}),
    ("MaxPool", ["l"], "p", {"kernel_shape": [2, 2]}),
    ("AveragePool", ["l"], "q", {"kernel_shape": [2, 2]}),
    ("Concat", ["p", "q"], "j", {"axis": 1}),
    ("Reshape", ["j", "flat"], "f", {}),
    ("MatMul", ["f", "m"], "h", {}),
    ("Add", ["mb", "h"], "hb", {}),
    ("Sigmoid", ["hb"], "s", {}),
    ("Gemm", ["s", "g", "gb"], "y0", {"transB": 1}),
    ("Softmax", ["y0"], "y", {}),
]


def test_a_network_of_floats_computes_the_same():
    given = model(FLOAT_NODES, FLOAT_CONSTANTS)
    images = RNG.normal(size=(20, 2, 6, 6)).astype(np.float32)
    module = to_module(parse(given))
    with torch.no_grad():
        found = module(torch.as_tensor(images)).numpy()
    np.testing.assert_allclose(found, run(given, images), rtol=1e-4, atol=1e-5)
    assert trace(module, (2, 6, 6)).host == ("n015_y",)
    network = quantise(module, images)
    codes = integer.run(network, images) * network.steps[-1].scale
    assert (codes.argmax(1) == found.argmax(1)).mean() >= 0.9


@pytest.mark.parametrize("after", [["m0"], ["s"]])
def test_batch_norm_after_a_linear_layer(after):
    """Right behind it, or after its bias and a function."""
    constants = {"m": RNG.normal(size=(72, 4)), "mb": RNG.normal(size=4)} | {
        name: FLOAT_CONSTANTS[name] for name in ("gain", "off", "mean", "var")}
    nodes = [("Flatten", ["x"], "f", {}), ("MatMul", ["f", "m"], "m0", {}), ("Add", ["mb", "m0"], "h", {}),
             ("Sigmoid", ["h"], "s", {}), ("BatchNormalization", [*after, "gain", "off", "mean", "var"], "y", {})]
    given = model(nodes if after == ["s"] else [*nodes[:2], nodes[-1]],
                  {name: np.asarray(value, np.float32) for name, value in constants.items()}, result=(4,))
    images = RNG.normal(size=(20, 2, 6, 6)).astype(np.float32)
    module = to_module(parse(given))
    with torch.no_grad():
        found = module(torch.as_tensor(images)).numpy()
    np.testing.assert_allclose(found, run(given, images), rtol=1e-4, atol=1e-5)
    codes = integer.run(quantise(module, images), images)
    assert (codes.argmax(1) == found.argmax(1)).mean() >= 0.9


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (("Conv", ["x", "w"], "c", {"pads": [1, 0, 1, 1], "group": 2}), r"node c \(Conv\) pads by \[1, 0, 1, 1\]"),
        (("Conv", ["x", "x"], "c", {}), r"node c \(Conv\) has x, which is no constant, in place 1"),
        (("ConvTranspose", ["x", "w"], "c", {}), r"node c \(ConvTranspose\) cannot be taken"),
        (("Clip", ["x", "hi"], "c", {}), r"node c \(Clip\) clips to 6.0 and None"),
        (("Add", ["x", "b"], "c", {}), r"node c \(Add\) adds a constant"),
        (("MaxPool", ["x"], "c", {"kernel_shape": [2, 2], "ceil_mode": 1}), r"node c \(MaxPool\) rounds its result's"),
        (("Reshape", ["x", "three"], "c", {}), r"node c \(Reshape\) gives another shape"),
        (("Concat", ["x", "x"], "c", {"axis": 2}), r"node c \(Concat\) joins along another axis"),
        (("ReduceMean", ["x"], "c", {"axes": [1]}), r"node c \(ReduceMean\) is over other axes"),
    ],
)
def test_floats_that_cannot_be_taken(node, message):
    nodes = [node, ("Flatten", ["c"], "y", {})]
    with pytest.raises(UserError, match=message):
        to_module(parse(model(nodes, FLOAT_CONSTANTS | {"three": np.array([0, 2, -1])})))


CODES = {
    "sx": np.float32(0.02), "z8": np.int8(0), "zu": np.uint8(0),
    "w": RNG.integers(-127, 128, (4, 2, 3, 3)).astype(np.int8),
    "sw": RNG.uniform(0.01, 0.02, 4).astype(np.float32), "zw": np.zeros(4, np.int8),
    "b": RNG.integers(-500, 500, 4).astype(np.int32), "zb": np.zeros(4, np.int32), "sc": np.float32(0.05),
    "g": RNG.integers(-127, 128, (3, 16)).astype(np.int8), "sg": np.float32(0.003), "so": np.float32(0.1),
    "bad": np.uint8(128),
}  # fmt: skip
CODES["sb"] = (CODES["sw"] * CODES["sx"]).astype(np.float32)
QDQ_NODES = [
    ("QuantizeLinear", ["x", "sx", "z8"], "x_q", {}),
    ("DequantizeLinear", ["x_q", "sx", "z8"], "x_d", {}),
    ("DequantizeLinear", ["w", "sw", "zw"], "w_d", {"axis": 0}),
    ("DequantizeLinear", ["b", "sb", "zb"], "b_d", {"axis": 0}),
    ("Conv", ["x_d", "w_d", "b_d"], "c", {}),
    ("Relu", ["c"], "c_relu", {}),
    ("QuantizeLinear", ["c_relu", "sc", "zu"], "c_q", {}),
    ("DequantizeLinear", ["c_q", "sc", "zu"], "c_d", {}),
    ("MaxPool", ["c_d"], "p", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("QuantizeLinear", ["p", "sc", "zu"], "p_q", {}),
    ("DequantizeLinear", ["p_q", "sc", "zu"], "p_d", {}),
    ("Sigmoid", ["p_d"], "s", {}),
    ("QuantizeLinear", ["s", "sx", "zu"], "s_q", {}),
    ("DequantizeLinear", ["s_q", "sx", "zu"], "s_d", {}),
    ("Flatten", ["s_d"], "f", {}),
    ("DequantizeLinear", ["g", "sg", "z8"], "g_d", {}),
    ("Gemm", ["f", "g_d"], "o", {"transB": 1}),
    ("QuantizeLinear", ["o", "so", "z8"], "o_q", {}),
    ("DequantizeLinear", ["o_q", "so", "z8"], "y", {}),
]


def test_a_quantised_network_of_somebody_else():
    """Floats in, per-channel weights, a sigmoid, codes at the end: every code as ONNX Runtime has it, but for ties."""
    given = model(QDQ_NODES, CODES)
    images = RNG.normal(size=(200, 2, 6, 6)).astype(np.float32)
    network = to_network(parse(given))
    assert [(step.name, step.op) for step in network.steps] == [
        ("c", "conv"), ("p", "maxpool"), ("s", "table"), ("f", "flatten"), ("o", "linear")]
    assert network.input_dtype == "int8"
    np.testing.assert_array_equal(network.layers()[0].weights.weight, CODES["w"])
    np.testing.assert_array_equal(network.layers()[0].weights.bias, CODES["b"])
    found, wanted = integer.run(network, images), run(given, images) / CODES["so"]
    assert np.abs(found - wanted).max() <= 1.01
    assert (np.abs(found - wanted) < 0.01).mean() > 0.97


@pytest.mark.parametrize(
    "mean",
    [
        [("ReduceMean", ["p_d"], "m", {"axes": [2, 3]}), ("Reshape", ["m", "shape"], "f", {})],
        [("ReduceMean", ["p_d"], "f", {"axes": [2, 3], "keepdims": 0})],
        [("GlobalAveragePool", ["p_d"], "m", {}), ("Flatten", ["m"], "f", {})],
    ],
)
def test_a_mean_that_is_flattened_before_it_is_rounded(mean):
    """As torch.onnx and ONNX Runtime's quantiser leave it at the end of a residual network."""
    begin = [node for node in QDQ_NODES if node[2] not in ("s", "s_q", "s_d", "f", "g_d", "o", "o_q", "y")]
    end = [("QuantizeLinear", ["f", "sm", "zu"], "f_q", {}), ("DequantizeLinear", ["f_q", "sm", "zu"], "y", {})]
    constants = CODES | {"sm": np.float32(0.037), "shape": np.array([0, -1], np.int64)}
    given = model([*begin, *mean, *end], constants, result=(4,))
    images = RNG.normal(size=(200, 2, 6, 6)).astype(np.float32)
    network = to_network(parse(given))
    assert [step.op for step in network.steps] == ["conv", "maxpool", "avgpool", "flatten"]
    found, wanted = integer.run(network, images), run(given, images) / constants["sm"]
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 1.01
    assert (np.abs(found - wanted) < 0.01).mean() > 0.97
    assert found.std() > 1


def changed(result, **values):
    """The nodes with the one that makes `result` changed."""
    found = []
    for op, given, made, more in QDQ_NODES:
        if made == result:
            found.append((values.get("op", op), values.get("given", given), made, values.get("more", more)))
        else:
            found.append((op, given, made, more))
    return found


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (changed("c_q", given=["c_relu", "sc", "bad"]), r"node c_q \(QuantizeLinear\) has the zero point 128, only"),
        (changed("c_d", given=["c_q", "so", "zu"]), r"node c_d \(DequantizeLinear\) has the scale 0.1, its codes have"),
        (changed("w_d", more={"axis": 1}), r"node w_d \(DequantizeLinear\) has scales along another axis"),
        (changed("c", more={"dilations": [2, 2]}), r"node c \(Conv\) is dilated"),
        (changed("c", given=["x_d", "wf"]), r"node c \(Conv\) has weights that are not quantised"),
        (changed("c_relu", op="Erf"), r"node c_relu \(Erf\) cannot be taken"),
        (changed("s", given=["c_relu"]), r"node s \(Sigmoid\) takes c_relu, which is not quantised before it"),
        (changed("o", more={"transB": 1, "alpha": 2.0}), r"node o \(Gemm\) scales or transposes"),
        ([*QDQ_NODES[:6], ("Identity", ["c_relu"], "y", {})], r"node c \(Conv\) ends the network with weights on"),
    ],
)
def test_quantised_networks_that_cannot_be_taken(nodes, message):
    with pytest.raises(UserError, match=message):
        to_network(parse(model(nodes, CODES | {"wf": CODES["w"].astype(np.float32)})))


def test_qonnx():
    """Four bits, QONNX' node for weights and activations: by hand, code by code."""
    domain = "qonnx.custom_op.general"
    weight = np.array([[[[0.5]], [[-0.25]]], [[[1.75]], [[0.0]]]], np.float32)
    constants = {"w": weight, "s": np.float32(0.25), "one": np.float32(1), "z": np.float32(0), "four": np.float32(4)}
    signed, unsigned = {"signed": 1, "narrow": 1, "domain": domain}, {"signed": 0, "narrow": 0, "domain": domain}
    nodes = [
        ("Quant", ["x", "one", "z", "four"], "xq", unsigned),
        ("Quant", ["w", "s", "z", "four"], "wq", signed),
        ("Conv", ["xq", "wq"], "c", {}),
        ("Relu", ["c"], "r", {}),
        ("Quant", ["r", "one", "z", "four"], "y", unsigned),
    ]
    network = to_network(parse(model(nodes, constants, shape=(2, 1, 1), result=(2, 1, 1), domain=domain)))
    layer = network.layers()[0].weights
    assert layer.weight.reshape(2, 2).tolist() == [[2, -1], [7, 0]]
    assert list(layer.clamp) == [0, 15]
    images = np.array([[4, 2], [9, 0], [15, 15]], np.float32).reshape(3, 2, 1, 1)
    assert integer.run(network, images).reshape(3, 2).tolist() == [[2, 7], [5, 15], [4, 15]]
    large = np.array([[99, -3]], np.float32).reshape(1, 2, 1, 1)  # four bits hold 0 to 15: 15 and 0, so 7.5 and 26.25
    assert integer.run(network, large).reshape(2).tolist() == [8, 15]
    told = {"wq": {"rounding_mode": "FLOOR"}}
    floor = [(op, given, made, more | told.get(made, {})) for op, given, made, more in nodes]
    with pytest.raises(UserError, match=r"node wq \(Quant\) rounds by FLOOR, not to the nearest"):
        to_network(parse(model(floor, constants, shape=(2, 1, 1), domain=domain)))
    wide = [(op, ["w", "s", "z", "nine"] if made == "wq" else given, made, more) for op, given, made, more in nodes]
    with pytest.raises(UserError, match=r"node wq \(Quant\) has a width of 9 bits"):
        to_network(parse(model(wide, constants | {"nine": np.float32(9)}, shape=(2, 1, 1), domain=domain)))


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(UserError, match=r"none.onnx: no such file"):
        read(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(UserError, match=r"text.onnx is no valid ONNX model"):
        read(tmp_path / "text.onnx")
    open_size = model(FLOAT_NODES, FLOAT_CONSTANTS)
    open_size.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "H"
    with pytest.raises(UserError, match=r"the input x has shape \(0, 2, 0, 6\)"):
        parse(open_size)


def test_the_command_line(tmp_path, capsys):
    """A folder's own ONNX file imported again, and one of floats quantised with the data at hand."""
    network = quantise(load_base().module, IMAGES)
    onnx.save(onnx_export.build(network), tmp_path / "q.onnx")
    assert main(["import", str(tmp_path / "q.onnx"), "-o", str(tmp_path / "q")]) == 0
    shown = capsys.readouterr().out
    assert "quantised already: 9 steps" in shown and "not measured: give --data" in shown
    assert main(["prune", "--model", str(tmp_path / "q.onnx"), "-o", str(tmp_path / "p")]) == 2
    assert "is quantised already: 'zerokeep import" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "nothing.onnx")]) == 2


def test_what_comes_after_a_relu_stays_after_it():
    """A constant added behind a ReLU is no bias, and Clip's bounds may be attributes."""
    with pytest.raises(UserError, match=r"node a \(Add\) takes c_relu, which is not quantised before it"):
        plain = [("Conv", ["x_d", "w_d"], "c", {}) if node[2] == "c" else node for node in QDQ_NODES[:6]]
        to_network(parse(model([*plain, ("Add", ["c_relu", "one"], "a", {}),
                                ("QuantizeLinear", ["a", "sc", "zu"], "y", {})],
                               CODES | {"one": np.ones((4, 1, 1), np.float32)})))
    nodes = [("Clip", ["c"], "c_relu", {"min": 0.0, "max": 1.0}) if made == "c_relu" else (op, given, made, more)
             for op, given, made, more in QDQ_NODES]
    given = model(nodes, CODES)
    assert list(to_network(parse(given)).layers()[0].weights.clamp) == [0, 20]
