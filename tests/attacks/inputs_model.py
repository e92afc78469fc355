"""Model folders: ``model.json`` that lies, layers that are not what it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tests.attacks.case import Case, Content, case, fifo, folder, link_to, sparse
from tests.attacks.ingredients import CONV, LINEAR, layer, model
from tests.attacks.inputs_npz import READERS

DOCUMENT = model()["model/model.json"]
assert isinstance(DOCUMENT, bytes)
TEXT = DOCUMENT.decode()


def _set(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """A value in its place."""
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = to

    return change


def _without(*path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return change


def _listed(name: str) -> Callable[[dict[str, Any]], None]:
    """One more file in the list, and the layer is said to be it."""
    def change(document: dict[str, Any]) -> None:
        document["files"][name] = "0" * 64
        document["steps"][0]["layer"] = name

    return change


def _steps(count: int) -> Callable[[dict[str, Any]], None]:
    """So many pools of one place after the first layer."""
    pool = {"op": "maxpool", "scale": 0.1, "parameters": {"kernel": [1, 1], "stride": [1, 1]}}

    def change(document: dict[str, Any]) -> None:
        document["steps"] = document["steps"][:1] + [
            pool | {"name": f"p{n}", "inputs": [f"p{n - 1}" if n else "one"]} for n in range(count)]

    return change


TEXTS: list[tuple[str, Content, str]] = [
    ("missing", link_to("nowhere"), "it has no model.json"),
    ("empty", b"", "is damaged"),
    ("no JSON", b"hello", "is damaged"),
    ("not UTF-8", b'{"format": "\xff\xfe"}', "is damaged"),
    ("100,000 brackets", b"[" * 100_000, "nested too deeply"),
    ("100,000 objects", b'{"a":' * 100_000, "nested too deeply"),
    ("NaN", TEXT.replace('"scale": 0.1', '"scale": NaN', 1), "NaN is no finite number"),
    ("Infinity", TEXT.replace('"scale": 0.1', '"scale": -Infinity', 1), "no finite number"),
    ("1e999", TEXT.replace('"scale": 0.1', '"scale": 1e999', 1), "no finite number"),
    ("a number of 10,000 digits", TEXT.replace('"scale": 0.1', f'"scale": {"9" * 10_000}', 1), "is damaged"),
    ("a scale of 400 digits", TEXT.replace('"scale": 0.1', f'"scale": {"9" * 400}', 1), "model.json"),
    ("a key twice", TEXT.replace('"schema"', '"format": "other", "schema"', 1), "stands there twice"),
    ("a list", b"[1, 2]", "is not the description of a model folder"),
    ("a number", b"3", "is not the description of a model folder"),
    ("{}", b"{}", "is not the description of a model folder"),
    ("200 MB of nothing", sparse(200 << 20), "at most 16.0 MB"),
    ("a FIFO", fifo, "found a FIFO"),
    ("a folder", folder, "found a folder"),
    ("a device", link_to("/dev/zero"), "found a device"),
    ("a link to itself", link_to("model.json"), "model.json"),
]
"""Of ``model.json`` as a whole."""

VALUES: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("another schema", _set("schema", to=99), "has schema version 99"),
    ("a schema of text", _set("schema", to="\x1b[2J"), "has schema version"),
    ("a schema of true", _set("schema", to=True), "has schema version True"),
    ("no steps", _without("steps"), "it has no 'steps'"),
    ("steps of nothing", _set("steps", to=[]), "has 0 steps"),
    ("steps that are an object", _set("steps", to={}), "steps is {}"),
    ("a step that is a number", _set("steps", 0, to=3), "step 1 is 3"),
    ("no files", _without("files"), "it has no 'files'"),
    ("files that are a list", _set("files", to=[]), "files is []"),
    ("no input", _without("input"), "it has no 'input'"),
    ("an input of text", _set("input", to="image"), "input is"),
    ("an input of rank 1", _set("input", "shape", to=[784]), "step one"),
    ("an input of floats", _set("input", "shape", to=[1.0, 28, 28]), "input shape is 1.0"),
    ("an input of 10^9 rows", _set("input", "shape", to=[1, 10**9, 10**9]), "the input makes"),
    ("an input below 0", _set("input", "shape", to=[-1, -28, 28]), "the input makes"),
    ("an input of the type float32", _set("input", "dtype", to="float32"), "the network's input is"),
    ("a network of null", _set("network", to=None), "network is None"),
    ("a host of numbers", _set("host", to=[1]), "host is 1"),
    ("a scale of 0", _set("steps", 1, "scale", to=0), "has the scale 0"),
    ("a scale of -1", _set("steps", 0, "scale", to=-1), "has the scale -1"),
    ("a scale of text", _set("steps", 0, "scale", to="0.1"), "step 1: scale is"),
    ("a scale of true", _set("steps", 0, "scale", to=True), "step 1: scale is True"),
    ("an input scale of 0", _set("input", "scale", to=0), "the input has the scale 0"),
    ("an unknown op", _set("steps", 1, "op", to="lstm"), "is a 'lstm'"),
    ("an op of control characters", _set("steps", 1, "op", to="\x1b[2J\n" * 500), "step two is a"),
    ("a name that is a list", _set("steps", 0, "name", to=[]), "step 1: name is []"),
    ("a name of control characters", _set("steps", 2, "name", to="\x1b[2J\nthree"), "three"),
    ("a name of 10 MB", _set("steps", 1, "name", to="n" * 10_000_000), "no earlier step makes"),
    ("a name twice", _set("steps", 1, "name", to="one"), "have the same name"),
    ("a step named input", _set("steps", 0, "name", to="input"), "have the same name"),
    ("inputs that are text", _set("steps", 1, "inputs", to="one"), "step 2: inputs is"),
    ("no inputs", _set("steps", 1, "inputs", to=[]), "has 0 inputs"),
    ("two inputs of a pool", _set("steps", 1, "inputs", to=["one", "one"]), "has 2 inputs"),
    ("an input that nobody makes", _set("steps", 1, "inputs", to=["zero"]), "which no earlier step makes"),
    ("steps in a circle", _set("steps", 0, "inputs", to=["four"]), "which no earlier step makes"),
    ("a step that uses itself", _set("steps", 1, "inputs", to=["two"]), "which no earlier step makes"),
    ("200,000 steps", _steps(200_000), "at most 16.0 MB"),
    ("50,000 steps", _steps(50_000), "expected 1 to 10,000"),
    ("parameters that are a list", _set("steps", 1, "parameters", to=[1]), "step 2: parameters is"),
    ("no parameters", _set("steps", 1, "parameters", to={}), "kernel must be two positive"),
    ("a kernel of 0", _set("steps", 1, "parameters", "kernel", to=[0, 2]), "kernel must be two positive"),
    ("a kernel of 10^9", _set("steps", 1, "parameters", "kernel", to=[10**9, 2]), "pools"),
    ("a stride of text", _set("steps", 1, "parameters", "stride", to="22"), "stride must be two positive"),
    ("a padding of 10^9", _set("steps", 1, "parameters", "padding", to=[10**9, 10**9]), "pools"),
    ("a padding at the end of 10^9", _set("steps", 1, "parameters", "padding_end", to=[0, 10**9]), "pools"),
    ("a parameter that a pool has not", _set("steps", 1, "parameters", "\x1b[2J\n" * 99, to=1), "has no parameter"),
    ("an unknown rounding", _set("steps", 1, to={
        "name": "two", "op": "add", "inputs": ["one", "one"], "scale": 1, "parameters": {
            "multipliers": [1, 1], "shift": 1, "clamp": [0, 255], "output_dtype": "uint8", "rounding": ["\x1b[2J"]}}),
     "rounding is"),
    ("a factor of 10^9", _set("steps", 1, to={"name": "two", "op": "upsample", "inputs": ["one"], "scale": 1,
                                               "parameters": {"factor": [10**9, 1]}}), "factor is"),
    ("a residual without factors", _set("steps", 0, "inputs", to=["input", "input"]), "residual_factors must be"),
    ("factors without a residual", _set("steps", 0, "parameters", "residual_factors", to=[1] * 4), "is missing"),
    ("factors of 10^99", _set("steps", 0, "parameters", "residual_factors", to=[10**99] * 4),
     "residual_factors must be"),
    ("an add without its numbers", _set("steps", 1, to={"name": "two", "op": "add", "inputs": ["one", "one"],
                                                         "scale": 1, "parameters": {}}), "add has wrong parameters"),
    ("a table of three values", _set("steps", 1, to={
        "name": "two", "op": "table", "inputs": ["one"], "scale": 1,
        "parameters": {"values": [1, 2, 3], "output_dtype": "uint8"}}), "a table must have 256 values"),
    ("a layer without its file", _without("files", CONV), "there is no checksum"),
    ("a layer named by a number", _set("steps", 0, "layer", to=3), "step 1: layer is 3"),
    ("no layer", _without("steps", 0, "layer"), "has no layer"),
    ("a layer in ..", _listed("../secret.npz"), "which is no part of a model folder"),
    ("a layer in layers/../..", _listed("layers/../../secret.npz"), "which is no part of a model folder"),
    ("a layer in /etc", _listed("/etc/passwd"), "which is no part of a model folder"),
    ("a layer named with a NUL", _listed("layers/01_a\0.npz"), "which is no part of a model folder"),
    ("model.json in its own list", _listed("model.json"), "which is no part of a model folder"),
    ("a file that is not there", _listed("layers/77_conv.npz"), "cannot be read"),
    ("a wrong hash", _set("files", CONV, to="0" * 64), "is damaged"),
    ("a hash of null", _set("files", CONV, to=None), "is damaged"),
    ("another stride than the file's", _set("steps", 0, "stride", to=[9, 9]), "step 1: stride is [9, 9]"),
]
"""Of one value in it."""

FILES: list[tuple[str, Mapping[str, Content | None], str]] = [
    ("no layer file", {CONV: None}, "cannot be read"),
    ("a FIFO as a layer", {CONV: fifo}, "found a FIFO"),
    ("a folder as a layer", {LINEAR: folder}, "found a folder"),
    ("a device as a layer", {CONV: link_to("/dev/zero")}, "found a device"),
    ("a layer that is a link to itself", {CONV: link_to("01_conv.npz")}, "cannot be read"),
    ("a layer of 1 TB", {CONV: sparse(1 << 40)}, "the memory limit is"),
    ("a layer that is text", {CONV: b"weights"}, "no .npz archive"),
    ("a layer of other strides", {CONV: layer(input=None)}, "step 1: stride is"),
    ("a layer of other channels", {CONV: layer(input=None, stride=np.array([3, 3]))}, "step 1: shape is"),
    ("a linear layer in a convolution's place", {CONV: layer(input=None, weight=np.ones((4, 1), np.int8))},
     "step 1: stride is"),
    ("a stride of 0 in a layer", {CONV: layer(input=None, stride=np.array([0, 0]))}, "stride: found value 0"),
    ("a last layer of 7 features", {LINEAR: layer(input=None, weight=np.ones((10, 7), np.int8))},
     "step 4: shape is [10, 64]"),
]
"""Of the other files."""

PLACES: list[tuple[str, dict[str, Content], str]] = [
    ("nothing", {}, "model"),
    ("an empty folder", {"model": folder}, "it has no model.json"),
    ("a folder of other things", {"model/thesis.txt": "mine"}, "it has no model.json"),
    ("a link to itself", {"model": link_to("model")}, "model"),
    ("a FIFO in its place", {"model": fifo}, "found a FIFO"),
    ("images of another depth", model(change=lambda d: d["input"].update(shape=[3, 28, 28])), "step one"),
]


def cases() -> list[Case]:
    """Through the verbs that read such a folder, in turn."""
    found: list[tuple[str, Mapping[str, Content], str]] = [
        *((f"model.json: {name}", model(text=text), says) for name, text, says in TEXTS),
        *((f"in model.json: {name}", model(change=change), says) for name, change, says in VALUES),
        *((name, model(files=files), says) for name, files, says in FILES), *PLACES]
    made = [case(f"{command.split()[0]}, model folder: {name}", f"{command} model", says, files)
            for number, (name, files, says) in enumerate(found) for command in [READERS[number % len(READERS)]]]
    return [*made, case("predict, model folder: images of another size", "predict model", "images", model(
        change=_set("input", "shape", to=[1, 31, 31])))]


def spoiled(**changed: Any) -> bytes:
    """A ``model.json`` with other values at its top."""
    return json.dumps(json.loads(TEXT) | changed).encode()
