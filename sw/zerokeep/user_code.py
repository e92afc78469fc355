"""A user's own network and data: ``package.module:factory`` and ``package.module:loaders``."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from zerokeep import data as shipped
from zerokeep.dataset import DataSet
from zerokeep.errors import UserError, described
from zerokeep.models import MODELS, Base, load_base
from zeroskip.files.memory import check as check_memory
from zeroskip.files.process import interrupted

_folders: set[Path] = set()
"""Where the user's modules lie that were imported."""
_TRACED = "<eval_with_key>"
"""How torch.fx calls the code that it makes of a network."""


def is_reference(text: str) -> bool:
    """Whether it names a function in a module, and no file."""
    module, _, name = text.partition(":")
    return name.isidentifier() and all(part.isidentifier() for part in module.split(".")) and not os.path.exists(text)


@contextlib.contextmanager
def running(what: str) -> Iterator[None]:
    """Turn whatever a user's code raises, exits and interrupts of its own included, into a UserError that names it."""
    try:
        yield
    except UserError:
        raise
    except BaseException as error:
        if interrupted() is not None:
            raise
        raise UserError(f"{what} raised {described(error)}") from None


def place_in_users_code(error: BaseException) -> str | None:
    """File and line of the user's code that an exception came from or through; ``None`` where it did not."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _folders and frame.filename.startswith(_TRACED):
            return "the network, as torch.fx traced it,"
        path = Path(frame.filename)
        if any(folder in path.parents for folder in _folders) and not any(
                Path(root) in path.parents for root in _not_the_users()):
            return f"{path.name}, line {frame.lineno},"
    return None


def _not_the_users() -> set[str]:
    """Folders below which no code of the user lies, though the user's folder may be above them."""
    here = Path(__file__).resolve().parents[2]
    own = {str(here / package) for package in ("sw", "sim", "hw")}
    return own | {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}


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
    with running(f"importing {module} for {reference}"):
        try:
            imported = importlib.import_module(module)
        except ImportError as error:
            raise UserError(f"cannot import {module} for {reference}: {error}") from None
    if getattr(imported, "__file__", None):
        _folders.add(Path(str(imported.__file__)).parent)
    with running(f"{reference}"):
        found = getattr(imported, name, None)
    if found is None:
        raise UserError(f"the module {module} has no {name}")
    if not callable(found):
        raise UserError(f"{reference} is a {type(found).__name__}, expected a function")
    return found


def _call(reference: str) -> Any:
    function = fetch(reference)
    with running(reference):
        return function()


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
    from zerokeep.onnx_float import own_names, to_module

    file = onnx_read.read(text)
    if file.is_quantised:
        raise UserError(f"{text} is quantised already: 'zerokeep import {text}' takes it as it is")
    if len(file.shape) != 3:
        raise UserError(f"{text} takes inputs of {file.shape}, expected (C, H, W)")
    channels, height, width = file.shape
    return Base(name=Path(text).stem, module=to_module(file), input_shape=(channels, height, width), source=text,
                names=own_names(file))


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
    size = 0
    with running(what):
        for number, batch in enumerate(loader, start=1):
            if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
                raise UserError(f"{what}, batch {number}, is a {type(batch).__name__}, expected (images, labels)")
            given, named = (torch.as_tensor(value).numpy() for value in batch)
            whole = np.issubdtype(named.dtype, np.integer)
            if given.ndim != 4 or 0 in given.shape or named.shape != given.shape[:1] or not whole:
                raise UserError(f"{what}, batch {number}, has images {given.dtype} {given.shape} and labels "
                                f"{named.dtype} {named.shape}, expected (N, C, H, W) and whole numbers (N,)")
            if images and given.shape[1:] != images[0].shape[1:]:
                raise UserError(f"{what}, batch {number}, has images {given.shape[1:]}, those before "
                                f"{images[0].shape[1:]}")
            images.append(given if given.dtype == np.uint8 else given.astype(np.float32))
            labels.append(named.astype(np.int64))
            size += images[-1].nbytes
            check_memory(2 * size, what)
    if not images:
        raise UserError(f"{what} yields nothing")
    return np.concatenate(images), np.concatenate(labels)
