"""Fashion-MNIST: from a folder, from Debian's package, or from the subset that ships with this package."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from zerokeep.dataset import DataSet
from zerokeep.errors import UserError
from zeroskip.files.memory import check as check_memory
from zeroskip.files.names import shown
from zeroskip.files.npz import read_npz
from zeroskip.files.reading import GzipOrPlain, ReadError
from zeroskip.files.writing import write_npz

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


MOST_IMAGES = 1_000_000


def read_idx(path: Path, image: tuple[int, ...] = ()) -> np.ndarray:
    """The uint8 array (N, *`image`) of an idx file, gzipped or not; its header is read and judged before its data.

    Raises
    ------
    UserError
        The file cannot be read, or is no such idx file, or is shorter or longer than its header says.
    """
    dimensions = 1 + len(image)
    header = 4 + 4 * dimensions
    name = shown(path)
    try:
        with GzipOrPlain(path) as file:
            head = file.read(header)
            if len(head) < header or head[:4] != bytes((0, 0, 8, dimensions)):
                raise UserError(f"{name} is not an idx file of {dimensions} dimensions of bytes")
            shape = tuple(int(v) for v in np.frombuffer(head, ">u4", dimensions, offset=4))
            if shape[1:] != image or shape[0] > MOST_IMAGES:
                raise UserError(f"{name} has a shape of {shape}, expected {('N', *image)} with N at most "
                                f"{MOST_IMAGES:,}")
            expected = math.prod(shape)
            check_memory(expected, name)
            raw = file.read(expected + 1)
    except ReadError as error:
        raise UserError(str(error)) from None
    if len(raw) != expected:
        found = f"more than {expected}" if len(raw) > expected else len(raw)
        raise UserError(f"{name} is damaged: it has {found} bytes of data, its header says {expected}")
    return np.frombuffer(raw, np.uint8).reshape(shape).copy()


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
        arrays[key] = read_idx(path, (SIZE, SIZE) if key.endswith("images") else ())
    for key in ("train_images", "test_images"):
        arrays[key] = arrays[key][:, None]
    for key in ("train_labels", "test_labels"):
        arrays[key] = arrays[key].astype(np.int64)
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
        arrays: dict[str, Any] = read_npz(path, tuple(STEMS))
    except ReadError as error:
        raise UserError(f"the shipped data cannot be read: {error}") from None
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
    write_npz(path, arrays)


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
