import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from zerokeep import data, integer, onnx_export
from zerokeep.models import load_base
from zerokeep.network import Network, Step
from zerokeep.prune import prune
from zerokeep.quantise import quantise
from zerokeep.recipe import Recipe
from zeroskip.layer import Layer

NUMBERS = torch.zeros(1, 1, 28, 28)


@pytest.fixture(scope="module")
def shipped():
    subset = data.load_subset()
    return load_base().module, subset


@pytest.mark.parametrize("recipe", [Recipe.unpruned(), Recipe(zero_ratio=0.5, filter_ratio=0.1)])
def test_top_1_equals_the_integer_reference(shipped, recipe):
    base, subset = shipped
    network = quantise(prune(base, recipe, NUMBERS).module, subset.train_images[:200])
    images = subset.test_images[:400]
    wanted = integer.run(network, images)
    found = onnx_export.run(onnx_export.build(network), images)
    assert (found.argmax(1) == wanted.argmax(1)).mean() >= 0.995
    assert np.median(np.abs(found - wanted * network.steps[-1].scale)) < 1e-4


def test_weights_are_the_codes(shipped):
    base, subset = shipped
    network = quantise(base, subset.train_images[:50])
    model = onnx_export.build(network)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for number, step in enumerate(network.steps, start=1):
        if step.layer is not None:
            np.testing.assert_array_equal(constants[f"s{number:02d}_weight_q"], step.weights.weight)
            np.testing.assert_array_equal(constants[f"s{number:02d}_bias_q"], step.weights.bias)
            assert constants[f"s{number:02d}_weight_q"].dtype == np.int8
    kinds = {node.op_type for node in model.graph.node}
    assert {"QuantizeLinear", "DequantizeLinear", "Conv", "MaxPool", "Gemm"} <= kinds
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_groups_stride_padding_and_add():
    """Every kind of step, every logit equal.

    Scales are powers of two, so that floats are exact; weights are even and biases odd, so that no sum is half-way
    between two codes, where integers round up and ONNX to even.
    """
    generator = np.random.default_rng(0)

    def layer(shift, *shape, **fields):
        count = shape[0]
        return Layer(
            weight=2 * generator.integers(-3, 4, shape).astype(np.int8), bias=np.arange(1, 2 * count, 2, np.int32),
            multiplier=np.full(count, 32768), shift=np.full(count, 15 + shift), **fields,
        )  # fmt: skip

    last = Layer(weight=generator.integers(-3, 4, (3, 32)).astype(np.int8))
    steps = (
        Step(name="a", op="conv", inputs=("input",), scale=2.0,
             layer=layer(5, 4, 2, 3, 3, stride=(2, 1), padding=(1, 2))),
        Step(name="b", op="conv", inputs=("a",), scale=4.0, layer=layer(3, 4, 2, 1, 1, groups=2)),
        Step(name="c", op="add", inputs=("a", "b"), scale=2.0, parameters={
            "multipliers": [2, 4], "shift": 1, "clamp": [0, 255], "output_dtype": "uint8"}),
        Step(name="d", op="maxpool", inputs=("c",), scale=2.0, parameters={"kernel": [2, 2], "stride": [1, 2]}),
        Step(name="e", op="flatten", inputs=("d",), scale=2.0),
        Step(name="f", op="linear", inputs=("e",), scale=2.0, layer=last),
    )  # fmt: skip
    network = Network(name="steps", input_shape=(2, 6, 7), input_scale=1.0, steps=steps)
    images = generator.integers(0, 256, (30, 2, 6, 7)).astype(np.uint8)
    found = onnx_export.run(onnx_export.build(network), images)
    wanted = integer.run(network, images)
    assert np.unique(wanted).size > 30
    np.testing.assert_array_equal(found, wanted * 2.0)


def scaled(generator, power, *shape, **fields) -> Layer:
    """A layer whose results are its sums over 2**`power`, half to even."""
    return Layer(weight=generator.integers(-3, 4, shape).astype(np.int8), rounding="even",
                 bias=generator.integers(-20, 21, shape[0]).astype(np.int32), multiplier=np.full(shape[0], 1),
                 shift=np.full(shape[0], power), **fields)


def test_dilation_uneven_padding_upsampling_residuals_and_half_to_even():
    """Every logit equal, ties too: scales are powers of two, so that floats are exact, and both round half to even."""
    generator = np.random.default_rng(4)
    dilated = scaled(generator, 5, 4, 2, 3, 3, dilation=(2, 1), padding=(2, 0), padding_end=(1, 2), stride=(1, 2))
    mean = {"multipliers": [1], "shift": 2, "clamp": [-128, 127], "output_dtype": "int8", "rounding": "even"}
    pool = {"kernel": [2, 2], "stride": [1, 2]}
    steps = (
        Step(name="a", op="conv", inputs=("input",), scale=8.0, layer=dilated),
        Step(name="b", op="conv", inputs=("a", "a"), scale=16.0, parameters={"residual_factors": [3, -8, 0, 130]},
             layer=scaled(generator, 1, 4, 4, 1, 1, output_dtype="int8")),
        Step(name="u", op="upsample", inputs=("b",), scale=16.0, parameters={"factor": [2, 3]}),
        Step(name="m", op="maxpool", inputs=("u",), scale=16.0, parameters=pool | {"padding_end": [1, 0]}),
        Step(name="v", op="avgpool", inputs=("m",), scale=16.0, parameters=mean | {
            "kernel": [2, 2], "stride": [1, 1], "padding_end": [0, 1]}),
        Step(name="f", op="flatten", inputs=("v",), scale=16.0),
        Step(name="l", op="linear", inputs=("f",), scale=256.0,
             layer=scaled(generator, 4, 5, 216, output_dtype="int8")),
        Step(name="k", op="linear", inputs=("l", "l"), scale=256.0, parameters={
            "residual_factors": [7, 1, -1000, 0, 2]}, layer=Layer(weight=np.diag([1, 2, -3, 4, 0]).astype(np.int8))),
    )  # fmt: skip
    network = Network(name="steps", input_shape=(2, 6, 7), input_scale=0.25, steps=steps)
    images = generator.integers(0, 256, (30, 2, 6, 7)).astype(np.uint8)
    model = onnx_export.build(network)
    wanted = integer.run(network, images)
    np.testing.assert_array_equal(onnx_export.run(model, images), wanted * 256.0)
    kinds = {step.name: np.unique(result).size for step, _, result in integer.walk(network, images)}
    assert all(kinds[name] > 30 for name in "abumvflk"), kinds
    resize = next(node for node in model.graph.node if node.op_type == "Resize")
    assert {own.name: own.s for own in resize.attribute} == {
        "mode": b"nearest", "nearest_mode": b"floor", "coordinate_transformation_mode": b"asymmetric"}


def test_a_usual_convolution_says_nothing_of_dilation():
    """So that a network has the file that it had before."""
    layer = Layer(weight=np.ones((1, 1, 3, 3), np.int8), padding=(1, 1))
    step = Step(name="a", op="conv", inputs=("input",), scale=1.0, layer=layer)
    model = onnx_export.build(Network(name="n", input_shape=(1, 4, 4), input_scale=1.0, steps=(step,)))
    made = next(node for node in model.graph.node if node.op_type == "Conv")
    assert {own.name for own in made.attribute} == {"kernel_shape", "strides", "pads", "group"}
