"""Which output pixels each group has in each block: what the packer, the cycle model and the decoder agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.arrangement import Arrangement


@dataclass(frozen=True, kw_only=True)
class BlockGrid:
    """Blocks of ``rows x (cols * P)`` output pixels, or with `raster` of ``cols * P`` pixels one after the other.

    `size` is (OH, OW).
    """

    arrangement: Arrangement
    pixels: int
    size: tuple[int, int]

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns from one block to the next; raster: full rows and the columns over."""
        across = self.arrangement.cols * self.pixels
        return divmod(across, self.size[1]) if self.arrangement.raster else (self.arrangement.rows, across)

    @property
    def across(self) -> int:
        """Blocks side by side; raster: all of them."""
        height, width = self.size
        return -(-(height * width if self.arrangement.raster else width) // (self.arrangement.cols * self.pixels))

    @property
    def count(self) -> int:
        """Blocks of an image."""
        return self.across * (1 if self.arrangement.raster else -(-self.size[0] // self.arrangement.rows))

    def offset(self, group: int) -> tuple[int, int]:
        """(row, col) of a group's first pixel less the block's, where no groups have changed places."""
        _, row, col = self.arrangement.place(group)
        return divmod(col * self.pixels, self.size[1]) if self.arrangement.raster else (row, col * self.pixels)

    def places(self, group: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(row, col, valid) of what `group` does where no groups have changed places, each (blocks, P)."""
        height, width = self.size
        _, row, col = self.arrangement.place(group)
        block, pixel = np.arange(self.count)[:, None], np.arange(self.pixels)
        if self.arrangement.raster:
            y, x = np.divmod((block * self.arrangement.cols + col) * self.pixels + pixel, width)
        else:
            down, across = np.divmod(block, self.across)
            y = down * self.arrangement.rows + row + 0 * pixel
            x = (across * self.arrangement.cols + col) * self.pixels + pixel
        return y, x, (y < height) & (x < width)

    def exchange(self, images: int) -> np.ndarray:
        """Int (images * blocks, groups): group g does in this block what that group does elsewhere."""
        image, block = np.divmod(np.arange(images * self.count), self.count)
        down, across = np.divmod(block, self.across)
        flip_cols, flip_rows = self.arrangement.flips
        mask = ((down + image) & 1) * flip_cols ^ ((across + (image >> 1)) & 1) * flip_rows
        groups = self.arrangement.splits * self.arrangement.rows * self.arrangement.cols
        return np.asarray(mask[:, None] ^ np.arange(groups))
