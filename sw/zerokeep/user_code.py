"""A user's own network and data: ``package.module:factory`` and ``package.module:loaders``."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from zerokeep import data as shipped
from zerokeep.dataset import DataSet
from zerokeep.errors import UserError
from zerokeep.models import MODELS, Base, load_base


def is_reference(text: str) -> bool:
    """Whether it names a function in a module, and no file."""
    module, _, name = text.partition(":")
    return name.isidentifier() and all(part.isidentifier() for part in module.split(".")) and not Path(text).exists()


def fetch(reference: str) -> Callable[[], Any]:
    """The function that ``package.module:name`` names; modules in the current folder are found, too.

    Raises
    ------
    UserError
        The module cannot be imported, or has no such function.
    """
    module, _, name = reference.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise UserError(f"cannot import {module} for {reference}: {error}") from None
    except AttributeError:
        raise UserError(f"the module {module} has no {name}") from None
    except Exception as error:
        raise UserError(f"importing {module} for {reference} raised {type(error).__name__}: {error}") from None
    if not callable(found):
        raise UserError(f"{reference} is a {type(found).__name__}, expected a function")
    return found


def _call(reference: str) -> Any:
    function = fetch(reference)
    try:
        return function()
    except Exception as error:
        raise UserError(f"{reference} raised {type(error).__name__}: {error}") from None


def open_model(text: str) -> Base:
    """A trained network: a name with shipped weights, a file of weights, an ONNX file of floats, or a user's factory.

    Raises
    ------
    UserError
        There is no such thing, or it is no network.
    """
    if text.endswith(".onnx"):
        return _open_onnx(text)
    if not is_reference(text) or text in MODELS:
        return load_base(text)
    module = _call(text)
    if not isinstance(module, nn.Module):
        raise UserError(f"{text} gave a {type(module).__name__}, expected a torch.nn.Module")
    return Base(name=text.partition(":")[2], module=module.eval(), source=text)


def _open_onnx(text: str) -> Base:
    from zerokeep import onnx_read
    from zerokeep.onnx_float import to_module

    file = onnx_read.read(text)
    if file.is_quantised:
        raise UserError(f"{text} is quantised already: 'zerokeep import {text}' takes it as it is")
    if len(file.shape) != 3:
        raise UserError(f"{text} takes inputs of {file.shape}, expected (C, H, W)")
    channels, height, width = file.shape
    return Base(name=Path(text).stem, module=to_module(file), input_shape=(channels, height, width), source=text)


def open_data(text: str | None) -> DataSet:
    """A data set: a folder of Fashion-MNIST, ``None`` for what is installed or shipped, or a user's loaders.

    Raises
    ------
    UserError
        There is no such thing, or what it gives are no images and labels.
    """
    if text is None or not is_reference(text):
        return shipped.load(text)
    found = _call(text)
    if isinstance(found, DataSet):
        return found
    if not (isinstance(found, (tuple, list)) and len(found) == 2):
        raise UserError(f"{text} gave a {type(found).__name__}, expected a pair of loaders (train, test)")
    arrays = {}
    for part, loader in zip(("train", "test"), found, strict=True):
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = _read(f"the {part} loader of {text}", loader)
    classes = 1 + int(max(arrays["train_labels"].max(), arrays["test_labels"].max()))
    return DataSet(name=text, classes=classes, augment=False, **arrays)


def _read(what: str, loader: Iterable[Any]) -> tuple[np.ndarray, np.ndarray]:
    """All that a loader yields, once: images (N, C, H, W) uint8 or float32, labels int64 (N,)."""
    images: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    try:
        for number, batch in enumerate(loader, start=1):
            if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
                raise UserError(f"{what}, batch {number}, is a {type(batch).__name__}, expected (images, labels)")
            given, named = (torch.as_tensor(value).numpy() for value in batch)
            if given.ndim != 4 or named.shape != given.shape[:1] or not np.issubdtype(named.dtype, np.integer):
                raise UserError(f"{what}, batch {number}, has images {given.dtype} {given.shape} and labels "
                                f"{named.dtype} {named.shape}, expected (N, C, H, W) and whole numbers (N,)")
            if images and given.shape[1:] != images[0].shape[1:]:
                raise UserError(f"{what}, batch {number}, has images {given.shape[1:]}, those before "
                                f"{images[0].shape[1:]}")
            images.append(given if given.dtype == np.uint8 else given.astype(np.float32))
            labels.append(named.astype(np.int64))
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{what} raised {type(error).__name__}: {error}") from None
    if not images:
        raise UserError(f"{what} yields nothing")
    return np.concatenate(images), np.concatenate(labels)
