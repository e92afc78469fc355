"""Files of weights (safetensors) for ``--model``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.attacks.case import Case, Content, case, fifo, folder, link_to, sparse
from tests.attacks.ingredients import safetensors, weights

COMMANDS = ("prune --model base.safetensors --out out", "run --model base.safetensors --out out")


def _tensor(**changed: Any) -> dict[str, Any]:
    return {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | changed}


def _changed(change: Callable[[dict[str, np.ndarray], dict[str, str]], object]) -> Callable[[Any], None]:
    """A file that is made where it is needed: each has 270 kB."""
    def both(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
        change(tensors, metadata)

    return lambda path: path.write_bytes(weights(both))


def _first(tensors: dict[str, np.ndarray]) -> str:
    return next(key for key, value in tensors.items() if value.ndim == 4)


def _put(value: Any) -> Callable[[Any], None]:
    """The first convolution's weights times a value."""
    return _changed(lambda tensors, metadata: tensors.update({_first(tensors): tensors[_first(tensors)] * value}))


FILES: list[tuple[str, Content | None, str]] = [
    ("missing", None, "there is no model file"),
    ("empty", b"", "no safetensors file"),
    ("text", "weights " * 100, "no safetensors file"),
    ("a FIFO", fifo, "there is no model file"),
    ("a folder", folder, "there is no model file"),
    ("a device", link_to("/dev/zero"), "there is no model file"),
    ("1 TB of nothing", sparse(1 << 40), "the memory limit is"),
    ("a header of 2^63 bytes", safetensors({}, length=2**63), "its header would have"),
    ("a header longer than the file", safetensors({}, length=100), "its header would have"),
    ("a header of one byte", safetensors(b"{"), "its header would have"),
    ("a header that is no JSON", safetensors(b"{'a': 1}"), "no JSON"),
    ("a header of brackets", safetensors(b"[" * 100_000), "nested too deeply"),
    ("a header that is a list", safetensors([1, 2]), "its header is not one"),
    ("a key twice", safetensors(b'{"a": {}, "a": {}}'), "stands there twice"),
    ("a tensor behind the end", safetensors(_tensor(data_offsets=[0, 400]), bytes(4)), "does not lie in it"),
    ("a tensor that ends before it begins", safetensors(_tensor(data_offsets=[4, 0]), bytes(4)), "base.safetensors"),
    ("offsets below 0", safetensors(_tensor(data_offsets=[-4, 0]), bytes(4)), "does not lie in it"),
    ("a shape that is not its data's", safetensors(_tensor(shape=[1000]), bytes(4)), "base.safetensors"),
    ("a shape of text", safetensors(_tensor(shape="1"), bytes(4)), "base.safetensors"),
    ("an unknown type", safetensors(_tensor(dtype="F33"), bytes(4)), "base.safetensors"),
    ("a tensor that is a number", safetensors({"a": 3}), "its header is not one"),
    ("no metadata", safetensors(_tensor(), bytes(4)), "names no known network"),
    ("metadata that are numbers", safetensors({"__metadata__": {"model": 3}} | _tensor(), bytes(4)),
     "base.safetensors"),
    ("another network's name", _changed(lambda tensors, metadata: metadata.update(model="resnet20")),
     "does not fit resnet20"),
    ("control characters in its name", _changed(lambda tensors, metadata: metadata.update(model="\x1b[2J\nx" * 99)),
     "names no known network"),
    ("a tensor is missing", _changed(lambda tensors, metadata: tensors.pop(_first(tensors))), "does not fit"),
    ("a tensor too many", _changed(lambda tensors, metadata: tensors.update({"\x1b[2J": np.ones(3)})), "does not fit"),
    ("a tensor of another shape",
     _changed(lambda tensors, metadata: tensors.update({_first(tensors): np.ones((1, 2))})), "does not fit"),
    ("weights of NaN", _put(np.float32(np.nan)), "not finite"),
    ("weights without bound", _put(np.float32(np.inf)), "not finite"),
    ("complex weights", _changed(lambda tensors, metadata: tensors.update(
        {_first(tensors): tensors[_first(tensors)].astype(np.complex64)})), "base.safetensors"),
    ("weights of integers", _changed(lambda tensors, metadata: tensors.update(
        {_first(tensors): tensors[_first(tensors)].astype(np.int8)})), "base.safetensors"),
    ("training that is no JSON", _changed(lambda tensors, metadata: metadata.update(training="{")), "no JSON"),
    ("training that is a list", _changed(lambda tensors, metadata: metadata.update(training="[]")), "no JSON object"),
    ("training with NaN", _changed(lambda tensors, metadata: metadata.update(training='{"a": NaN}')), "finite"),
]


def cases() -> list[Case]:
    """Through `prune` and `run` in turn."""
    return [case(f"{COMMANDS[number % 2].split()[0]}, weights: {name}", COMMANDS[number % 2], says,
                 {} if content is None else {"base.safetensors": content})
            for number, (name, content, says) in enumerate(FILES)]
