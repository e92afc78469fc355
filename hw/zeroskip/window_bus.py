"""Shapes of what travels from the sequencer to the groups."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from zeroskip.config import ArrayConfig

WORD_BITS = 12
"""Bits of a word's number in the window table."""

ROOM = 4
"""So much room in a group is told apart: three words may be on their way to it when the next is issued."""
ROOM_LATENCY = 2
"""Cycles from a word on the bus to what its group says of room: words of that time are counted by who sends them."""


def window_shape(config: ArrayConfig) -> data.StructLayout:
    """One window on the broadcast bus; its mask comes one cycle later, on wires of its own.

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
    position
        Of its first pixel in the value memories.
    inside
        Mask of the pixels that lie in the map.
    """
    return data.StructLayout({
        "want": unsigned(config.groups),
        "parts": data.ArrayLayout(unsigned(config.groups), config.columns),
        "marker": unsigned(1),
        "flip": unsigned(2),
        "word": unsigned(WORD_BITS),
        "position": range(config.value_positions),
        "inside": unsigned(config.pixels),
    })


WindowRow = data.StructLayout({
    "offset": unsigned(16),
    "plane": unsigned(16),
    "dy": unsigned(16),
    "dx": unsigned(16),
    "want": unsigned(32),
    "word": unsigned(16),
    "shift": unsigned(16),
})
"""A row of the window table as it travels (see the wire format)."""
