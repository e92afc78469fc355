"""What an ONNX file calls its nodes stands in the model folder, and names nothing else."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zerokeep import model_folder, pipeline
from zerokeep.cli import main
from zerokeep.recipe import Recipe
from zerokeep.user_code import open_model

NAMES = ["class", "../x y\x1b[2J", "import", "None"]


def network(path):
    rng = np.random.default_rng(0)
    weights = {"w": (8, 1, 3, 3), "v": (8, 8, 3, 3), "f": (10, 8)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name=NAMES[0]),
        helper.make_node("Relu", ["a"], ["b"], name=NAMES[0]),
        helper.make_node("Conv", ["b", "v"], ["c"], name=NAMES[1]), helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], name=NAMES[2]), helper.make_node("Flatten", ["e"], ["g"]),
        helper.make_node("Gemm", ["g", "f"], ["y"], name=NAMES[3], transB=1),
    ]
    graph = helper.make_graph(
        nodes, "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)
         for name, shape in weights.items()])
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)


def test_names_come_through(tmp_path, bars, capsys):
    network(tmp_path / "n.onnx")
    recipe = Recipe(zero_ratio=0.5, filter_ratio=0.25, epochs=0)
    info = pipeline.prune_model(open_model(str(tmp_path / "n.onnx")), bars, recipe, tmp_path / "m")
    steps = [step.name for step in model_folder.read(tmp_path / "m").network.steps]
    assert [name for name in steps if name in NAMES] == NAMES
    assert [row["name"] for row in info["counts"]] == [NAMES[0], NAMES[1], NAMES[3]]
    assert set(info["removed"]) <= set(steps) and info["removed"]
    assert json.loads((tmp_path / "m" / "model.json").read_text())["steps"][1]["layer"] == "layers/02_conv.npz"
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "m"), "--preset", "tiny", "--engine", "dense", "--images", "1"]) == 0
    said = capsys.readouterr().out
    assert "../x y\\x1b[2J  dense" in said and "\x1b" not in said
