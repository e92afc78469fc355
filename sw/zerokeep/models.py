"""The networks by name, and their weights on disk."""

from __future__ import annotations

import json
import os
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from zerokeep.errors import UserError

ASSETS = Path(__file__).parent / "assets"
INPUT_SHAPE = (1, 28, 28)
PIXEL_SCALE = 1.0 / 255.0
"""A pixel's code times this is the number the network sees: the code 0 is the number 0."""


def vgg_small(widths: tuple[int, int, int, int] = (16, 32, 64, 64), classes: int = 10) -> nn.Sequential:
    """Four 3x3 convolutions with batch norm and ReLU, pooled after the 2nd, 3rd and 4th, and one linear layer.

    Parameters
    ----------
    widths
        Filters of each convolution; a pruned network has fewer.
    classes
        Outputs of the linear layer.

    Input (N, 1, 28, 28) float, 0 to 1; output (N, `classes`) logits.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = INPUT_SHAPE[0]
    for number, width in enumerate(widths, start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        layers[f"bn{number}"] = nn.BatchNorm2d(width)
        layers[f"relu{number}"] = nn.ReLU()
        if number > 1:
            layers[f"pool{number}"] = nn.MaxPool2d(2)
        channels = width
    layers["flatten"] = nn.Flatten()
    layers["linear"] = nn.Linear(channels * 9, classes)
    return nn.Sequential(layers)


MODELS = {"vgg-small": vgg_small}


@dataclass(frozen=True, kw_only=True)
class Base:
    """A trained network: its `name` in ``MODELS``, its `module`, the `source` it is from, what its training left."""

    name: str
    module: nn.Sequential
    source: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)


def build(name: str, seed: int = 0) -> nn.Sequential:
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
        return MODELS[name]()


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
    return Base(name=name, module=module, source=str(source), metadata=metadata)
