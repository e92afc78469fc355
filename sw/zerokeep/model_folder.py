"""The model folder: ``model.json``, ``layers/NN_name.npz``, ``model.onnx``, ``model.safetensors``; whole or not at all.

``model.json`` holds `format` and `schema`, the network (`network`, `input`, `steps`), `files` with the SHA-256 of
every other file, and what the writer adds: data, recipe, accuracy, counts, versions.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from zerokeep import integer
from zerokeep.errors import UserError
from zerokeep.network import INPUT, Network, Step
from zeroskip.layer import Layer, LayerError

FORMAT = "zerokeep-model"
SCHEMA = 1
DOCUMENT = "model.json"
ONNX = "model.onnx"
TENSORS = "model.safetensors"
LAYER_FILE = re.compile(r"layers/\d{2,}_[A-Za-z0-9_.-]+\.npz")


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelFolder:
    """A model folder as read: its `path`, the whole ``model.json`` as `info`, and the `network`."""

    path: Path
    info: Mapping[str, Any]
    network: Network


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_into(folder: Path, network: Network, onnx_bytes: bytes, info: Mapping[str, object]) -> None:
    (folder / "layers").mkdir()
    steps: list[dict[str, object]] = []
    number = 0
    for step in network.steps:
        entry: dict[str, object] = {"name": step.name, "op": step.op, "inputs": list(step.inputs), "scale": step.scale}
        if step.layer is not None:
            number += 1
            file = f"layers/{number:02d}_{step.name}.npz"
            step.layer.save(folder / file)
            entry |= {
                "layer": file, "stride": list(step.layer.stride), "padding": list(step.layer.padding),
                "groups": step.layer.groups, "shape": list(step.layer.weight.shape),
            }  # fmt: skip
        steps.append(entry | {"parameters": step.parameters})
    (folder / ONNX).write_bytes(onnx_bytes)
    (folder / TENSORS).write_bytes(tensors(network))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    document = {
        "format": FORMAT, "schema": SCHEMA, "network": network.name,
        "input": {"shape": list(network.input_shape), "dtype": network.input_dtype, "scale": network.input_scale},
        "host": list(network.host),
        "steps": steps, "files": {path.relative_to(folder).as_posix(): _digest(path) for path in files},
    } | dict(info)  # fmt: skip
    (folder / DOCUMENT).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def tensors(network: Network) -> bytes:
    """All integers of the layers as a safetensors file: ``NAME.weight``, ``.bias``, ``.multiplier``, ``.shift``.

    What each result's code stands for is in its metadata: ``scales``, JSON by step.
    """
    found = {}
    for step in network.layers():
        for part in ("weight", "bias", "multiplier", "shift"):
            values = getattr(step.weights, part)
            if values is not None:
                found[f"{step.name}.{part}"] = np.ascontiguousarray(values)
    scales = json.dumps({INPUT: network.input_scale} | {step.name: step.scale for step in network.steps})
    return save(found, metadata={"scales": scales})


def _check_target(target: Path) -> None:
    """Refuse to replace anything but an earlier model folder or an empty one."""
    if target.is_dir():
        if any(target.iterdir()) and not (target / DOCUMENT).is_file():
            raise UserError(f"the output folder {target} holds other files; give a new one")
    elif target.exists():
        raise UserError(f"the output {target} is a file, not a folder")


def check_writable(path: str | os.PathLike[str]) -> None:
    """Fail early where a model folder cannot be written: better before than after minutes of work.

    Raises
    ------
    UserError
        The place is taken by something else, or nothing can be written there.
    """
    target = Path(path)
    try:
        _check_target(target)
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        os.rmdir(tempfile.mkdtemp(dir=target.absolute().parent, prefix=f".{target.name}."))
    except OSError as error:
        raise UserError(f"cannot write the model folder {target}: {error.strerror or error}") from None


def write(
    path: str | os.PathLike[str], network: Network, onnx_bytes: bytes, info: Mapping[str, object]
) -> dict[str, Any]:
    """Write the folder beside its place, then move it there; an earlier model folder is replaced.

    Returns ``model.json``'s content.

    Raises
    ------
    UserError
        The place is taken by something else, or nothing can be written there.
    """
    target = Path(path)
    check_writable(target)
    parent = target.absolute().parent
    try:
        scratch = Path(tempfile.mkdtemp(dir=parent, prefix=f".{target.name}."))
        try:
            fresh = scratch / "new"
            fresh.mkdir()
            _write_into(fresh, network, onnx_bytes, info)
            if target.exists():
                os.replace(target, scratch / "old")
            os.replace(fresh, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise UserError(f"cannot write the model folder {target}: {error.strerror or error}") from None
    return json.loads((target / DOCUMENT).read_text(encoding="utf-8"))


def _read_document(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise UserError(f"there is no model folder {folder}")
    try:
        document = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder} is no model folder: it has no {DOCUMENT}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{folder / DOCUMENT} is damaged: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UserError(f"{folder / DOCUMENT} is not the description of a model folder")
    if type(document.get("schema")) is not int or document["schema"] != SCHEMA:
        raise UserError(
            f"{folder / DOCUMENT} has schema version {document.get('schema')!r}, this program reads version {SCHEMA}; "
            "write the folder again with 'zerokeep prune'"
        )
    return document


def _check_files(folder: Path, files: Mapping[str, str]) -> None:
    for name, expected in files.items():
        if name not in (ONNX, TENSORS) and not LAYER_FILE.fullmatch(name):
            raise UserError(f"{folder / DOCUMENT} lists {name!r}, which is no part of a model folder")
        try:
            found = _digest(folder / name)
        except OSError as error:
            raise UserError(f"{folder / name} cannot be read: {error.strerror or error}") from None
        if found != expected:
            raise UserError(f"{folder / name} is damaged: it is not the file that {DOCUMENT} was written with")


def _read_step(folder: Path, entry: Mapping[str, Any], files: Mapping[str, str]) -> Step:
    layer = None
    if "layer" in entry:
        if entry["layer"] not in files:
            raise UserError(f"{folder / DOCUMENT} gives no checksum for {entry['layer']!r}")
        layer = Layer.load(folder / entry["layer"], need_input=False)
    return Step(
        name=str(entry["name"]), op=str(entry["op"]), inputs=tuple(map(str, entry["inputs"])),
        scale=float(entry["scale"]), layer=layer, parameters=dict(entry["parameters"]),
    )  # fmt: skip


def read(path: str | os.PathLike[str]) -> ModelFolder:
    """Read and check a model folder.

    Raises
    ------
    UserError
        It is missing, of another schema version, or damaged; the message names the file.
    """
    folder = Path(path)
    document = _read_document(folder)
    try:
        files = dict(document["files"])
        _check_files(folder, files)
        network = Network(
            name=str(document["network"]), input_shape=tuple(map(int, document["input"]["shape"])),  # type: ignore[arg-type]
            input_scale=float(document["input"]["scale"]), input_dtype=str(document["input"]["dtype"]),
            host=tuple(map(str, document.get("host", ()))),
            steps=tuple(_read_step(folder, entry, files) for entry in document["steps"]),
        )  # fmt: skip
    except UserError as error:
        named = str(folder) in str(error)
        raise UserError(str(error) if named else f"{folder / DOCUMENT} is damaged: {error}") from None
    except LayerError as error:
        raise UserError(f"the model folder is damaged: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise UserError(f"{folder / DOCUMENT} is damaged: its description of the network is wrong ({detail})") from None
    return ModelFolder(path=folder, info=document, network=network)


def layer_inputs(folder: str | os.PathLike[str] | ModelFolder, images: np.ndarray) -> list[tuple[Step, Layer]]:
    """Each step with weights of a model folder, with its layer and the `input` that `images` give it.

    Parameters
    ----------
    folder
        A path, or what ``read`` gave.
    images
        (N, C, H, W), as the model's `input` says, or float32: uint8 (N, 1, 28, 28) for ``vgg-small``.

    Raises
    ------
    UserError
        The folder cannot be read, or the images do not fit.
    """
    model = folder if isinstance(folder, ModelFolder) else read(folder)
    return integer.layer_inputs(model.network, images)
