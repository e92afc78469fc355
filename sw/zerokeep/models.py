"""The networks by name, and their weights on disk."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from zerokeep.architectures import resnet20, vgg16, vgg_small
from zerokeep.errors import UserError

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
    """

    name: str
    module: nn.Module
    input_shape: tuple[int, int, int] | None = None
    source: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)


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
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(save(state, metadata=metadata))
            os.chmod(name, 0o644)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
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
        with safe_open(path, framework="pt") as archive:
            header = archive.metadata() or {}
            state = {key: archive.get_tensor(key) for key in archive.keys()}
        metadata = json.loads(header.get("training", "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(f"the model file {path} cannot be read: {error}") from None
    name = header.get("model", "")
    if name not in MODELS:
        raise UserError(f"the model file {path} names no known network (found {name!r})")
    module = build(name)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        detail = " ".join(str(error).split())
        raise UserError(f"the model file {path} does not fit {name}: {detail}") from None
    module.eval()
    shape = MODELS[name].input_shape
    return Base(name=name, module=module, input_shape=shape, source=str(source), metadata=metadata)
