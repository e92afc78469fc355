"""The networks by name, and their weights on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from zerokeep.architectures import resnet20, vgg16, vgg_small
from zerokeep.errors import UserError
from zeroskip.files.names import shown
from zeroskip.files.reading import ReadError, parse_json, safetensors_header
from zeroskip.files.writing import place_of, write_bytes

TYPES = {torch.float32: "F32", torch.int64: "I64"}
"""How safetensors calls the types of the networks here."""
ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network that ships: what makes it untrained, and the images (C, H, W) that it takes."""

    factory: Callable[[], nn.Module]
    input_shape: tuple[int, int, int]


MODELS = {
    "vgg-small": Model(factory=vgg_small, input_shape=(1, 28, 28)),
    "resnet20": Model(factory=resnet20, input_shape=(1, 32, 32)),
    "vgg16": Model(factory=vgg16, input_shape=(1, 32, 32)),
}


@dataclass(frozen=True, kw_only=True)
class Base:
    """A trained network.

    Parameters
    ----------
    name
        In ``MODELS``, or the user's own.
    module
        The network, in evaluation mode.
    input_shape
        (C, H, W) of the images that it takes; ``None``: those that are there.
    source
        Where it is from: what ``--model`` was given.
    metadata
        What its training left.
    names
        By the name of a part of `module`, what the file that it is from calls it.
    """

    name: str
    module: nn.Module
    input_shape: tuple[int, int, int] | None = None
    source: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def build(name: str, seed: int = 0) -> nn.Module:
    """An untrained network, its weights drawn from `seed` (the global generator is left as it was).

    Raises
    ------
    UserError
        No network has that name.
    """
    if name not in MODELS:
        raise UserError(f"unknown model {name!r}; there is {', '.join(MODELS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[name].factory()


def save_base(base: Base, path: str | os.PathLike[str]) -> None:
    """Write weights and metadata as safetensors, under a temporary name first.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    target = Path(path)
    state = {key: value.detach().contiguous() for key, value in base.module.state_dict().items()}
    metadata = {"model": base.name, "training": json.dumps(dict(base.metadata))}
    try:
        place_of(target).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, save(state, metadata=metadata))
    except OSError as error:
        raise UserError(f"cannot write the model {target}: {error.strerror or error}") from None


def load_base(source: str | os.PathLike[str] = "vgg-small") -> Base:
    """A trained network: a name gives the weights that ship with the package, anything else is a file.

    Raises
    ------
    UserError
        There is no such file, it is damaged, or its tensors are not those of the network it names.
    """
    shipped = isinstance(source, str) and source in MODELS
    path = ASSETS / f"{source}.safetensors" if shipped else Path(source)
    if shipped and not path.is_file():
        raise UserError(f"no weights of {source} ship; train them with 'zerokeep train --model {source}'")
    if not path.is_file():
        raise UserError(f"there is no model file {path}; the models by name are {', '.join(MODELS)}")
    try:
        tensors = safetensors_header(path)
        with safe_open(path, framework="pt") as archive:
            header = archive.metadata() or {}
            name = header.get("model", "")
            if name not in MODELS:
                raise UserError(f"the model file {shown(path)} names no known network (found {shown(name, 80)!r})")
            module = build(name)
            _check_tensors(path, name, module, tensors)
            state = {key: archive.get_tensor(key) for key in archive.keys()}
        metadata = parse_json(header.get("training", "{}"), "its training")
    except (ReadError, OSError, SafetensorError, ValueError) as error:
        raise UserError(f"the model file {shown(path)} cannot be read: {shown(error)}") from None
    if not isinstance(metadata, dict):
        raise UserError(f"the model file {shown(path)} cannot be read: its training is no JSON object")
    module.load_state_dict(state)
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise UserError(f"the model file {shown(path)} is damaged: {key} has numbers that are not finite")
    module.eval()
    shape = MODELS[name].input_shape
    return Base(name=name, module=module, input_shape=shape, source=str(source), metadata=metadata)


def _check_tensors(path: Path, name: str, module: nn.Module,
                   tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Whether a file has the tensors of its network, before they are read."""
    wanted = {key: (TYPES[value.dtype], tuple(value.shape)) for key, value in module.state_dict().items()}
    for key in sorted(wanted.keys() | tensors.keys()):
        if tensors.get(key) != wanted.get(key):
            found, expected = ("nothing" if own is None else f"{own[0]} {own[1]}"
                               for own in (tensors.get(key), wanted.get(key)))
            raise UserError(f"the model file {shown(path)} does not fit {name}: {shown(key, 80)}: found "
                            f"{shown(found, 80)}, expected {expected}")
