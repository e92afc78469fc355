"""The files that steps of a run leave and take: whether they are still what they were."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from zerokeep.errors import UserError
from zerokeep.run_steps import Result
from zeroskip.files.reading import ReadError, read_bytes

if TYPE_CHECKING:
    from zerokeep.dataset import DataSet


def data_digest(data: DataSet) -> str:
    """SHA-256 of the images and labels."""
    found = hashlib.sha256()
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        array = getattr(data, name)
        found.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()


def model_is_whole(folder: Path, result: Result) -> bool:
    """Whether the model folder is the one that the step left."""
    from zerokeep import model_folder

    try:
        return dict(model_folder.read(folder).info)["files"] == result["files"]
    except UserError:
        return False


def verilog_is_whole(folder: Path, result: Result) -> bool:
    """Whether the Verilog is, and has its sidecar."""
    try:
        text = read_bytes(folder / result["verilog"])
        return hashlib.sha256(text).hexdigest() == result["sha256"] and (folder / result["sidecar"]).is_file()
    except (ReadError, KeyError, TypeError):
        return False
