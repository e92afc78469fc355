"""The integer reference against other people's integer kernels, and its rounding against fractions."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from tests.hw.layers import random_layer

from zeroskip.layer import ROUNDINGS, Layer
from zeroskip.reference import accumulate, largest_sum, requantise, round_shift, run

LAYERS = {
    "plain": random_layer(1, images=2, padding=(1, 1)),
    "stride": random_layer(2, filters=5, channels=3, size=(9, 8), stride=(2, 3), padding=(2, 1)),
    "groups": random_layer(3, filters=6, channels=4, groups=2, size=(5, 5)),
    "depthwise": random_layer(4, filters=6, channels=3, groups=3, padding=(0, 2)),
    "one pixel": random_layer(5, size=(1, 1), kernel=(1, 1)),
    "one pixel in padding": random_layer(6, size=(1, 1), kernel=(5, 5), padding=(2, 2)),
    "unlike": random_layer(7, size=(3, 11), kernel=(2, 5), stride=(1, 2), padding=(0, 3)),
    "int8": random_layer(8, dtype=np.int8, output="int8", padding=(1, 0)),
    "-128": replace(random_layer(9, dtype=np.int8), weight=np.full((3, 2, 3, 3), -128, np.int8),
                    input=np.full((1, 2, 4, 5), -128, np.int8)),
    "many channels": random_layer(10, channels=300, weights=1.0, activations=1.0),
    "zeros": random_layer(11, weights=0.0),
    "dilated": replace(random_layer(14, size=(9, 8), padding=(1, 2)), dilation=(2, 3)),
    "dilated, stride, groups": replace(random_layer(15, filters=4, channels=4, groups=2, size=(11, 12), stride=(2, 3)),
                                       dilation=(3, 1)),
    "dilated int8": replace(random_layer(16, dtype=np.int8, size=(7, 7), kernel=(2, 3), padding=(3, 0)),
                            dilation=(4, 2)),
    "only below and on the right": replace(random_layer(17, stride=(2, 2), size=(6, 6)), padding_end=(1, 1)),
    "only above": replace(random_layer(18, padding=(2, 0)), padding_end=(0, 0)),
    "uneven, dilated, int8": replace(random_layer(19, dtype=np.int8, padding=(3, 1), stride=(1, 2), size=(5, 6)),
                                     padding_end=(0, 4), dilation=(2, 2)),
    "uneven, transposed": replace(random_layer(20, padding=(3, 0), stride=(1, 2), size=(5, 6)), padding_end=(1, 2),
                                  dilation=(1, 2)).transposed(),
    "half to even": replace(random_layer(21, padding=(1, 1), size=(9, 9), output="int8"), rounding="even",
                            weight=random_layer(21).weight // 16, shift=np.full(3, 3), multiplier=np.full(3, 1)),
    "linear": random_layer(12, linear=True, filters=7, channels=33, images=5),
    "linear int8": random_layer(13, linear=True, dtype=np.int8, images=1),
}


def onnx_sums(layer: Layer) -> np.ndarray:
    """ONNX Runtime's `ConvInteger` or `MatMulInteger`, without bias.

    Both operands go in as uint8 with a zero point: on processors without VNNI its kernels for uint8 times int8 add
    pairs of products in 16 bits and saturate.
    """
    data = layer.needed_input()
    weight = layer.weight.T if layer.is_linear else layer.weight
    if data.dtype == np.int8:  # as uint8 with a zero point
        data, zero = (data.astype(np.int16) + 128).astype(np.uint8), 128
    else:
        zero = 0
    weight = (weight.astype(np.int16) + 128).astype(np.uint8)
    names = ["x", "w", "x_zero", "w_zero"]
    if layer.is_linear:
        node = helper.make_node("MatMulInteger", names, ["y"])
    else:
        node = helper.make_node("ConvInteger", names, ["y"], pads=[*layer.padding, *layer.padding_end],
                                strides=layer.stride, dilations=layer.dilation, group=layer.groups)
    shapes = {"x": data.shape, "w": weight.shape, "x_zero": [], "w_zero": []}
    inputs = [helper.make_tensor_value_info(name, TensorProto.UINT8, shape) for name, shape in shapes.items()]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.INT32, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {"x": data, "w": np.ascontiguousarray(weight), "x_zero": np.array(zero, np.uint8),
             "w_zero": np.array(128, np.uint8)}
    return session.run(None, feeds)[0]


@pytest.mark.parametrize("name", LAYERS)
def test_against_onnx_runtime(name):
    layer = LAYERS[name]
    bias = layer.bias if layer.is_linear else layer.bias[:, None, None]
    wanted = onnx_sums(layer).astype(np.int64) + bias
    found = accumulate(layer)
    assert found.dtype == np.int64 and np.array_equal(found, wanted)
    plain = replace(layer, multiplier=None, shift=None)
    assert run(plain).dtype == np.int32 and np.array_equal(run(plain), wanted)


@pytest.mark.parametrize("seed", range(12))
def test_against_torch(seed):
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 1, 2, 3]))
    kernel, padding = rng.integers(1, 6, 2), rng.integers(0, 4, 2)
    dilation, end = rng.integers(1, 4, 2), rng.integers(0, 4, 2)
    least = np.maximum(kernel - 2 * padding, dilation * (kernel - 1) + 1 - padding - end)
    size = np.maximum(rng.integers(1, 9, 2), least)
    layer = random_layer(seed, filters=groups * int(rng.integers(1, 4)), channels=groups * int(rng.integers(1, 4)),
                         groups=groups, kernel=tuple(map(int, kernel)), padding=tuple(map(int, padding)),
                         size=tuple(map(int, size)), stride=tuple(map(int, rng.integers(1, 4, 2))),
                         images=int(rng.integers(1, 3)), dtype=[np.uint8, np.int8][seed % 2])
    layer = replace(layer, dilation=dilation, padding_end=end)
    padded = torch.nn.functional.pad(torch.from_numpy(layer.needed_input().astype(np.float64)),
                                     tuple(int(v) for pads in layer.pads[::-1] for v in pads))
    weight, bias = (torch.from_numpy(values.astype(np.float64)) for values in (layer.weight, layer.bias))
    wanted = torch.nn.functional.conv2d(padded, weight, bias, layer.stride, 0, layer.dilation, layer.groups)
    assert np.array_equal(accumulate(layer), wanted.numpy())
    assert accumulate(layer).shape == layer.output_shape


def exact(acc, multiplier, shift, lo, hi, rounding="up"):
    """Nearest integer, half up or to even, as Python rounds a fraction; then the clamp."""
    value = Fraction(acc * multiplier, 1 << shift)
    nearest = round(value) if rounding == "even" else math.floor(value + Fraction(1, 2))
    return min(max(nearest, lo), hi)


SUMS = [0, 1, -1, 2, -2, 3, -3, 255, -256, 2**27 - 1, -(2**27), 2**31 - 1, -(2**31), 2**40, -(2**40)]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("lo", "hi"), [(0, 255), (-128, 127), (-5, 5), (7, 7), (-(2**62), 2**62)])
def test_requantise_at_the_edges(lo, hi, rounding):
    cases = list(itertools.product(SUMS, [1, 2, 3, 127, 128, 32768, 65535], [1, 2, 7, 8, 15, 16, 39, 40]))
    acc, multiplier, shift = (np.array(column, np.int64) for column in zip(*cases, strict=True))
    found = requantise(acc[None], multiplier, shift, lo, hi, rounding)[0]
    assert found.tolist() == [exact(*case, lo, hi, rounding) for case in cases]


@pytest.mark.parametrize("shift", [1, 2, 5, 20, 40])
def test_requantise_around_halves(shift):
    """Sums next to every rounding edge: half goes up, or to the even side, on both sides of zero."""
    steps = np.arange(-300, 301)
    acc = ((2 * steps[:, None] + 1) * (1 << shift - 1) + np.array([-1, 0, 1])).ravel()
    found = requantise(acc[None], np.ones(len(acc), int), np.full(len(acc), shift), -128, 255)[0]
    assert found.tolist() == [exact(int(value), 1, shift, -128, 255) for value in acc]
    halves = requantise((2 * steps[None] + 1) << shift - 1, np.ones(601, int), np.full(601, shift), -1000, 1000)[0]
    assert np.array_equal(halves, steps + 1)
    found = requantise(acc[None], np.ones(len(acc), int), np.full(len(acc), shift), -128, 255, "even")[0]
    assert found.tolist() == [exact(int(value), 1, shift, -128, 255, "even") for value in acc]
    assert np.array_equal(round_shift((2 * steps + 1) << shift - 1, shift, "even"), steps + steps % 2)


@pytest.mark.parametrize("shift", range(1, 13))
def test_every_sum_to_even(shift):
    """Over the whole range of 14 bits, against numpy's rounding of quotients that a float holds exactly."""
    acc = np.arange(-(1 << 13), 1 << 13)
    for multiplier in (1, 2, 3, 255, 32768, 65535):
        even, up = (requantise(acc[None, None], np.array([multiplier]), np.array([shift]), -(2**62), 2**62, way)[0, 0]
                    for way in ("even", "up"))
        assert np.array_equal(even, np.rint(acc * multiplier / 2.0**shift))
        ties = (acc * multiplier) % (1 << shift) == 1 << shift - 1
        assert np.array_equal(up - even, ties & (up % 2 == 1)) and (up != even).any() == ties.any()


def test_requantise_per_channel():
    """Channel is axis 1, whatever the rank."""
    rng = np.random.default_rng(5)
    multiplier, shift = rng.integers(1, 65536, 3), rng.integers(1, 41, 3)
    for shape in ((4, 3), (2, 3, 4, 5)):
        acc = rng.integers(-(2**27), 2**27, shape)
        found = requantise(acc, multiplier, shift, -100, 200)
        for place in np.ndindex(shape):
            channel = place[1]
            wanted = exact(int(acc[place]), int(multiplier[channel]), int(shift[channel]), -100, 200)
            assert found[place] == wanted


@pytest.mark.parametrize("name", LAYERS)
def test_run(name):
    """Sums, requantised and clamped, in the output type."""
    layer = LAYERS[name]
    found = run(layer)
    assert found.dtype == layer.output_dtype
    sums = accumulate(layer)
    for place in np.ndindex(sums.shape):
        channel = place[1]
        scale, places = int(layer.multiplier[channel]), int(layer.shift[channel])
        assert found[place] == exact(int(sums[place]), scale, places, *layer.clamp, layer.rounding)
    if layer.rounding == "even":
        assert not np.array_equal(found, run(replace(layer, rounding="up")))


@pytest.mark.parametrize("weight", [127, 119])
def test_sums_that_float32_does_not_hold(weight):
    """529 products of 127 and 255, and one more, make an odd number above 2**24, where float32 has only even ones."""
    weights = np.full((1, 530), weight, np.int8)
    weights[0, 0] = 2
    layer = Layer(weight=weights, input=np.full((1, 530), 255, np.uint8))
    wanted = 529 * weight * 255 + 2 * 255
    assert wanted % 2 == 1
    assert (largest_sum(layer) >= 1 << 24) == (weight == 127)
    assert accumulate(layer).tolist() == [[wanted]]
