"""What a step may be told, what shape it makes, and how it refuses the rest: by its name."""

import re

import numpy as np
import pytest

from zerokeep.errors import UserError
from zerokeep.network import Network
from zerokeep.step import OPS, PARAMETERS, Step, pads, shape_after
from zeroskip.layer import Layer

ADD = {"multipliers": [1, 1], "shift": 1, "clamp": [0, 255], "output_dtype": "uint8"}
MEAN = ADD | {"multipliers": [1], "kernel": [2, 2], "stride": [1, 1]}
POOL = {"kernel": [3, 2], "stride": [2, 1]}
MAP = (2, 6, 5)


def step(op, **parameters) -> Step:
    return Step(name="s", op=op, inputs=("input",), scale=1.0, parameters=parameters)


def conv(*inputs, filters=2, bias=None, scaled=True, **parameters) -> Step:
    """A 1 x 1 convolution of two channels, whose weights are all ones."""
    numbers = {"multiplier": np.full(filters, 9), "shift": np.full(filters, 8)} if scaled else {}
    layer = Layer(weight=np.ones((filters, 2, 1, 1), np.int8), bias=bias, **numbers)
    return Step(name="s", op="conv", inputs=("input", *inputs), scale=1.0, layer=layer, parameters=parameters)


def linear(**parameters) -> Step:
    layer = Layer(weight=np.ones((3, 7), np.int8))
    return Step(name="s", op="linear", inputs=("input", "r"), scale=1.0, layer=layer, parameters=parameters)


def test_every_kind_has_its_parameters():
    assert OPS == ("conv", "linear", "maxpool", "avgpool", "add", "concat", "table", "flatten", "upsample")
    assert set(OPS) == set(PARAMETERS)


@pytest.mark.parametrize(("made", "wanted"), [
    (step("maxpool", **POOL), (2, 2, 4)), (step("maxpool", **POOL, padding=[1, 1]), (2, 3, 6)),
    (step("maxpool", **POOL, padding_end=[1, 0]), (2, 3, 4)),
    (step("maxpool", **POOL, padding=[2, 1], padding_end=[0, 0]), (2, 3, 5)),
    (step("maxpool", **POOL, padding_end=(2, 1)), (2, 3, 5)), (step("avgpool", **MEAN, padding_end=[0, 1]), (2, 5, 5)),
    (step("avgpool", **MEAN, rounding="even"), (2, 5, 4)),
    (step("upsample", factor=[2, 3]), (2, 12, 15)), (step("upsample", factor=(8, 1)), (2, 48, 5)),
])
def test_shapes(made, wanted):
    assert shape_after(made, [MAP]) == wanted


def test_padding_of_a_pool():
    assert pads(step("maxpool", **POOL)) == ((0, 0), (0, 0))
    assert pads(step("maxpool", **POOL, padding=[2, 1])) == ((2, 2), (1, 1))
    assert pads(step("maxpool", **POOL, padding=[2, 1], padding_end=[0, 1])) == ((2, 0), (1, 1))


def test_shapes_of_unusual_convolutions():
    layer = Layer(weight=np.ones((4, 2, 3, 3), np.int8), dilation=(2, 1), padding=(0, 1), padding_end=(1, 0))
    made = Step(name="s", op="conv", inputs=("input",), scale=1.0, layer=layer)
    assert shape_after(made, [MAP]) == (4, 3, 4)
    with pytest.raises(UserError, match=r"^step s has a kernel \(5, 3\) larger than its padded input \(2, 3, 5\)$"):
        shape_after(made, [(2, 3, 5)])


@pytest.mark.parametrize("factors", [[0, -(2**31)], (2**31 - 1, 1), [-5, 32768]])
def test_a_residual(factors):
    """Any factors of 32 bits, of a list or a tuple; of a linear layer, too."""
    assert shape_after(conv("r", residual_factors=factors), [MAP, MAP]) == MAP
    assert shape_after(linear(residual_factors=[1, 2, 3]), [(7,), (3,)]) == (3,)


WRONG = [
    (step("maxpool", **POOL, ceil_mode=True), [MAP],
     "step s: maxpool has no parameter 'ceil_mode'; there is kernel, stride, padding, padding_end"),
    (step("maxpool", **POOL, rounding="even"), [MAP], "step s: maxpool has no parameter 'rounding'"),
    (step("flatten", axis=1), [MAP], "step s: flatten has no parameter 'axis'; there is none"),
    (step("maxpool", **POOL, padding_end=[0, -1]), [MAP],
     "step s: padding_end must be two whole numbers of at least 0, not [0, -1]"),
    (step("maxpool", **POOL, padding_end=1), [MAP], "step s: padding_end must be two whole numbers of at least 0"),
    (step("maxpool", **POOL, padding_end=None), [MAP], "step s: padding_end must be two whole numbers"),
    (step("maxpool", **POOL, padding_end=[1.0, 0]), [MAP], "step s: padding_end must be two whole numbers"),
    (step("maxpool", **POOL, padding_end=[3, 0]), [MAP],
     "step s pools (3, 2) with padding (0, 0) and (3, 0) on an input of (2, 6, 5)"),
    (step("maxpool", **POOL, padding=[0, 2], padding_end=[0, 0]), [MAP],
     "step s pools (3, 2) with padding (0, 2) and (0, 0) on an input of (2, 6, 5)"),
    (step("avgpool", **MEAN, rounding="down"), [MAP], "step s: rounding is 'down', expected 'up' or 'even'"),
    (step("avgpool", **MEAN, rounding=None), [MAP], "step s: rounding is None, expected 'up' or 'even'"),
    (step("add", **ADD, rounding=["even"]), [MAP, MAP], "step s: rounding is ['even'], expected 'up' or 'even'"),
    (step("concat", **ADD, rounding="EVEN"), [MAP, MAP], "step s: rounding is 'EVEN', expected 'up' or 'even'"),
    (step("upsample"), [MAP], "step s: factor must be two positive whole numbers, not None"),
    (step("upsample", factor=2), [MAP], "step s: factor must be two positive whole numbers, not 2"),
    (step("upsample", factor=[2, 0]), [MAP], "step s: factor must be two positive whole numbers, not [2, 0]"),
    (step("upsample", factor=[2, True]), [MAP], "step s: factor must be two positive whole numbers, not [2, True]"),
    (step("upsample", factor=[2, 9]), [MAP], "step s: factor is (2, 9), expected two from 1 to 8"),
    (step("upsample", factor=[2, 2], mode="linear"), [MAP], "step s: upsample has no parameter 'mode'"),
    (step("upsample", factor=[2, 2]), [(7,)], "step s (upsample) needs 3 dimensions, its input is (7,)"),
    (step("upsample", factor=[2, 2]), [MAP, MAP], "step s (upsample) has 2 inputs"),
    (conv("r"), [MAP, MAP], "step s: residual_factors must be 2 whole numbers of 32 bits, not None"),
    (conv("r", residual_factors=[1]), [MAP, MAP],
     "step s: residual_factors must be 2 whole numbers of 32 bits, not [1]"),
    (conv("r", residual_factors=[1, 0.5]), [MAP, MAP], "step s: residual_factors must be 2 whole numbers of 32 bits"),
    (conv("r", residual_factors=[1, True]), [MAP, MAP], "step s: residual_factors must be 2 whole numbers of 32 bits"),
    (conv("r", residual_factors=[1, 2**31]), [MAP, MAP], "step s: residual_factors must be 2 whole numbers of 32 bits"),
    (conv("r", residual_factors=5), [MAP, MAP], "step s: residual_factors must be 2 whole numbers of 32 bits, not 5"),
    (conv(residual_factors=[1, 2]), [MAP], "step s (conv) makes (2, 6, 5), its residual is missing"),
    (conv("r", residual_factors=[1, 2]), [MAP, (2, 5, 5)],
     "step s (conv) makes (2, 6, 5), its residual is (2, 5, 5)"),
    (conv("r", residual_factors=[1, 2]), [MAP, (2,)], "step s (conv) makes (2, 6, 5), its residual is (2,)"),
    (conv("r", "q", residual_factors=[1, 2]), [MAP, MAP, MAP], "step s (conv) has 3 inputs"),
    (conv(strength=1), [MAP], "step s: conv has no parameter 'strength'; there is residual_factors"),
    (linear(residual_factors=[1, 2, 3]), [(7,), (7,)], "step s (linear) makes (3,), its residual is (7,)"),
]


@pytest.mark.parametrize(("made", "given", "message"), WRONG, ids=[f"{n}" for n in range(len(WRONG))])
def test_what_is_refused(made, given, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        shape_after(made, given)


def test_accumulators_with_a_residual_are_of_32_bits():
    """(2 weights of 1 + the factor) times 255 and the bias: 2**31 - 1 may come out, and no more."""
    factor, rest = divmod(2**31 - 1 - 2 * 255, 255)
    bias = np.array([0, -rest], np.int32)
    fits = {"scaled": False, "bias": bias}
    for sign in (1, -1):
        assert shape_after(conv("r", residual_factors=[0, sign * factor], **fits), [MAP, MAP]) == MAP
    message = re.escape("step s (conv) could make sums of 2,147,483,648 with its residual, expected what 32 bits hold")
    for bias in (-rest - 1, rest + 1):
        fits["bias"] = np.array([0, bias], np.int32)
        with pytest.raises(UserError, match=f"^{message}$"):
            shape_after(conv("r", residual_factors=[0, factor], **fits), [MAP, MAP])
    assert shape_after(conv("r", residual_factors=[0, 2**31 - 1]), [MAP, MAP]) == MAP  # what is rounded is not limited


def test_a_residual_is_of_codes():
    sums = Step(name="a", op="conv", inputs=("input",), scale=1.0, layer=conv(scaled=False).layer)
    message = "step s (conv) has accumulators for its residual, expected codes of 8 bits"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        Network(name="n", input_shape=MAP, input_scale=1.0, steps=(sums, conv("a", residual_factors=[1, 1])))
