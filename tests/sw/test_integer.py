import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from zerokeep import integer
from zerokeep.errors import UserError
from zerokeep.network import Network, Step
from zeroskip import reference
from zeroskip.layer import Layer


def pool(kernel, stride, op="maxpool", **parameters) -> Step:
    parameters |= {"kernel": kernel, "stride": stride}
    return Step(name="p", op=op, inputs=("x",), scale=1.0, parameters=parameters)


def apply(step, *given):
    """A step's result on codes, through a walk over a network that has nothing else."""
    return integer._apply(step, list(given))


def test_maxpool_against_torch():
    values = np.random.default_rng(0).integers(0, 256, (2, 3, 7, 9)).astype(np.uint8)
    for kernel, stride in (((2, 2), (2, 2)), ((3, 2), (2, 1)), ((1, 1), (1, 1)), ((3, 3), (2, 2))):
        found = integer.maxpool(values, pool(kernel, stride))
        expected = nn.functional.max_pool2d(torch.as_tensor(values).double(), kernel, stride).numpy()
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)


def test_maxpool_keeps_signs():
    values = np.array([[[[-3, -1], [-128, -2]]]], np.int8)
    assert integer.maxpool(values, pool((2, 2), (2, 2))).tolist() == [[[[-1]]]]


def test_add_by_hand():
    step = Step(
        name="a", op="add", inputs=("x", "y"), scale=1.0,
        parameters={"multipliers": [3, 2], "shift": 2, "clamp": [0, 200], "output_dtype": "uint8"},
    )  # fmt: skip
    first = np.array([0, 1, 2, 255, 0], np.uint8)
    second = np.array([0, 0, 2, 255, 1], np.uint8)
    # 0, 3 / 4 up, 10 / 4 = 2.5 up, over the clamp, 2 / 4 = 0.5 up
    assert apply(step, first, second).tolist() == [0, 1, 3, 200, 1]
    assert apply(step, first, second).dtype == np.uint8


def test_maxpool_with_padding_against_torch():
    values = np.random.default_rng(0).integers(-128, 128, (2, 3, 7, 9)).astype(np.int8)
    found = integer.maxpool(values, pool((3, 3), (2, 2), padding=(1, 1)))
    expected = nn.functional.max_pool2d(torch.as_tensor(values).double(), 3, 2, 1).numpy()
    np.testing.assert_array_equal(found, expected)


def test_avgpool_by_hand():
    """Sums 10, 26, 42, 58 of four, a quarter each with half up; and with padding that counts."""
    integers = {"multipliers": [1], "shift": 2, "clamp": [0, 255], "output_dtype": "uint8"}
    values = np.array([[[[1, 2, 5, 6], [3, 4, 7, 8], [9, 10, 13, 14], [11, 12, 15, 16]]]], np.uint8)
    assert apply(pool((2, 2), (2, 2), "avgpool", **integers), values).tolist() == [[[[3, 7], [11, 15]]]]
    padded = apply(pool((2, 2), (2, 2), "avgpool", padding=(1, 1), **integers), values)
    assert padded[0, 0].tolist() == [[0, 2, 2], [3, 9, 6], [3, 7, 4]]


def test_concat_by_hand():
    step = Step(name="c", op="concat", inputs=("x", "y"), scale=1.0, parameters={
        "multipliers": [4, 2], "shift": 2, "clamp": [-128, 127], "output_dtype": "int8"})
    first, second = np.array([[[[200]], [[7]]]], np.uint8), np.array([[[[-3]]]], np.int8)
    assert apply(step, first, second)[0, :, 0, 0].tolist() == [127, 7, -1]


@pytest.mark.parametrize(("padding", "end"), [((0, 0), (1, 1)), ((1, 0), (0, 2)), ((2, 1), (1, 0))])
@pytest.mark.parametrize("op", ["maxpool", "avgpool"])
def test_pools_with_uneven_padding_against_torch(op, padding, end):
    """What lies around the map is never the largest, and counts as 0 in a mean."""
    values = np.random.default_rng(1).integers(-128, 128, (2, 3, 7, 9)).astype(np.int8)
    around = (padding[1], end[1], padding[0], end[0])
    integers = {"multipliers": [1], "shift": 1, "clamp": [-128, 127], "output_dtype": "int8"} if op == "avgpool" else {}
    found = apply(pool((3, 3), (2, 1), op, padding=padding, padding_end=end, **integers), values)
    given = nn.functional.pad(torch.as_tensor(values).double(), around, value=-1e9 if op == "maxpool" else 0)
    if op == "maxpool":
        expected = nn.functional.max_pool2d(given, 3, (2, 1)).numpy()
    else:
        sums = nn.functional.avg_pool2d(given, 3, (2, 1), divisor_override=1).numpy()
        expected = np.clip(np.floor(sums / 2 + 0.5), -128, 127)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(  # the default is as above and on the left
        apply(pool((3, 3), (2, 1), op, padding=padding, padding_end=padding, **integers), values),
        apply(pool((3, 3), (2, 1), op, padding=padding, **integers), values))


def test_half_to_even_by_hand():
    """Sums -5 to 5, halved: 0.5 is 0, 1.5 is 2, -1.5 is -2; up by default."""
    integers = {"multipliers": [1, 1], "shift": 1, "clamp": [-128, 127], "output_dtype": "int8"}
    first, second = np.arange(-5, 6).astype(np.int8)[None, :, None, None], np.zeros((1, 11, 1, 1), np.int8)
    even, up = [-2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2], [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3]
    for rounding, wanted in (({"rounding": "even"}, even), ({"rounding": "up"}, up), ({}, up)):
        for op in ("add", "concat"):
            step = Step(name="a", op=op, inputs=("x", "y"), scale=1.0, parameters=integers | rounding)
            assert apply(step, first, second).ravel().tolist()[:11] == wanted
        mean = pool((1, 1), (1, 1), "avgpool", **integers | {"multipliers": [1]} | rounding)
        assert apply(mean, first).ravel().tolist() == wanted


@pytest.mark.parametrize("factor", [(1, 1), (2, 2), (3, 1), (1, 8)])
def test_upsample_against_torch(factor):
    values = np.random.default_rng(2).integers(-128, 128, (2, 3, 4, 5)).astype(np.int8)
    found = apply(Step(name="u", op="upsample", inputs=("x",), scale=1.0, parameters={"factor": factor}), values)
    expected = nn.functional.interpolate(torch.as_tensor(values).double(), scale_factor=factor, mode="nearest").numpy()
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("rounding", ["up", "even", None])
def test_a_residual_by_python_integers(rounding, dtype, linear):
    """Sums, factors of up to 32 bits times the residual's codes, then one rounding; or none."""
    rng, kind, low = np.random.default_rng(3), np.dtype(dtype), np.iinfo(dtype).min
    shape = (2, 3) if linear else (2, 3, 4, 5)
    given, residual = (rng.integers(low, low + 256, shape).astype(kind) for _ in range(2))
    weight = rng.integers(-127, 128, (3, 3) if linear else (3, 3, 1, 1)).astype(np.int8)
    bias = np.array([-40, 0, 17], np.int32)
    factors = [-9, 0, 8_000_000] if rounding is None else [-32768, 3, 2**31 - 1]
    multiplier, shift = np.array([3, 1, 1]), np.array([16, 7, 33])
    numbers = {} if rounding is None else {"multiplier": multiplier, "shift": shift, "rounding": rounding,
                                           "output_dtype": "int8"}
    step = Step(name="s", op="linear" if linear else "conv", inputs=("x", "y"), scale=1.0,
                layer=Layer(weight=weight, bias=bias, **numbers), parameters={"residual_factors": factors})
    found = apply(step, given, residual)
    assert found.dtype == (np.int32 if rounding is None else np.int8)
    seen = set()
    for place in np.ndindex(found.shape):
        image, o, *where = place
        total = int(bias[o]) + factors[o] * int(residual[place])
        total += sum(int(weight[(o, i, 0, 0)[: weight.ndim]]) * int(given[(image, i, *where)]) for i in range(3))
        if rounding is not None:
            number = Fraction(total * int(multiplier[o]), 1 << int(shift[o]))
            total = round(number) if rounding == "even" else math.floor(number + Fraction(1, 2))
            total = min(max(total, -128), 127)
        assert found[place] == total
        seen.add(total)
    assert len(seen) > (4 if linear else 20)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_table_has_a_result_for_every_code(dtype):
    low = np.iinfo(dtype).min
    step = Step(name="t", op="table", inputs=("x",), scale=1.0, parameters={
        "values": [(code * 7) % 256 for code in range(256)], "output_dtype": "uint8"})
    codes = np.arange(low, low + 256).astype(dtype)
    assert apply(step, codes).tolist() == [(code * 7) % 256 for code in range(256)]


@pytest.fixture
def hand_net() -> Network:
    """3x3 input, one 2x2 convolution of two filters, pool, flatten, linear."""
    weight = np.array([[[[1, 0], [0, 1]]], [[[-1, 0], [0, 2]]]], np.int8)
    conv = Layer(
        weight=weight, bias=np.array([0, 4], np.int32), multiplier=np.array([1, 3]), shift=np.array([1, 2])
    )
    linear = Layer(weight=np.array([[1, 1], [-5, 2]], np.int8), bias=np.array([-300, 7], np.int32))
    return Network(
        name="hand", input_shape=(1, 3, 3), input_scale=1.0,
        steps=(
            Step(name="c", op="conv", inputs=("input",), scale=1.0, layer=conv),
            Step(name="p", op="maxpool", inputs=("c",), scale=1.0, parameters={"kernel": [2, 2], "stride": [2, 2]}),
            Step(name="f", op="flatten", inputs=("p",), scale=1.0),
            Step(name="l", op="linear", inputs=("f",), scale=1.0, layer=linear),
        ),
    )  # fmt: skip


IMAGE = np.array([[[[1, 2, 3], [4, 5, 6], [7, 8, 100]]]], np.uint8)
# sums, filter 0: 6 8 12 105, halved, half up: 3 4 6 53; filter 1: 13 14 16 199, times 3 / 4: 10 11 12 149


def test_by_hand(hand_net):
    assert integer.run(hand_net, IMAGE).tolist() == [[53 + 149 - 300, -5 * 53 + 2 * 149 + 7]]
    assert integer.run(hand_net, IMAGE).dtype == np.int32


def test_layer_inputs(hand_net):
    found = integer.layer_inputs(hand_net, IMAGE)
    assert [step.name for step, _ in found] == ["c", "l"]
    np.testing.assert_array_equal(found[0][1].input, IMAGE)
    assert found[1][1].input.tolist() == [[53, 149]]
    assert found[1][1].input.dtype == np.uint8


def test_layer_inputs_leave_a_residual_out(hand_net):
    """The layer with its input is what it is without one; the network's result is not."""
    second = Layer(weight=np.array([[[[1]], [[1]]], [[[-1]], [[1]]]], np.int8), multiplier=np.array([1, 1]),
                   shift=np.array([1, 1]))
    step = Step(name="r", op="conv", inputs=("c", "c"), scale=1.0, layer=second,
                parameters={"residual_factors": [2, -2]})
    net = dataclasses.replace(hand_net, steps=(hand_net.steps[0], step))
    found = integer.layer_inputs(net, IMAGE)
    assert [own.name for own, _ in found] == ["c", "r"]
    given = found[1][1].needed_input()
    assert given[0, :, 0, 0].tolist() == [3, 10] and given[0, :, 1, 1].tolist() == [53, 149]
    assert reference.run(found[1][1])[0, :, 0, 0].tolist() == [7, 4]  # 13 / 2 and 7 / 2
    assert integer.run(net, IMAGE)[0, :, 0, 0].tolist() == [10, 0]  # 19 / 2, and -13 / 2 below the clamp


def test_batches_do_not_matter(hand_net, monkeypatch):
    images = np.random.default_rng(1).integers(0, 256, (23, 1, 3, 3)).astype(np.uint8)
    whole, seen = integer.run(hand_net, images), []
    monkeypatch.setattr(integer, "BATCH", 5)
    np.testing.assert_array_equal(integer.run(hand_net, images, seen.append), whole)
    assert len(seen) == 5
    assert seen[-1] == 1.0
    labels = whole.argmax(1)
    labels[:3] = 1 - labels[:3]
    assert integer.accuracy(hand_net, images, labels) == pytest.approx(20 / 23)


@pytest.mark.parametrize(
    "images", [np.zeros((1, 1, 3, 3), np.int8), np.zeros((1, 1, 3, 4), np.uint8), np.zeros((0, 1, 3, 3), np.uint8)]
)
def test_wrong_images(hand_net, images):
    with pytest.raises(UserError, match=r"the network's images are .*, expected uint8 or float32 \(N, 1, 3, 3\)"):
        integer.run(hand_net, images)


def test_floats_are_divided_by_the_scale(hand_net):
    net = dataclasses.replace(hand_net, input_scale=0.5, input_dtype="int8")
    images = np.array([[[[0.25, -0.26, 100], [-100, 1, 0.24], [0, 0, 0]]]], np.float32)
    codes = integer.encode(net, images)
    assert codes.dtype == np.int8
    assert codes.ravel().tolist() == [1, -1, 127, -128, 2, 0, 0, 0, 0]


def test_pixels_are_numbers_from_0_to_1_to_a_network_that_begins_with_signed_codes(hand_net):
    net = dataclasses.replace(hand_net, input_scale=1 / 127, input_dtype="int8")
    images = np.array([[[[0, 255, 128], [1, 2, 3], [254, 0, 0]]]], np.uint8)
    assert integer.encode(net, images).ravel().tolist() == [0, 127, 64, 0, 1, 1, 127, 0, 0]
