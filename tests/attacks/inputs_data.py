"""Folders of a data set: four idx files, gzipped or not."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from tests.attacks.case import Case, Content, case, fifo, folder, link_to
from tests.attacks.ingredients import data_folder, gzipped_zeros, idx, model

IMAGES = idx(8, (20, 28, 28), bytes(20 * 28 * 28))
COMMANDS = ("predict model --data data", "run --data data --out out", "prune --data data --out out",
            "train --data data --out out/base.safetensors", "fit model --data data", "simulate model --data data",
            "import x.onnx --data data --out out")
"""What reads such a folder; `import` comes to it only after its file, which is not tried here."""
HEAD = IMAGES[:16]


def _with_4_gb_more(path: Path) -> None:
    path.write_bytes(IMAGES)
    os.truncate(path, 1 << 32)


def _huge(count: int) -> bytes:
    return idx(8, (count, 28, 28), bytes(784))


FILES: list[tuple[str, str, Content | None, str]] = [
    ("no train images", "train_images", None, "lacks train-images-idx3-ubyte"),
    ("no test labels", "t10k_labels", None, "lacks t10k-labels-idx1-ubyte"),
    ("a FIFO", "train_images", fifo, "lacks train-images-idx3-ubyte"),
    ("a folder", "t10k_labels", folder, "lacks t10k-labels-idx1-ubyte"),
    ("a link to itself", "train_labels", link_to("train-labels-idx1-ubyte"), "lacks train-labels-idx1-ubyte"),
    ("a device", "train_images", link_to("/dev/zero"), "lacks train-images-idx3-ubyte"),
    ("an empty file", "train_images", b"", "is not an idx file"),
    ("text", "t10k_images", "no images\n" * 100, "is not an idx file"),
    ("another magic", "train_images", b"\x01" + IMAGES[1:], "is not an idx file"),
    ("images of floats", "train_images", idx(13, (20, 28, 28), bytes(4 * 20 * 784)), "is not an idx file"),
    ("labels as images", "train_images", idx(8, (20,), bytes(20)), "is not an idx file"),
    ("images as labels", "train_labels", IMAGES, "is not an idx file"),
    ("images of 27 x 28", "train_images", idx(8, (20, 27, 28), bytes(20 * 27 * 28)), "expected ('N', 28, 28)"),
    ("4 billion images", "train_images", _huge(2**32 - 1), "at most 1,000,000"),
    ("a million images that are not there", "train_images", _huge(1_000_000), "is damaged"),
    ("no image", "train_images", idx(8, (0, 28, 28), b""), "train images"),
    ("a header that is cut off", "t10k_images", IMAGES[:11], "is not an idx file"),
    ("data that are cut off", "t10k_images", IMAGES[:-1], "is damaged"),
    ("a byte too many", "t10k_images", IMAGES + b"\0", "more than 15680"),
    ("4 GB too many", "t10k_images", _with_4_gb_more, "more than 15680"),
    ("labels of 200", "train_labels", idx(8, (20,), bytes([200] * 20)), "must be 0..9"),
    ("19 labels for 20 images", "train_labels", idx(8, (19,), bytes(19)), "labels of shape (19,)"),
    ("gzip that is cut off", "train_images", gzip.compress(IMAGES)[:30], "cannot be read"),
    ("gzip with a wrong sum", "t10k_images", gzip.compress(IMAGES)[:-8] + bytes(8), "cannot be read"),
    ("gzip and nothing else", "t10k_images", b"\x1f\x8b", "cannot be read"),
    ("gzip of gzip", "train_images", gzip.compress(gzip.compress(IMAGES)), "is not an idx file"),
    ("a gzip bomb", "train_images", lambda path: path.write_bytes(gzipped_zeros(1 << 29)), "is not an idx file"),
    ("a gzip bomb behind a good header", "train_images",
     lambda path: path.write_bytes(gzipped_zeros(1 << 29, HEAD)), "more than 15680"),
]
"""Name, which file, its content, what must be said."""

PLACES: list[tuple[str, dict[str, Content], str]] = [
    ("no folder", {}, "does not exist, or is no folder"),
    ("an empty folder", {"data": folder}, "lacks"),
    ("a file", {"data": b"images"}, "does not exist, or is no folder"),
    ("a FIFO in its place", {"data": fifo}, "does not exist, or is no folder"),
    ("a link to itself", {"data": link_to("data")}, "data"),
]


def cases() -> list[Case]:
    """Through the verbs that read data, in turn."""
    made = []
    for number, (name, key, content, says) in enumerate(FILES):
        command = COMMANDS[number % 6]
        files = data_folder(**{key: content}) | (model() if " model" in command else {})
        made.append(case(f"{command.split()[0]}, data, {key}: {name}", command, says, files))
    made += [case(f"{COMMANDS[number].split()[0]}, data: {name}", COMMANDS[number], says, model() | files)
             for number, (name, files, says) in enumerate(PLACES)]
    return made
