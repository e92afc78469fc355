"""Outputs that are inputs, or that hold what is somebody else's: nothing of it may be lost."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.attacks.case import Case, Content, case, fifo, folder, hard_link_to, link_to
from tests.attacks.ingredients import data_folder, layer, model
from tests.attacks.inputs_config import config
from tests.attacks.inputs_model import spoiled
from tests.attacks.inputs_onnx import GOOD

LAYER: dict[str, Content] = {"layer.npz": layer()}
CONFIGURED: dict[str, Content] = LAYER | {"c.json": config()}
THESIS: dict[str, Content] = {"out/thesis.txt": "years of work", "out/src/main.c": "int main;"}
BUILD = json.dumps({"board": "ulx3s-85f", "sha256": {"top.bit": "0", "thesis.txt": "0", "src/main.c": "0"}})
ONNX: dict[str, Content] = {"m.onnx": GOOD}
GRID = """[[grid]]
name = "a"
network = "vgg-small"
criteria = ["l1"]
seeds = [0]
"""

SAME: list[tuple[str, str, Mapping[str, Content], str]] = [
    ("--json is the layer", "predict layer.npz --json layer.npz", LAYER, "is what is read"),
    ("--json is the layer by ./", "simulate layer.npz --json ./x/../layer.npz", LAYER, "is what is read"),
    ("--json is a link to the layer", "fit layer.npz --json link", LAYER | {"link": link_to("layer.npz")},
     "is what is read"),
    ("--json is a second name of the layer", "predict layer.npz --json hard",
     LAYER | {"hard": hard_link_to("layer.npz")}, "is what is read"),
    ("--outputs is the layer", "simulate layer.npz --outputs layer.npz", LAYER, "is what is read"),
    ("--outputs is --json", "simulate layer.npz --outputs x --json x", LAYER, "is written by"),
    ("--waves is --json", "simulate layer.npz --waves x --json ./x", LAYER, "is written by"),
    ("--json in the model folder", "predict model --json model/layers/01_conv.npz", model(), "which is read"),
    ("--json in the model folder by a link", "simulate model --json link/model.json",
     model() | {"link": link_to("model")}, "which is read"),
    ("--json is the configuration", "predict layer.npz --config c.json --json c.json", CONFIGURED, "is what is read"),
    ("--outputs is the configuration", "simulate layer.npz --config c.json --outputs c.json", CONFIGURED,
     "is what is read"),
    ("--json is the configuration, for generate", "generate --output out --config c.json --json c.json", CONFIGURED,
     "is what is read"),
    ("--json is the configuration, for synth", "synth --config c.json --json ./c.json", CONFIGURED, "is what is read"),
    ("--json is the configuration, for energy", "energy layer.npz --config c.json --json c.json", CONFIGURED,
     "is what is read"),
    ("--json is the configuration, for compile", "compile layer.npz --out out --config c.json --json c.json",
     CONFIGURED, "is what is read"),
    ("the figures are the configuration", "compile layer.npz --out . --config layer.json",
     LAYER | {"layer.json": config()}, "is what is read"),
    ("--json is the layer, for compile", "compile layer.npz --out out --json layer.npz", LAYER, "is what is read"),
    ("--json is the program", "compile layer.npz --out out --json out/layer.bin", LAYER, "is written by"),
    ("the program is in the model folder", "compile model --out model", model(), "which is read"),
    ("the program is in the model folder by a link", "compile model --out link/layers",
     model() | {"link": link_to("model")}, "which is read"),
    ("--json in the model folder, for compile", "compile model --out out --json model/model.json", model(),
     "which is read"),
    ("--json is the ONNX file", "import m.onnx --json m.onnx --out out", ONNX, "is what is read"),
    ("--out is the ONNX file", "import m.onnx --out m.onnx", ONNX, "is what is read"),
    ("--out is --json", "import m.onnx --out x --json x", ONNX, "is written by"),
    ("--json is --out's model.json", "import m.onnx --out x --json x/model.json", ONNX, "--json x/model.json"),
    ("--json is the weights", "prune --model base.safetensors --json base.safetensors --out out",
     {"base.safetensors": b"weights"}, "is what is read"),
    ("--out is the weights", "prune --model base.safetensors --out base.safetensors",
     {"base.safetensors": b"weights"}, "is what is read"),
    ("--out is a file of the data", "train --data data --out data/train-images-idx3-ubyte", data_folder(),
     "is what is read"),
    ("--json is a file of the data", "train --data data --json data/train-images-idx3-ubyte --out x", data_folder(),
     "is what is read"),
    ("--out is the study file", "study s.toml --out s.toml", {"s.toml": GRID}, "is what is read"),
    ("--out is the energy file", "run --energy e.json --out e.json", {"e.json": "{}"}, "is what is read"),
    ("--out is the board's folder", "run --board board --out board", {"board": folder}, "is what is read"),
    ("--out lies in the board's folder", "run --board board --out board/out", {"board": folder}, "which is read"),
    ("the page is the lines", "compare study.md --out .", {"study.md": "{}"}, "is what is read"),
    ("--json is the Verilog", "generate --preset tiny --engine dense --output v --json v/zerokeep_tiny_dense.v",
     {"v": folder}, "is written by"),
    ("--json in the build", "build --output b --json b/ulx3s-85f/manifest.json", {"b": folder},
     "lie in one another"),
]
"""Name, command, files, what must be said."""

OTHERS: list[tuple[str, str, Mapping[str, Content], str]] = [
    ("a thesis, and {} as model.json", "import m.onnx --out out", ONNX | {"out/model.json": "{}"}, "no model folder"),
    ("a thesis in a model folder", "import m.onnx --out out", ONNX | model("out"), "which zerokeep did not write"),
    ("a thesis that model.json claims", "import m.onnx --out out", ONNX | model("out", text=spoiled(
        files={"thesis.txt": "0", "src/main.c": "0", "../layer.npz": "0"})), "which zerokeep did not write"),
    ("a thesis, for prune", "prune --out out", {}, "no model folder"),
    ("a thesis, and {} as model.json, for prune", "prune --out out", {"out/model.json": "{}"}, "no model folder"),
    ("a thesis, by a link, for prune", "prune --out link", {"link": link_to("out")}, "no model folder"),
    ("a thesis, for run", "run --out out", {}, "zerokeep did not begin that folder"),
    ("a thesis, and {} as ledger", "run --out out", {"out/.zerokeep.json": "{}"}, "is no ledger"),
    ("a thesis, and a ledger without end", "run --out out", {"out/.zerokeep.json": "[" * 100_000}, "nested too deeply"),
    ("a thesis, and a FIFO as ledger", "run --out out", {"out/.zerokeep.json": fifo}, "should say which files"),
    ("a thesis named report.json", "run --out out", {"out/report.json": "mine"}, "zerokeep did not begin"),
    ("a thesis, for study", "study s.toml --out out", {"s.toml": GRID}, "zerokeep did not begin that folder"),
    ("a thesis named cells.jsonl", "study s.toml --out out", {"s.toml": GRID, "out/cells.jsonl": "mine"},
     "zerokeep did not begin that folder"),
    ("a thesis named study.md", "compare cells.jsonl --out out", {"cells.jsonl": "", "out/study.md": "mine"}, ""),
    ("Verilog of the user's", "generate --preset tiny --engine dense --output out",
     {"out/zerokeep_tiny_dense.v": "module mine; endmodule"}, "which zerokeep did not write there"),
    ("a sidecar of the user's", "generate --preset tiny --engine dense --output out",
     {"out/zerokeep_tiny_dense.json": "{}"}, "which zerokeep did not write there"),
    ("a program of the user's", "compile layer.npz --out out", LAYER | {"out/layer.bin": "mine"},
     "which zerokeep did not write there"),
    ("a header of the user's", "compile layer.npz --out out", LAYER | {"out/layer.h": "#define MINE"},
     "which zerokeep did not write there"),
    ("a FIFO named as a program", "compile layer.npz --out out", LAYER | {"out/layer.bin": fifo},
     "which zerokeep did not write there"),
    ("a thesis, and a FIFO as ledger, for compile", "compile layer.npz --out out", LAYER | {"out/.zerokeep.json": fifo},
     "should say which files"),
    ("a thesis, for build", "build --output out", {"out/ulx3s-85f/thesis.txt": "mine"},
     "no folder of `zerokeep build`"),
    ("a thesis that a manifest claims", "build --output out",
     {"out/ulx3s-85f/manifest.json": BUILD, "out/ulx3s-85f/thesis.txt": "mine"}, "thesis.txt"),
    ("{} as manifest", "build --output out", {"out/ulx3s-85f/manifest.json": "{}"}, "no manifest"),
    ("another board's build", "build --output out",
     {"out/ulx3s-85f/manifest.json": BUILD.replace("ulx3s-85f", "orangecrab-25f")}, "a build for another board"),
]
"""The same with a thesis and its source in the folder ``out``."""

PLACES: list[tuple[str, str, Mapping[str, Content], str]] = [
    ("--json is a folder", "predict layer.npz --json x", LAYER | {"x": folder}, "it is a folder"),
    ("--json is a FIFO", "predict layer.npz --json x", LAYER | {"x": fifo}, "cannot write x"),
    ("--json is a device", "predict layer.npz --json /dev/full", LAYER, "cannot write /dev/full"),
    ("--json is a link to itself", "predict layer.npz --json x", LAYER | {"x": link_to("x")}, "x"),
    ("--json below a file", "predict layer.npz --json layer.npz/x.json", LAYER, "cannot write"),
    ("--json in /proc", "predict layer.npz --json /proc/x.json", LAYER, "cannot write /proc/x.json"),
    ("--json of 300 letters", f"predict layer.npz --json {'x' * 300}", LAYER, "cannot write"),
    ("--json in a thousand folders", f"predict layer.npz --json {'x/' * 3000}x", LAYER, "cannot write"),
    ("--outputs is a folder", "simulate layer.npz --outputs x", LAYER | {"x": folder}, "it is a folder"),
    ("--out is a file", "run --out x", {"x": "mine"}, "is a file, not a folder"),
    ("--out is a file, for import", "import m.onnx --out x", ONNX | {"x": "mine"}, "is a file, not a folder"),
    ("--out is a file, for compile", "compile layer.npz --out x", LAYER | {"x": "mine"}, "is a file, not a folder"),
    ("--out is a FIFO, for compile", "compile layer.npz --out x", LAYER | {"x": fifo}, "is a file, not a folder"),
    ("--out below a file, for compile", "compile layer.npz --out layer.npz/x", LAYER, "layer.npz"),
    ("--out in /proc, for compile", "compile layer.npz --out /proc/x", LAYER, "cannot write"),
    ("--out of 300 letters, for compile", f"compile layer.npz --out {'x' * 300}", LAYER, "cannot write"),
    ("--json is a folder, for compile", "compile layer.npz --out out --json x", LAYER | {"x": folder},
     "it is a folder"),
    ("--out is a FIFO", "prune --out x", {"x": fifo}, "is a file, not a folder"),
    ("--output is a file", "generate --preset tiny --output x", {"x": "mine"}, "is a file, not a folder"),
    ("--out is a link to itself", "import m.onnx --out x", ONNX | {"x": link_to("x")}, "x"),
    ("--out is a folder, for train", "train --out x", {"x": folder}, "it is a folder"),
    ("--out below a file", "study s.toml --out s.toml/x", {"s.toml": GRID}, "s.toml"),
    ("--out in /proc", "prune --out /proc/x", {}, "cannot write"),
]
"""Places where nothing can be written."""


def cases() -> list[Case]:
    """All of them."""
    made = [case(f"{command.split()[0]}, output: {name}", command, says, files)
            for name, command, files, says in [*SAME, *PLACES]]
    return made + [case(f"{command.split()[0]}, a folder of others: {name}", command, says, THESIS | dict(files))
                   for name, command, files, says in OTHERS]
