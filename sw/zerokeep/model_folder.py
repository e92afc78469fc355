"""The model folder: ``model.json``, ``layers/NN_op.npz``, ``model.onnx``, ``model.safetensors``; whole or not at all.

``model.json`` holds `format` and `schema`, the network (`network`, `input`, `steps`), `files` with the SHA-256 of
every other file, and what the writer adds: data, recipe, accuracy, counts, versions. Names of steps are any text, and
stand there alone: files are numbered.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from zerokeep import integer
from zerokeep.errors import UserError
from zerokeep.network import INPUT, Network, Step
from zeroskip.files.folders import NotOursError, check_replaceable, recover, replacing
from zeroskip.files.memory import check as check_memory
from zeroskip.files.names import shown
from zeroskip.files.reading import ReadError, open_file, read_json
from zeroskip.files.writing import place_of, temporary_folder, write_bytes, write_json
from zeroskip.layer import Layer, LayerError

FORMAT = "zerokeep-model"
SCHEMA = 1
DOCUMENT = "model.json"
ONNX = "model.onnx"
TENSORS = "model.safetensors"
ALWAYS = ("stride", "padding", "groups", "shape")
"""What is said of every layer; the rest only where it is unusual."""
LAYER_FILE = re.compile(r"layers/\d{2,}_[A-Za-z0-9_.-]+\.npz")


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelFolder:
    """A model folder as read: its `path`, the whole ``model.json`` as `info`, and the `network`."""

    path: Path
    info: Mapping[str, Any]
    network: Network


def _digest(path: Path) -> str:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_into(folder: Path, network: Network, onnx_bytes: bytes, info: Mapping[str, object]) -> None:
    (folder / "layers").mkdir()
    steps: list[dict[str, object]] = []
    number = 0
    for step in network.steps:
        entry: dict[str, object] = {"name": step.name, "op": step.op, "inputs": list(step.inputs), "scale": step.scale}
        if step.layer is not None:
            number += 1
            file = f"layers/{number:02d}_{step.op}.npz"
            step.layer.save(folder / file)
            unusual = step.layer.unusual()
            entry |= {"layer": file} | {key: value for key, value in _described(step.layer).items()
                                        if key in ALWAYS or key in unusual}
        steps.append(entry | {"parameters": step.parameters})
    write_bytes(folder / ONNX, onnx_bytes)
    write_bytes(folder / TENSORS, tensors(network))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    write_json(folder / DOCUMENT, {
        "format": FORMAT, "schema": SCHEMA, "network": network.name,
        "input": {"shape": list(network.input_shape), "dtype": network.input_dtype, "scale": network.input_scale},
        "host": list(network.host),
        "steps": steps, "files": {path.relative_to(folder).as_posix(): _digest(path) for path in files},
    } | dict(info))  # fmt: skip


def _described(layer: Layer) -> dict[str, object]:
    """What ``model.json`` says of a layer beside its file, for those who read it."""
    assert layer.padding_end is not None
    return {"stride": list(layer.stride), "padding": list(layer.padding), "groups": layer.groups,
            "shape": list(layer.weight.shape), "rounding": layer.rounding, "dilation": list(layer.dilation),
            "padding_end": list(layer.padding_end)}


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


def listed(folder: Path) -> list[str]:
    """The files of a model folder by its own ``model.json``, which is one of them.

    Raises
    ------
    NotOursError
        It has none that is ours.
    """
    try:
        files = _read_manifest(folder).get("files")
    except UserError as error:
        raise NotOursError(f"{shown(folder)} is there and no model folder ({error}); give another place") from None
    names = [name for name in files if is_ours(name)] if isinstance(files, dict) else []
    return [DOCUMENT, *names]


def is_ours(name: str) -> bool:
    """Whether a model folder may have a file of that relative name."""
    return name in (DOCUMENT, ONNX, TENSORS) or LAYER_FILE.fullmatch(name) is not None


def _identity(info: Mapping[str, Any]) -> tuple[str, str]:
    """Which network a folder is of: its name, and what file or function it came from."""
    base = info.get("base")
    source = str(base.get("source") or "") if isinstance(base, Mapping) else ""
    return str(info.get("network")), source.rpartition("/")[2]


def check_writable(path: str | os.PathLike[str], network: str | None = None, source: str = "", *,
                   force: bool = False) -> None:
    """Fail early where a model folder cannot be written: better before than after minutes of work.

    Parameters
    ----------
    path
        Where to; where a symbolic link leads.
    network, source
        Which network it will be of, where that is known.
    force
        Whether an earlier folder may be of another network.

    Raises
    ------
    UserError
        The place holds something that would be lost, or another network's folder, or nothing can be written there.
    """
    target = Path(path)
    try:
        check_replaceable(target, listed)
        place_of(target).parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(place_of(target).parent):
            pass
    except NotOursError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"cannot write the model folder {target}: {error.strerror or error}") from None
    if network is None or force or not (place_of(target) / DOCUMENT).exists():
        return
    found, wanted = _identity(_read_manifest(target)), _identity({"network": network, "base": {"source": source}})
    if found != wanted:
        raise UserError(f"{target} is of another network, {' of '.join(filter(None, found))!r}, not of "
                        f"{' of '.join(filter(None, wanted))!r}: give another folder, or --force to replace it")


def write(path: str | os.PathLike[str], network: Network, onnx_bytes: bytes, info: Mapping[str, object], *,
          force: bool = False) -> dict[str, Any]:
    """Write the folder beside its place, then move it there; an earlier one of the same network is replaced.

    Returns ``model.json``'s content.

    Raises
    ------
    UserError
        See `check_writable`.
    """
    check_writable(path, *_identity({"network": network.name} | dict(info)), force=force)
    try:
        with replacing(path, listed) as fresh:
            _write_into(fresh, network, onnx_bytes, info)
    except NotOursError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"cannot write the model folder {path}: {error.strerror or error}") from None
    return dict(_read_document(Path(path)))


def _read_manifest(folder: Path) -> dict[str, Any]:
    """``model.json``, of whatever schema."""
    path = folder / DOCUMENT
    try:
        document = read_json(path)
    except ReadError as error:
        if not folder.is_dir():
            raise UserError(f"there is no model folder {shown(folder)}") from None
        if not path.exists():
            raise UserError(f"{shown(folder)} is no model folder: it has no {DOCUMENT}") from None
        raise UserError(f"{shown(path)} is damaged: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UserError(f"{shown(path)} is not the description of a model folder")
    return document


def _read_document(folder: Path) -> dict[str, Any]:
    path, document = folder / DOCUMENT, _read_manifest(folder)
    if type(document.get("schema")) is not int or document["schema"] != SCHEMA:
        raise UserError(
            f"{shown(path)} has schema version {shown(document.get('schema'), 40)}, this program reads version "
            f"{SCHEMA}; write the folder again with 'zerokeep prune'"
        )
    return document


def _check_files(folder: Path, files: Mapping[str, str]) -> None:
    for name in files:
        if name == DOCUMENT or not is_ours(name):
            raise UserError(f"{shown(folder / DOCUMENT)} lists {shown(name, 80)!r}, which is no part of a model folder")
    try:
        check_memory(sum((folder / name).stat().st_size for name in files), shown(folder))
    except OSError as error:
        raise UserError(f"{shown(error.filename)} cannot be read: {error.strerror}") from None
    for name, expected in files.items():
        if _digest(folder / name) != expected:
            raise UserError(f"{folder / name} is damaged: it is not the file that {DOCUMENT} was written with")


def _typed(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    """A value of that type, and a truth value is none."""
    if not isinstance(value, kind) or isinstance(value, bool):
        names = " or ".join(own.__name__ for own in (kind if isinstance(kind, tuple) else (kind,)))
        raise UserError(f"{what} is {shown(repr(value), 60)}, expected {names}")
    return value


def _number(value: Any, what: str) -> float:
    """A number, as a float; one beyond a float's range is infinite."""
    try:
        return float(_typed(value, (int, float), what))
    except OverflowError:
        return math.inf


def _strings(values: Any, what: str) -> tuple[str, ...]:
    return tuple(_typed(value, str, what) for value in _typed(values, list, what))


def _read_step(folder: Path, number: int, entry: Mapping[str, Any], files: Mapping[str, str]) -> Step:
    what = f"step {number}: "
    layer = None
    if "layer" in entry:
        if _typed(entry["layer"], str, f"{what}layer") not in files:
            raise UserError(f"{what}there is no checksum for {shown(entry['layer'], 80)!r}")
        layer = Layer.load(folder / entry["layer"], need_input=False)
        for key, value in _described(layer).items():
            if key in entry and entry[key] != value:
                raise UserError(f"{what}{key} is {shown(entry[key], 60)}, its file {entry['layer']} has {value}")
    return Step(
        name=_typed(entry["name"], str, f"{what}name"), op=_typed(entry["op"], str, f"{what}op"),
        inputs=_strings(entry["inputs"], f"{what}inputs"),
        scale=_number(entry["scale"], f"{what}scale"), layer=layer,
        parameters=dict(_typed(entry["parameters"], dict, f"{what}parameters")),
    )  # fmt: skip


def _read_network(folder: Path, document: Mapping[str, Any]) -> Network:
    files = {name: str(digest) for name, digest in _typed(document["files"], dict, "files").items()}
    _check_files(folder, files)
    given = _typed(document["input"], dict, "input")
    steps: Sequence[Any] = _typed(document["steps"], list, "steps")
    shape = tuple(_typed(size, int, "input shape") for size in _typed(given["shape"], list, "input shape"))
    return Network(
        name=_typed(document["network"], str, "network"), input_shape=shape,  # type: ignore[arg-type]
        input_scale=_number(given["scale"], "input scale"),
        input_dtype=_typed(given["dtype"], str, "input dtype"), host=_strings(document.get("host", []), "host"),
        steps=tuple(_read_step(folder, number, _typed(entry, dict, f"step {number}"), files)
                    for number, entry in enumerate(steps, 1)),
    )  # fmt: skip


def read(path: str | os.PathLike[str]) -> ModelFolder:
    """Read and check a model folder.

    Raises
    ------
    UserError
        It is missing, of another schema version, or damaged; the message names the file.
    """
    folder = Path(path)
    try:
        recover(folder, listed)
        document = _read_document(folder)
        network = _read_network(folder, document)
    except (LayerError, ReadError) as error:
        raise UserError(f"the model folder is damaged: {error}") from None
    except UserError as error:
        named = str(folder) in str(error)
        raise UserError(str(error) if named else f"{folder / DOCUMENT} is damaged: {error}") from None
    except KeyError as error:
        raise UserError(f"{folder / DOCUMENT} is damaged: it has no {shown(error, 80)}") from None
    except OSError as error:
        raise UserError(f"the model folder {folder} cannot be read: {error.strerror or error}") from None
    return ModelFolder(path=folder, info=document, network=network)


def layer_inputs(folder: str | os.PathLike[str] | ModelFolder, images: np.ndarray) -> list[tuple[Step, Layer]]:
    """Each step with weights of a model folder, with its layer and the `input` that `images` give it.

    A residual is left out, as ``integer.layer_inputs`` says.

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
