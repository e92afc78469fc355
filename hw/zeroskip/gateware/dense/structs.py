"""Structures that the parts of the dense array hand each other."""

from __future__ import annotations

from amaranth.hdl import Value, signed, unsigned
from amaranth.lib import data
from amaranth.utils import ceil_log2

from zeroskip.gateware.structs import struct_of
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense import CHANNELS
from zeroskip.spec.dense_program import LAYER, PARAMETER, Mode

ACTIVATION_BITS, WEIGHT_BITS = 9, 8
ADDRESS_BITS = 16
COORDINATE_BITS = 10
"""Of a row or a column of a map."""
ROW_BITS = 12
"""Of a row or a column of a map, less or more a tap's: signed."""
OFFSET_BITS = 14
LAST_CHANNEL_BITS = ceil_log2(CHANNELS)

LAYER_LAYOUT = struct_of(LAYER)
"""The configuration registers."""
PARAMETER_LAYOUT = struct_of(PARAMETER)
TABLE_WRITE = data.StructLayout({
    "valid": 1,
    "kind": unsigned(3),
    "address": unsigned(ADDRESS_BITS),
    "data": unsigned(8 * BEAT_BYTES),
})
"""One row for one of the tables; `kind`, a ``Section``, says which."""
TAP_LAYOUT = data.StructLayout({
    "offset": OFFSET_BITS,
    "dy": signed(ROW_BITS),
    "dx": signed(ROW_BITS),
    "last_channel": LAST_CHANNEL_BITS,
})
"""What is kept of a row of the tap table: everything modulo the size of the memory; channels less one."""
STEP = data.StructLayout({
    "tap": TAP_LAYOUT,
    "channel": LAST_CHANNEL_BITS,
    "first": 1,
    "last": 1,
    "block_end": 1,
})
"""One step: its tap and channel; the tap's first step; the last step of its pass; of its block."""


def pixel_layout(line_bits: int) -> data.StructLayout:
    """An output pixel: row, column, the line of its position ``row * pitch + column``, and whether it exists."""
    return data.StructLayout({"row": COORDINATE_BITS, "col": COORDINATE_BITS, "line": line_bits, "exists": 1})


def row_layout(pixels: int, acc_width: int, parameters: int) -> data.StructLayout:
    """A row of sums: of one filter, for each pixel; its parameters' address; whether the block ends."""
    return data.StructLayout({
        "acc": data.ArrayLayout(signed(acc_width), pixels),
        "param": range(parameters),
        "last": 1,
    })


def has(layer: data.View, mode: Mode) -> Value:
    """Whether a layer's mode has the flag `mode`."""
    return layer.mode[mode.bit_length() - 1]
