"""ONNX files that mean harm: each is taken, or refused with one sentence that names the node; in bounded time."""


import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper
from tests.sw.onnx_models import check, codes, edited, floats, initialiser, take, with_, zeros
from tests.sw.test_onnx_import import FLOAT_CONSTANTS, FLOAT_NODES, model

from zerokeep import onnx_layers
from zerokeep.errors import UserError
from zerokeep.graph import trace
from zerokeep.onnx_float import to_module
from zerokeep.onnx_read import parse
from zeroskip.files import memory


@pytest.fixture(scope="module", autouse=True)
def warm():
    """What is imported and compiled once is not counted."""
    take(parse(floats()))
    take(parse(codes()))


def input_type(kind, **more):
    return edited(lambda m: m.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", kind, ["N", 2, 6, 6], **more)))


def input_shape(*dims):
    return edited(lambda m: m.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)))


def constant(**attributes):
    """A Constant node in the place of the weights of the first layer."""
    made = floats(constants={"unused": zeros(1)}, given=["x", "told", "b"], made_by="c")
    node = onnx.NodeProto(op_type="Constant", name="k", output=["told"])
    node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
    made.graph.node.insert(0, node)
    return made


def external(tensor):
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.ClearField("raw_data")


def sparse(m):
    values = numpy_helper.from_array(np.ones(1, np.float32), "sparse\x07")
    m.graph.sparse_initializer.append(helper.make_sparse_tensor(
        values, numpy_helper.from_array(np.zeros(1, np.int64)), [4]))


def attribute(made_by, name, kind, made=None):
    """An attribute of a kind that holds nothing."""
    def edit(m):
        node = next(node for node in m.graph.node if node.output[0] == made_by)
        node.attribute.append(AttributeProto(name=name, type=kind))
    return edited(edit, made)


def subgraph(op):
    inner = helper.make_graph([], "inner", [], [])
    return edited(lambda m: m.graph.node.insert(0, helper.make_node(op, ["x"], ["z"], name="sub", body=inner)))


def function(m):
    m.functions.append(helper.make_function("own", "Relu", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])],
                                            [helper.make_opsetid("", 17)]))


def domain(m):
    m.graph.node[2].domain = "evil\x1b"


def relus(count):
    nodes = [("Relu", ["x" if place == 0 else f"r{place - 1}"], f"r{place}", {}) for place in range(count)]
    return model([*nodes, ("Identity", [nodes[-1][2]], "y", {})], {})


def opset(version, nodes):
    return edited(lambda m: setattr(m.opset_import[0], "version", version), floats(nodes=nodes))


OLD = [("Conv", ["x", "w"], "c", {"group": 2}), ("Reshape", ["c"], "y", {"shape": [0, -1]})]
W = FLOAT_CONSTANTS["w"]
HOSTILE = {
    # attributes
    "one stride": (floats("c", more={"strides": [1]}),
                   r"node c \(Conv\) has \[1\] as its attribute strides, expected 2"),
    "stride 0": (floats("c", more={"strides": [0, 1]}), "strides, expected 2 whole numbers from 1 to 64"),
    "kernel of one": (floats("c", more={"kernel_shape": [3]}), "kernel_shape, expected 2 whole"),
    "kernel of three": (floats("p", more={"kernel_shape": [2, 2, 2]}), "kernel_shape, expected 2 whole"),
    "no kernel": (edited(lambda m: m.graph.node[6].attribute[0].ClearField("ints")), "kernel_shape, expected 2"),
    "another kernel": (floats("c", more={"kernel_shape": [2, 3]}), r"kernel_shape of \(2, 3\), its weights have"),
    "kernel 3000": (floats("p", more={"kernel_shape": [3000, 3000]}), "from 1 to 255"),
    "kernel larger": (floats("p", more={"kernel_shape": [5, 5]}), "larger than its map"),
    "group 0": (floats("c", more={"group": 0}), "attribute group, expected a whole number from 1 to 2"),
    "group 7": (floats("c", more={"group": 7}), "attribute group, expected"),
    "group of all": (floats("c", more={"group": 1}), "weights of 1 channels in 1 groups, its map has 2"),
    "group 2**63": (floats("c", more={"group": 2**63 - 1}), "attribute group, expected"),
    "groups that do not divide": (floats("d", more={"group": 3}), "3 groups for 4 channels"),
    "negative pads": (floats("c", more={"pads": [-1, -1, -1, -1]}), "pads, expected 4 whole numbers from 0 to 64"),
    "two pads": (floats("c", more={"pads": [1, 1]}), "pads, expected 4"),
    "pads 10**6": (floats("c", more={"pads": [10**6] * 4}), "pads, expected 4"),
    "pads of a pool": (floats("p", more={"pads": [2, 2, 2, 2]}), r"node p \(MaxPool\) pads by \(2, 2\), expected"),
    "one dilation": (floats("c", more={"dilations": [1]}), "dilations, expected 2"),
    "dilation 0": (floats("c", more={"dilations": [0, 0]}), "dilations, expected 2"),
    "wide dilation": (floats("d", constants={"v": zeros(4, 4, 9, 9)}, more={"dilations": [64, 64]}),
                      "dilated kernel of"),
    "dilated mean": (floats("q", more={"dilations": [2, 2]}), "is dilated"),
    "text for pads": (floats("c", more={"pads": "same"}), "has same as its attribute pads, expected 4 whole numbers"),
    "floats for pads": (floats("c", more={"pads": [1.0, 1.0, 1.0, 1.0]}), "attribute pads, expected 4"),
    "float for group": (floats("c", more={"group": 2.0}), "attribute group, expected"),
    "list for group": (floats("c", more={"group": [2]}), "attribute group, expected"),
    "number for auto_pad": (floats("d", more={"auto_pad": 3}), "attribute auto_pad, expected NOTSET or"),
    "unknown auto_pad": (floats("d", more={"auto_pad": "EVIL\x1b"}), "has EVIL.x1b as its attribute auto_pad"),
    "text for ceil_mode": (floats("p", more={"ceil_mode": "no"}), "ceil_mode, expected a whole number"),
    "text for alpha": (floats("l", more={"alpha": "x"}), "alpha, expected a finite number"),
    "alpha NaN": (floats("l", more={"alpha": float("nan")}), "alpha, expected a finite number"),
    "alpha of a tensor": (floats("l", more={"alpha": numpy_helper.from_array(zeros(50))}), "alpha, expected a finite"),
    "epsilon": (floats("n", more={"epsilon": -1.0}), "epsilon, expected a finite number of at least 0"),
    "training": (floats("n", more={"training_mode": 1}), "is in training mode"),
    "axis 9": (floats("j", more={"axis": 9}), "joins along another axis"),
    "axis -4": (floats("j", more={"axis": -4}), "joins along another axis"),
    "text for axis": (floats("j", more={"axis": "C"}), "attribute axis, expected a whole number"),
    "axis of a softmax": (floats("y", more={"axis": 5}), "is along the axis 5"),
    "transB of floats": (floats("y0", more={"transB": [1]}), "transB, expected a whole number"),
    "alpha of a Gemm": (floats("y0", more={"alpha": 2.0}), "scales or transposes"),
    "twice": (attribute("c", "group", AttributeProto.INT), "has the attribute group twice"),
    "of no kind": (attribute("l", "x", AttributeProto.UNDEFINED), "attribute x of the kind undefined"),
    "of types": (attribute("l", "x", AttributeProto.TYPE_PROTO), "attribute x of the kind type proto"),
    "of texts": (attribute("l", "x", AttributeProto.STRINGS), "attribute x of the kind strings"),
    "sparse attribute": (attribute("l", "x", AttributeProto.SPARSE_TENSOR), "of the kind sparse tensor"),
    # inputs
    "Conv of nothing": (floats("c", given=[]), r"node c \(Conv\) has 0 inputs, expected 2 to 3"),
    "Conv without weights": (floats("c", given=["x"]), "has 1 inputs, expected 2 to 3"),
    "Conv with empty weights": (floats("c", given=["x", "", "b"]), "has nothing in place 1"),
    "Conv of four": (floats("c", given=["x", "w", "b", "b"]), "has 4 inputs"),
    "Conv of an empty map": (floats("c", given=["", "w"]), "has nothing in place 0"),
    "norm of four": (floats("n", given=["c", "gain", "off", "mean"]), "has 4 inputs, expected 5"),
    "norm without mean": (floats("n", given=["c", "gain", "off", "", "var"]), "has nothing in place 3"),
    "Relu of two": (floats("s", op="Relu", given=["hb", "hb"]), "has 2 inputs, expected 1"),
    "Add of one": (floats("a", given=["d"]), "has 1 inputs, expected 2"),
    "Concat of nothing": (floats("j", given=[]), "has 0 inputs"),
    "Concat with a hole": (floats("j", given=["p", ""]), "has nothing in place 1"),
    "Concat with a constant": (floats("j", given=["p", "v"]), "and no constant"),
    "Reshape of one": (floats("f", given=["j"]), "another shape"),
    "Sum of three": (floats("a", op="Sum", given=["d", "r", "r"]), "adds 3 tensors"),
    "weights that are made": (floats("y0", given=["s", "s"]), "has s, which is no constant, in place 1"),
    "a map in a linear layer": (floats("h", given=["j", "m"]), r"is given \(N, 8, 2, 2\), expected features"),
    "features in a layer": (floats("hb", op="Conv", given=["h", "v"]), "expected a map"),
    "features in a mean": (floats("s", op="GlobalAveragePool"), "expected a map"),
    "other shapes added": (floats("a", given=["d", "x"]), r"is given \(4, 3, 3\) and \(2, 6, 6\)"),
    "constants alone": (floats("s", given=["mb"]), "works on constants alone"),
    "Reshape to a made shape": (floats("f", given=["j", "j"]), "in place 1, expected a constant of a few whole"),
    "Reshape to text": (floats("f", given=["j", "w"]), "in place 1, expected a constant of a few whole"),
    "Reshape of opset 4": (opset(4, OLD), None),
    "Reshape of opset 4, text": (floats("f", given=["j"], more={"shape": "x"}), "attribute shape, expected whole"),
    "Clip of opset 6": (opset(6, [("Clip", ["x"], "r", {"min": 0.0, "max": 6.0}), OLD[0], ("Flatten", ["c"], "y", {})]),
                        None),
    "Clip reversed": (floats("r", given=["n", "hi", "lo"]), "clips to 6 and 0, expected the lower bound first"),
    "Clip of many": (floats("r", given=["n", "b", "hi"]), "in place 1, expected a constant of one number"),
    "Clip to NaN": (floats("r", constants={"lo": np.float32("nan")}), "in place 1, expected a constant of one"),
    "Clip, text": (floats("r", given=["n"], more={"min": "0"}), "attribute min, expected a finite number"),
    # constants
    "norm of three": (floats(constants={"gain": zeros(3)}), r"has a scale of the shape \(3,\), expected 4 numbers"),
    "negative variance": (floats(constants={"var": -np.ones(4, np.float32)}), "has variances from -1"),
    "variance NaN": (floats(constants={"var": with_(zeros(4), np.nan)}), "numbers in var that are not finite"),
    "variance 0": (floats("n", constants={"var": zeros(4)}, more={"epsilon": 0.0}), "no division by 0"),
    "weights of rank 3": (floats(constants={"w": zeros(4, 1, 3)}), "has weights of the shape"),
    "weights of rank 0": (floats(constants={"m": np.float32(1)}), "has weights of the shape"),
    "empty weights": (floats(constants={"w": zeros(4, 0, 3, 3)}), "none of them 0"),
    "weights NaN": (floats(constants={"w": with_(W, np.nan)}), r"node c \(Conv\) has numbers in w that are not finite"),
    "weights inf": (floats(constants={"m": with_(FLOAT_CONSTANTS["m"], np.inf)}), "numbers in m that are not finite"),
    "weights 1e300": (floats(constants={"w": W.astype(np.float64) * 1e300}), "not finite in float32"),
    "weights of another map": (floats(constants={"m": zeros(31, 5)}), "weights for 31 features, it is given 32"),
    "bias of three": (floats(constants={"b": zeros(3)}), r"has a bias of the shape \(3,\), expected 4"),
    "bias of a Gemm": (floats(constants={"gb": zeros(2)}), r"has a bias of the shape \(2,\), expected 3"),
    "bias as a column": (floats(constants={"gb": zeros(3, 1)}), "has a bias of the shape"),
    "a sum of three": (floats(constants={"mb": zeros(3)}), "adds a constant"),
    "10**6 filters": (floats(constants={"w": zeros(10**6, 1, 1, 1)}), "has 1,000,000 filters of 1 channels, expected"),
    "10**6 outputs": (floats(constants={"m": zeros(32, 10**5)}), "has 100,000 outputs"),
    "kernel 3000 of weights": (floats(constants={"w": zeros(1, 1, 3000, 300)}), "expected two sides from 1 to 255"),
    "Constant, a tensor": (constant(value=numpy_helper.from_array(W)), None),
    "Constant, a float": (constant(value_float=1.0), r"weights of the shape \(\)"),
    "Constant, whole numbers": (constant(value_ints=[1, 2]), r"weights of the shape \(2,\)"),
    "Constant, text": (constant(value_string="x"), r"node k \(Constant\) has value_string, expected one of value"),
    "Constant, sparse": (attribute("told", "sparse_value", AttributeProto.SPARSE_TENSOR, constant()), "sparse tensor"),
    "Constant, nothing": (constant(), r"node k \(Constant\) has nothing, expected"),
    "Constant, two": (constant(value_float=1.0, value_int=1), "has value_float, value_int, expected one"),
    "Constant, a number as value": (constant(value=3), "has value, expected one of value"),
    "external": (initialiser(external), "the constant w has its numbers in another file"),
    "raw too short": (initialiser(lambda t: setattr(t, "raw_data", b"123")),
                      r"\(4, 1, 3, 3\) and 3 bytes, expected 144"),
    "dims of 10**9": (initialiser(lambda t: t.dims.__setitem__(0, 10**9)), "bytes, expected 36,000,000,000"),
    "negative dims": (initialiser(lambda t: t.dims.__setitem__(0, -4)), "of at least 0, whole"),
    "dims of 2**63": (initialiser(lambda t: t.dims.extend([2**62] * 4)), "bytes, expected"),
    "too many dims": (initialiser(lambda t: t.dims.extend([1] * 9)), "expected at most 8 dimensions"),
    "typed data missing": (initialiser(lambda t: t.ClearField("raw_data")), "and 0 numbers, expected 36"),
    "no type": (initialiser(lambda t: setattr(t, "data_type", 0)), "is of UNDEFINED, expected floats"),
    "text for weights": (initialiser(lambda t: setattr(t, "data_type", 8)), "is of STRING, expected floats"),
    "unknown type": (initialiser(lambda t: setattr(t, "data_type", 999)), "is of type 999, expected floats"),
    "a part": (initialiser(lambda t: setattr(t.segment, "begin", 1)),
               "expected at most 8 dimensions of at least 0, wh"),
    # the graph
    "sparse constants": (edited(sparse), "has sparse constants, which cannot be taken: sparse"),
    "a branch": (subgraph("If"), r"node sub \(If\) has the attribute body of the kind graph"),
    "a loop": (subgraph("Loop"), r"node sub \(Loop\) has the attribute body of the kind graph"),
    "functions": (edited(function), "has functions, which cannot be taken: Relu"),
    "a domain": (edited(domain), r"node r \(Clip\) is of the domain evil.x1b, expected"),
    "a cycle": (floats("c", given=["a", "w"]), r"node c \(Conv\) takes a, expected what a node before it makes"),
    "itself": (floats("a", given=["a", "r"]), "takes a, expected what a node before"),
    "out of order": (floats(nodes=FLOAT_NODES[::-1]), "expected what a node before it makes"),
    "made twice": (floats(nodes=[*FLOAT_NODES, ("Relu", ["x"], "c", {})]), "makes c a second time"),
    "constant made": (floats(nodes=[*FLOAT_NODES, ("Relu", ["x"], "w", {})]), "makes w a second time"),
    "the input made": (floats(nodes=[*FLOAT_NODES, ("Relu", ["x"], "x", {})]), "makes x a second time"),
    "constant twice": (edited(lambda m: m.graph.initializer.append(m.graph.initializer[0])), "makes w a second time"),
    "no result": (edited(lambda m: m.graph.node[0].ClearField("output")), "makes a value without a name"),
    "empty result": (edited(lambda m: m.graph.node[0].output.__setitem__(0, "")), "makes a value without a name"),
    "several results": (edited(lambda m: m.graph.node[6].output.append("z")), None),
    "a second result used": (edited(lambda m: (m.graph.node[6].output.append("z"),
                                              m.graph.node[7].input.__setitem__(0, "z"))), "takes z, expected"),
    "no output": (edited(lambda m: m.graph.ClearField("output")), "1 inputs and 0 outputs"),
    "two outputs": (edited(lambda m: m.graph.output.append(m.graph.output[0])), "1 inputs and 2 outputs"),
    "another output": (edited(lambda m: setattr(m.graph.output[0], "name", "nobody\x07")), "made by no node"),
    "the input is the output": (edited(lambda m: setattr(m.graph.output[0], "name", "x")), "made by no node"),
    "the output is a constant": (edited(lambda m: setattr(m.graph.output[0], "name", "w")), "made by no node"),
    "two inputs": (edited(lambda m: m.graph.input.append(m.graph.input[0])), "2 inputs and 1 outputs"),
    "nothing": (onnx.ModelProto(), "0 inputs and 0 outputs"),
    "no nodes": (edited(lambda m: m.graph.ClearField("node")), "made by no node"),
    "no layer": (model([("Relu", ["x"], "y", {})], {}), "no convolution and no linear layer"),
    "an operation of its own": (floats("s", op="Evil\x1b[31m"), r"node s \(Evil.x1b\[31m\) cannot be taken"),
    "20,000 nodes": (relus(20_000), "has 20,001 nodes, expected at most 10,000"),
    "20,000 constants": (edited(lambda m: m.graph.initializer.extend(
        TensorProto(name=f"k{n}", data_type=1, float_data=[1.0]) for n in range(40_001))), "40,0.. constants"),
    # the input
    "text in": (input_type(TensorProto.STRING), "the input x is of STRING, expected one of FLOAT"),
    "int64 in": (input_type(TensorProto.INT64), "the input x is of INT64"),
    "booleans in": (input_type(TensorProto.BOOL), "the input x is of BOOL"),
    "nothing in": (input_type(0), "the input x is of UNDEFINED"),
    "a sequence in": (edited(lambda m: m.graph.input[0].type.CopyFrom(helper.make_sequence_type_proto(
        helper.make_tensor_type_proto(1, [2])))), "the input x is of UNDEFINED"),
    "no shape": (edited(lambda m: m.graph.input[0].type.tensor_type.ClearField("shape")), r"has shape \(\) "),
    "three dimensions": (input_shape("N", 2, 6), r"has shape \(0, 2, 6\)"),
    "open": (input_shape("N", 2, "H", "W"), r"has shape \(0, 2, 0, 0\)"),
    "10**9 rows": (input_shape("N", 2, 10**9, 10**9), "has shape"),
    "negative rows": (input_shape("N", 2, -6, 6), "has shape"),
    "negative images": (input_shape(-1, 2, 6, 6), "has shape"),
    "numbers in all": (input_shape("N", 60_000, 10_000, 16_000), "has shape"),
    "codes in": (input_type(TensorProto.UINT8), None),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_floats(case, tmp_path):
    made, message = HOSTILE[case]
    check(made, message, tmp_path)


def test_one_constant_for_many_layers_is_counted_as_often_as_it_is_used(monkeypatch):
    """A file of a few kilobytes does not become a network of gigabytes."""
    nodes = [("Flatten", ["x"], "f0", {})] + [("MatMul", [f"f{n}", "k"], f"f{n + 1}", {}) for n in range(200)]
    made = model([*nodes, ("Identity", ["f200"], "y", {})], {"k": zeros(72, 72) + 0.01})
    monkeypatch.setenv(memory.ENVIRONMENT, "1G")
    assert len(trace(to_module(parse(made)), (2, 6, 6)).nodes) == 201
    monkeypatch.setattr("zerokeep.onnx_shapes.FREE_BYTES", 0)
    monkeypatch.setenv(memory.ENVIRONMENT, "4M")
    with pytest.raises(UserError, match=r"node f\d+ \(MatMul\) is too much: .* the memory limit is 4.0 MB"):
        to_module(parse(made))


def test_maps_are_bounded_before_they_are_made():
    """A map of 2**32 numbers, and work for hours, in a file of a kilobyte."""
    large = model([("Conv", ["x", "w"], "c", {"group": 1}), ("Flatten", ["c"], "y", {})],
                  {"w": zeros(60_000, 1, 1, 1)}, shape=(1, 5000, 5000))
    with pytest.raises(UserError, match=r"node c \(Conv\) makes \(60000, 5000, 5000\), expected at most 65,5"):
        to_module(parse(large))
    long = model([("MaxPool", ["x"], "c", {"kernel_shape": [255, 255], "pads": [60] * 4}), ("Flatten", ["c"], "y", {})],
                 {}, shape=(1, 16_000, 16_000))
    with pytest.raises(UserError, match=r"node c \(MaxPool\) is where the network has come to [0-9,]+ products"):
        to_module(parse(long))


def test_the_net_below_names_the_node(monkeypatch):
    """What nobody thought of is no crash either."""
    def broken(*_):
        raise AttributeError("nobody\x1b thought of it")

    monkeypatch.setitem(onnx_layers.MAKERS, "Conv", broken)
    with pytest.raises(UserError, match=r"^node c \(Conv\) cannot be taken, it raised AttributeError: nobody.x1b"):
        to_module(parse(floats()))
