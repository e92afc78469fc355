"""Good files in bytes, for the cases to spoil: layers, data, weights, a model folder."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save
from tests.attacks.case import Content

from zerokeep import model_folder
from zerokeep.models import ASSETS
from zerokeep.network import Network, Step
from zeroskip.layer import Layer

SCALES = {"multiplier": np.full(4, 1000), "shift": np.full(4, 12)}


def npy(array: np.ndarray) -> bytes:
    """An array as numpy writes it."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=True)
    return file.getvalue()


def npy_of(header: str, data: bytes = b"", version: int = 1) -> bytes:
    """An array file with any header, true or not."""
    text = header.encode("latin1")
    form = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack(form, len(text)) + text + data


def header_of(shape: str, kind: str = "|i1") -> str:
    """What numpy writes before an array."""
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n"


def archive(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def arrays(**values: Any) -> dict[str, np.ndarray]:
    """The arrays of a small layer, with others in their places; those that are None are left out."""
    plain = {"weight": np.ones((4, 2, 3, 3), np.int8), "input": np.ones((1, 2, 5, 5), np.uint8)}
    return {key: np.asanyarray(value) for key, value in (plain | values).items() if value is not None}


def layer(**values: Any) -> bytes:
    """A layer file of these arrays."""
    return archive({f"{key}.npy": npy(value) for key, value in arrays(**values).items()})


def layer_with(**members: bytes) -> bytes:
    """A layer file of a small layer, in which members are bytes as they are."""
    return archive({f"{key}.npy": npy(value) for key, value in arrays().items()}
                   | {f"{key}.npy": content for key, content in members.items()})


def zeros_bomb(header: str, pieces: int) -> bytes:
    """A zip file with one array of so many times 16 MB of zeros, a thousandth of that on disk: made piece by piece."""
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -15)
    first = squeeze.compress(npy_of(header)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    piece = squeeze.compress(bytes(1 << 24)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    packed = first + piece * pieces + squeeze.flush(zlib.Z_FINISH)
    facts = struct.pack("<5H3I2H", 20, 0, 8, 0, 0x21, 0, len(packed), len(npy_of(header)) + (pieces << 24), 10, 0)
    local = b"PK\x03\x04" + facts + b"weight.npy"
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<3HII", 0, 0, 0, 0, 0) + b"weight.npy"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(local) + len(packed), 0)
    return local + packed + entry + end


def idx(kind: int, shape: tuple[int, ...], data: bytes) -> bytes:
    """An idx file."""
    return bytes((0, 0, kind, len(shape))) + b"".join(struct.pack(">I", size) for size in shape) + data


def data_folder(name: str = "data", **changed: Content | None) -> dict[str, Content]:
    """The four files of a data set of 20 + 20 images; by key, others in their places, or none."""
    made: dict[str, Content | None] = {}
    for part in ("train", "t10k"):
        made[f"{part}_images"] = idx(8, (20, 28, 28), bytes(20 * 28 * 28))
        made[f"{part}_labels"] = idx(8, (20,), bytes(n % 10 for n in range(20)))
    made |= changed
    return {f"{name}/{key.split('_')[0]}-{'images-idx3' if 'images' in key else 'labels-idx1'}-ubyte": content
            for key, content in made.items() if content is not None}


def gzipped_zeros(size: int, begin: bytes = b"") -> bytes:
    """A gzip file of `begin` and `size` zeros."""
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as made:
        made.write(begin)
        for _ in range(size >> 20):
            made.write(bytes(1 << 20))
    return file.getvalue()


def weights(change: Callable[[dict[str, np.ndarray], dict[str, str]], None]) -> bytes:
    """The weights that ship, changed."""
    from safetensors import safe_open

    with safe_open(ASSETS / "vgg-small.safetensors", framework="numpy") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}
        metadata = dict(file.metadata())
    change(tensors, metadata)
    return save(tensors, metadata=metadata)


def safetensors(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


@functools.cache
def _model() -> dict[str, bytes]:
    """The files of a small model folder: a convolution, a pool, flattened, a linear layer of ten."""
    rng = np.random.default_rng(1)
    conv = Layer(weight=rng.integers(-5, 6, (4, 1, 5, 5)).astype(np.int8), stride=(3, 3), **SCALES)
    pool = {"kernel": [2, 2], "stride": [2, 2]}
    last = Layer(weight=rng.integers(-5, 6, (10, 64)).astype(np.int8))
    network = Network(name="small", input_shape=(1, 28, 28), input_scale=1 / 255, steps=(
        Step(name="one", op="conv", inputs=("input",), scale=0.1, layer=conv),
        Step(name="two", op="maxpool", inputs=("one",), scale=0.1, parameters=pool),
        Step(name="three", op="flatten", inputs=("two",), scale=0.1),
        Step(name="four", op="linear", inputs=("three",), scale=0.01, layer=last),
    ))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "model"
        model_folder.write(made, network, b"no onnx", {"accuracy": {"int8": 0.5, "data": "none"}})
        return {path.relative_to(made).as_posix(): path.read_bytes() for path in sorted(made.rglob("*"))
                if path.is_file()}


CONV, LINEAR = "layers/01_conv.npz", "layers/02_linear.npz"


def model(name: str = "model", change: Callable[[dict[str, Any]], Any] | None = None, *,
          text: Content | None = None, files: Mapping[str, Content | None] | None = None) -> dict[str, Content]:
    """A model folder.

    Parameters
    ----------
    name
        Of the folder.
    change
        Changes what ``model.json`` holds, in place, or returns another in its stead.
    text
        Instead of ``model.json``.
    files
        Contents in the places of others, whose hashes in ``model.json`` are right; None: it is not there.
    """
    made: dict[str, Content | None] = {**_model(), **(files or {})}
    document = json.loads(_model()["model.json"])
    for own, content in (files or {}).items():
        if isinstance(content, bytes):
            document["files"][own] = hashlib.sha256(content).hexdigest()
    found = change(document) if change is not None else None
    document = document if found is None else found
    made["model.json"] = json.dumps(document).encode() if text is None else text
    return {f"{name}/{own}": content for own, content in made.items() if content is not None}
