"""Fashion-MNIST: from a folder, from Debian's package, or from the subset that ships with this package."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from zerokeep.dataset import DataSet
from zerokeep.errors import UserError

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
SIZE = 28
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
SUBSET = Path(__file__).parent / "assets" / "fashion-mnist-subset.npz"
STEMS = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
FULL_COUNTS = (60_000, 10_000)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The uint8 array of an idx file, gzipped or not, with that many `dimensions`.

    Raises
    ------
    UserError
        The file cannot be read, or is no such idx file, or is shorter or longer than its header says.
    """
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    header = 4 + 4 * dimensions
    if len(raw) < header or raw[:4] != bytes((0, 0, 8, dimensions)):
        raise UserError(f"{path} is not an idx file of {dimensions} dimensions of bytes")
    shape = tuple(int(v) for v in np.frombuffer(raw, ">u4", dimensions, offset=4))
    expected = header + int(np.prod(shape, dtype=object))
    if len(raw) != expected:
        raise UserError(f"{path} is damaged: it has {len(raw)} bytes, its header says {expected}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape).copy()


def _find(folder: Path, stem: str) -> Path | None:
    """The idx file of that stem, in any of the names it is distributed under."""
    dotted = stem.replace("-idx", ".idx")
    for name in (f"{stem}.gz", stem, f"{dotted}.gz", dotted):
        if (folder / name).is_file():
            return folder / name
    return None


def load_folder(folder: str | os.PathLike[str], label: str = "folder") -> DataSet:
    """Fashion-MNIST from the four idx files in `folder` (gzipped or not): uint8 (N, 1, 28, 28), labels 0..9.

    Its name is ``"full (folder)"`` or ``"full (Debian package)"``, by `label`; with other counts than Fashion-MNIST's
    ``"partial (folder)"``.

    Raises
    ------
    UserError
        The folder or one of the files is missing or damaged.
    """
    base = Path(folder)
    if not base.is_dir():
        raise UserError(f"the data folder {base} does not exist, or is no folder")
    arrays: dict[str, Any] = {}
    for key, stem in STEMS.items():
        path = _find(base, stem)
        if path is None:
            raise UserError(f"the data folder {base} lacks {stem}.gz (or {stem})")
        arrays[key] = read_idx(path, 3 if key.endswith("images") else 1)
    for key in ("train_images", "test_images"):
        arrays[key] = arrays[key][:, None]
    for key in ("train_labels", "test_labels"):
        arrays[key] = arrays[key].astype(np.int64)
    for key in ("train_images", "test_images"):
        if arrays[key].shape[2:] != (SIZE, SIZE):
            raise UserError(f"{STEMS[key]} in {base} has images of {arrays[key].shape[2:]}, expected {(SIZE, SIZE)}")
    full = (len(arrays["train_images"]), len(arrays["test_images"])) == FULL_COUNTS
    return DataSet(name=f"{'full' if full else 'partial'} ({label})", **arrays)


def load_subset(path: Path = SUBSET) -> DataSet:
    """The class-balanced subset that ships with the package: 6,000 + 1,000 images.

    Raises
    ------
    UserError
        The file is missing or damaged.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in STEMS}
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(f"the shipped data {path} cannot be read: {error}") from None
    for key in ("train_labels", "test_labels"):
        arrays[key] = arrays[key].astype(np.int64)
    return DataSet(name="shipped subset", **arrays)


def make_subset(data: DataSet, path: Path, *, train_per_class: int = 600, test_per_class: int = 100) -> None:
    """Write the first images of each class, in their original order, as the subset's ``.npz``."""
    arrays = {}
    for part, count in (("train", train_per_class), ("test", test_per_class)):
        images, labels = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
        chosen = np.sort(np.concatenate([np.flatnonzero(labels == c)[:count] for c in range(len(CLASSES))]))
        arrays[f"{part}_images"] = images[chosen]
        arrays[f"{part}_labels"] = labels[chosen].astype(np.uint8)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def load(folder: str | os.PathLike[str] | None = None, *, debian: Path = DEBIAN_FOLDER) -> DataSet:
    """Fashion-MNIST from `folder`; else from Debian's package where it is installed; else the shipped subset.

    Raises
    ------
    UserError
        A folder was given, or the package is installed, and what is there is missing or damaged.

    >>> load().test_images.shape[1:]
    (1, 28, 28)
    """
    if folder is not None:
        return load_folder(folder)
    if all(_find(debian, stem) for stem in STEMS.values()):
        return load_folder(debian, "Debian package")
    return load_subset()
