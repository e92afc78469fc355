"""Shapes of what travels from the sequencer to the groups."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from zeroskip.wire import WORD_CHANNELS

WORD_BITS = 12
"""Bits of a word's number in the window table."""


def window_shape(groups: int, pixels: int, columns: int = 1) -> data.StructLayout:
    """One window on the broadcast bus.

    Fields
    ------
    want
        Mask of the groups that take it; 0 where there is none in this cycle.
    parts
        For each of the `columns`, the groups that take it; of one column the same as `want`.
    marker
        Not a window: the block ends here (`want` has all groups).
    flip
        Groups have changed places over columns (bit 0), over rows (bit 1).
    word
        Number of the word; each group takes off its own offset.
    mask
        Channels worth visiting, column by column: any of the pixels non-zero, or all where zero activations are only
        gated. A marker's flags: bit 0, the block's sums are results; bit 1, the next block starts from zero.
    data
        ``pixels`` or ``columns`` words of 16 bytes, channel c of pixel or column p at ``[p][c]``.
    """
    return data.StructLayout({
        "want": unsigned(groups),
        "parts": data.ArrayLayout(unsigned(groups), columns),
        "marker": unsigned(1),
        "flip": unsigned(2),
        "word": unsigned(WORD_BITS),
        "mask": unsigned(WORD_CHANNELS * columns),
        "data": data.ArrayLayout(data.ArrayLayout(unsigned(8), WORD_CHANNELS), pixels * columns),
    })


WindowRow = data.StructLayout({
    "offset": unsigned(32),
    "dy": unsigned(16),
    "dx": unsigned(16),
    "want": unsigned(32),
    "word": unsigned(16),
    "shift": unsigned(16),
})
"""A row of the window table as it travels (see the wire format)."""
