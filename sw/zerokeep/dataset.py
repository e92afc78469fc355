"""Images and labels to train, to calibrate and to test on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zerokeep.errors import UserError

PIXEL_SCALE = float(np.float32(1.0 / 255.0))
"""A pixel's code times this is the number the network sees: the code 0 is the number 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSet:
    """Images and labels for training and for testing.

    Parameters
    ----------
    name
        Where they came from, for the report.
    train_images, test_images
        (N, C, H, W): uint8, which the network sees as pixel / 255, or float32, which it sees as they are.
    train_labels, test_labels
        int64 (N,), from 0.
    classes
        How many there are.
    augment
        Whether training mirrors images and moves them by a pixel.

    Raises
    ------
    UserError
        An array has the wrong type, shape or range; the message names it.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: int = 10
    augment: bool = True

    def __post_init__(self) -> None:
        """Check types, shapes and ranges."""
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if images.dtype not in (np.uint8, np.float32) or images.ndim != 4 or 0 in images.shape:
                raise UserError(
                    f"the {part} images of {self.name} are {images.dtype} {images.shape}, "
                    "expected uint8 or float32 (N, C, H, W)"
                )
            if images.dtype == np.float32 and not np.isfinite(images).all():
                raise UserError(f"the {part} images of {self.name} are not all finite")
            if labels.shape != (len(images),):
                raise UserError(
                    f"{self.name} has {len(images)} {part} images but labels of shape {labels.shape}"
                )
            if labels.min() < 0 or labels.max() >= self.classes:
                raise UserError(f"the {part} labels of {self.name} must be 0..{self.classes - 1}")
        kinds = [(images.dtype, images.shape[1:]) for images in (self.train_images, self.test_images)]
        if kinds[0] != kinds[1]:
            raise UserError(f"{self.name} trains on images {kinds[0]} but tests on {kinds[1]}")

    def check_answers(self, shape: tuple[int, ...]) -> None:
        """See that a network which answers (N, *`shape`) can tell all classes apart; else a UserError."""
        if len(shape) != 1:
            raise UserError(f"the network answers {('N', *shape)}, expected (N, classes); a network for maps, or with "
                            "axes of one left at its end, cannot be tested on labels")
        if shape[0] < self.classes:
            raise UserError(f"the network has {shape[0]} output{'s' * (shape[0] != 1)}, the labels of {self.name} are "
                            f"of {self.classes} classes: give it an output for each class")

    @property
    def counts(self) -> tuple[int, int]:
        """(training images, test images)."""
        return len(self.train_images), len(self.test_images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width

    def fitted(self, shape: tuple[int, int, int]) -> DataSet:
        """The same for a network that takes images of `shape`: padded with zeros all around where they are smaller.

        Raises
        ------
        UserError
            The images are larger, have other channels, or the padding is not the same on both sides.
        """
        more = [(wanted - found) / 2 for wanted, found in zip(shape[1:], self.shape[1:], strict=True)]
        if shape[0] != self.shape[0] or any(pad < 0 or pad != int(pad) for pad in more):
            raise UserError(f"the network takes images of {shape}, those of {self.name} are {self.shape}")
        if not any(more):
            return self
        pads = ((0, 0), (0, 0), *((int(pad), int(pad)) for pad in more))
        return replace(self, train_images=np.pad(self.train_images, pads), test_images=np.pad(self.test_images, pads))
