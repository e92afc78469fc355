"""Quantised ONNX files that mean harm: each is taken, or refused with one sentence that names the node."""

import numpy as np
import pytest
from tests.sw.onnx_models import check, codes, floats, take, with_, zeros
from tests.sw.test_onnx_import import CODES, QDQ_NODES, model

from zerokeep.onnx_read import parse


@pytest.fixture(scope="module", autouse=True)
def warm():
    """What is imported and compiled once is not counted."""
    take(parse(floats()))
    take(parse(codes()))


QUANTISED = {
    **{f"scale {value}": (codes(constants={"sc": np.float32(value)}), r"node c_q \(QuantizeLinear\) has the scale")
       for value in ("nan", "inf", "-inf", "0", "-0.05", "1e-42")},
    "scale of whole numbers": (codes(constants={"sc": np.int64(1)}), "has no scale that is a float"),
    "no scale at all": (codes(constants={"sc": zeros(0)}), "has no scale that is a float"),
    "two scales": (codes(constants={"sc": np.ones(2, np.float32)}), "has 2 scales for activations"),
    "scales of weights": (codes(constants={"sw": with_(CODES["sw"], np.nan)}), r"node w_d .* has the scale nan"),
    "three scales of weights": (codes(constants={"sw": np.ones(3, np.float32)}), "along another axis"),
    "scale 1e30": (codes(constants={"sw": np.full(4, 1e30, np.float32)}), "above what multiplier and shift can"),
    "scale 1e-30": (codes(constants={"sc": np.float32(1e-30)}), "above what multiplier and shift can"),
    "text for axis": (codes("w_d", more={"axis": "0"}), "attribute axis, expected a whole number"),
    "axis 7": (codes("w_d", more={"axis": 7}), "along another axis"),
    "codes of floats": (codes(constants={"w": CODES["w"].astype(np.float32)}), "constants of float32, expected integ"),
    "codes of uint8": (codes(constants={"w": CODES["w"].astype(np.uint8)}), "weights of uint8, only int8"),
    "codes of no dimension": (codes(constants={"w": np.int8(1)}), "along another axis"),
    "weights of rank 3": (codes(constants={"w": CODES["w"][..., 0]}), "has weights of the shape"),
    "empty weights": (codes(constants={"w": zeros(4, 2, 0, 3, dtype=np.int8)}), "none of them 0"),
    "10**6 filters": (codes(constants={"w": zeros(10**6, 1, 1, 1, dtype=np.int8), "sw": np.float32(1)}),
                      "1,000,000 fi"),
    "weights for others": (codes(constants={"g": zeros(3, 15, dtype=np.int8)}), "weights for 15 features, it is given"),
    "bias of three": (codes(constants={"b": zeros(3, dtype=np.int32), "sb": np.float32(1)}), "has a bias of the shape"),
    "bias that overflows": (codes(constants={"sb": np.full(4, 1e9, np.float32)}), "in units of its accumulators"),
    "bias of floats": (codes("c", given=["x_d", "w_d", "bf"], constants={"bf": with_(zeros(4), 1e30)}), "what 32 bits"),
    "bias NaN": (codes("c", given=["x_d", "w_d", "bf"], constants={"bf": with_(zeros(4), np.nan)}), "finite numbers"),
    "one stride": (codes("c", more={"strides": [1]}), "strides, expected 2 whole numbers"),
    "group 3": (codes("c", more={"group": 3}), "attribute group, expected a whole number from 1 to 2"),
    "kernel larger": (codes("p", more={"kernel_shape": [9, 9]}), "larger than its map"),
    "Quantize of one": (codes("x_q", given=["x"]), "has 1 inputs, expected 2 to 3"),
    "Quantize without a scale": (codes("x_q", given=["x", ""]), "has nothing in place 1"),
    "a scale that is made": (codes("c_q", given=["c_relu", "c_relu", "zu"]), "is no constant, in place 1"),
    "codes of int16": (codes("c_q", given=["c_relu", "sc", "z16"], constants={"z16": np.int16(0)}), "codes of int16"),
    "Clip reversed": (codes("c_relu", op="Clip", more={"min": 1.0, "max": 0.0}), "expected the lower bound first"),
    "Clip above all codes": (codes("c_relu", op="Clip", given=["c", "far"], constants={"far": np.float32(1e30)}), None),
    "Clip of infinity": (codes("c_relu", op="Clip", given=["c", "inf"], constants={"inf": np.float32("inf")}), None),
    "alpha of a table": (codes("s", op="LeakyRelu", more={"alpha": "x"}), "alpha, expected a finite number"),
    "a table of 1e38": (codes("s", op="Elu", constants={"sc": np.float32(1e38), "sw": np.float32(1e38)}), None),
    "Gelu": (codes("s", op="Gelu", more={"approximate": "evil"}), "approximate, expected none or tanh"),
    "sums of others": (codes("s", op="Add", given=["p_d", "x_d"]), r"is given \(4, 2, 2\) and \(2, 6, 6\)"),
    "nothing quantised": (codes(nodes=[("Relu", ["x"], "r", {}), ("QuantizeLinear", ["r", "sc", "zu"], "y", {})]),
                          r"node r \(Relu\) is done to what is made of no codes"),
    "never codes": (codes(nodes=[("DequantizeLinear", ["w", "sw", "zw"], "y", {"axis": 0})]),
                    "is not made of the last"),
    "a mean of features": (codes("s", op="ReduceMean", given=["f"], nodes=[
        *QDQ_NODES[:11], ("Flatten", ["p_d"], "f", {}), ("ReduceMean", ["f"], "s", {"axes": [2, 3]}),
        ("QuantizeLinear", ["s", "sc", "zu"], "y", {})]), "expected a map"),
    "a table of 255": (codes("s", op="Gather", given=["t", "p_q"], constants={"t": zeros(255, dtype=np.uint8)}),
                       "looks up something else than 256 codes"),
    "a table of floats": (codes("s", op="Gather", given=["t", "p_q"], constants={"t": zeros(256)}),
                          "looks up something"),
    "after the end": (codes(nodes=[*[("Softmax", ["o"], "t", {}) if made == "y" else (op, given, made, more)
                                     for op, given, made, more in QDQ_NODES], ("Relu", ["t"], "y", {})]),
                      "comes after a softmax"),
    "features in": (codes(shape=(36,)), "takes inputs of (36,)".replace("(", r"\(").replace(")", r"\)")),
}  # fmt: skip


@pytest.mark.parametrize("case", QUANTISED)
def test_codes(case, tmp_path):
    made, message = QUANTISED[case]
    check(made, message, tmp_path)


def qonnx(**constants):
    """A layer in QONNX with one constant changed, or an attribute of its weights' node."""
    own = "qonnx.custom_op.general"
    told = {key: constants.pop(key) for key in list(constants) if key not in ("w", "s", "z", "bits", "one")}
    values = {"w": zeros(2, 2, 1, 1) + 0.5, "s": np.float32(0.25), "one": np.float32(1), "z": np.float32(0),
              "bits": np.float32(4), "four": np.float32(4)} | constants
    nodes = [("Quant", ["x", "one", "z", "four"], "xq", {"signed": 0, "domain": own}),
             ("Quant", ["w", "s", "z", "bits"], "wq", {"domain": own} | told), ("Conv", ["xq", "wq"], "c", {}),
             ("Quant", ["c", "one", "z", "four"], "y", {"domain": own})]
    return model(nodes, values, shape=(2, 1, 1), result=(2, 1, 1), domain=own)


@pytest.mark.parametrize(("made", "message"), [
    (qonnx(), None),
    (qonnx(bits=np.float32("nan")), "has no finite numbers in place 3"),
    (qonnx(bits=np.float32("inf")), "has no finite numbers in place 3"),
    (qonnx(bits=zeros(0)), "has no finite numbers in place 3"),
    (qonnx(bits=np.float32(1e30)), "has a width of 1e.30 bits"),
    (qonnx(bits=np.float32(2.5)), "has a width of 2.5 bits"),
    (qonnx(w=with_(zeros(2, 2, 1, 1), np.nan)), "has no finite numbers in place 0"),
    (qonnx(w=np.float32(1)), "along another axis"),
    (qonnx(w=zeros(2, 2, 1, 1) + 3e38), None),
    (qonnx(s=np.float32(0)), "has the scale 0"),
    (qonnx(z=np.float32("nan")), "has the zero point nan"),
    (qonnx(signed="x"), "attribute signed, expected a whole number"),
    (qonnx(rounding_mode=3), "attribute rounding_mode, expected ROUND"),
])  # fmt: skip
def test_qonnx(made, message, tmp_path):
    check(made, message, tmp_path)
