"""How large a layer and its maps may be: the one place for the bounds that files are held to before they are read."""

from __future__ import annotations

KERNEL = (1, 255)
"""A side of a kernel, lowest and highest; dilated, it may not be larger either."""
STRIDE = (1, 64)
PADDING = (0, 64)
"""On each side of a map."""
DILATION = (1, 64)
MOST_FILTERS = 65_536
MOST_CHANNELS = 65_536
MOST_SIDE = 16_384
"""Rows or columns of a map."""
MOST_NUMBERS = 1 << 28
"""Numbers of a map, for one image, or of an array of weights."""
