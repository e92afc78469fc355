"""What a zero-skip array takes of an FPGA, estimated: LUTs by a linear model, multipliers and block memories counted.

The coefficients are from yosys' counts (``synth_ecp5``) of twelve configurations from 1 to 64 multipliers;
``python -m benchmarks.area`` measures them again and shows how far the model is off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amaranth.utils import ceil_log2

from zeroskip.config import ArrayConfig
from zeroskip.feature_map import FLAGGED_BITS
from zeroskip.lists import halves
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.wire import WORD_CHANNELS

GROUP_TERMS = ("group", "lane", "column", "multiplier")
OUTSIDE_TERMS = ("array", "bank", "group", "builder", "unit", "unit_pixel")
COEFFICIENTS: dict[str, float] = {
    "lane": 378, "column": 213, "multiplier": 130, "array": 2326, "bank": 217, "group": 325, "builder": 96,
    "unit": 218, "unit_pixel": 226,
}
"""LUTs for each, memories of LUTs not counted. ``column``: the second one of a window, in each lane; ``bank``: of the
memories of the map; ``array`` is there once; ``builder``: of lists."""

SHAPES = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
"""Rows and bits of a block memory."""
CELL_LUTS = {"LUT4": 1, "CCU2C": 2, "DPR16X4": 6}
"""LUTs that a cell of an ECP5 takes: a carry cell two, a LUT memory of 16 x 4 three slices of two."""
LIST_BITS, POINTER_BITS, VALUE_BITS = 12, 16, 9
"""Of a list entry a lane keeps the weight and which of its filters it is."""
PARAMETER_SETS, PARAMETER_ROWS, PARAMETER_BITS = 4, 16, 56
"""Requantisation: sets that are there at a time, rows of a lane in each, bits of a filter."""


@dataclass(frozen=True, kw_only=True)
class Area:
    """LUTs (before packing), multipliers and block memories of 18 kbit."""

    luts: int
    multipliers: int
    memories: int


def luts_of(cells: Mapping[str, int]) -> int:
    """LUTs that yosys' cells for an ECP5 take."""
    return sum(luts * cells[cell] for cell, luts in CELL_LUTS.items())


def terms(config: ArrayConfig) -> dict[str, int]:
    """How often each of the terms is there."""
    return {
        "lane": config.groups * config.lanes,
        "column": config.groups * config.lanes * (config.columns - 1),
        "multiplier": config.multipliers, "array": 1, "bank": config.banks, "group": config.groups,
        "builder": halves(config) * config.lanes,
        "unit": config.output_units, "unit_pixel": config.output_units * config.pixels,
    }


def memories(config: ArrayConfig) -> list[tuple[int, int, int]]:
    """Every memory that depends on the configuration's depths: (how many, rows, bits that are used)."""
    lanes, units, banks = config.groups * config.lanes, config.output_units, config.banks
    return [
        (lanes, config.list_entries, LIST_BITS), (lanes, config.words * WORD_CHANNELS, POINTER_BITS),
        (lanes * banks, config.value_lines * WORD_CHANNELS, VALUE_BITS),
        (lanes, config.result_rows, config.acc_width * config.pixels),
        (banks, config.map_positions // banks, FLAGGED_BITS), (1, config.windows, 8 * BEAT_BYTES),
        (units, PARAMETER_SETS * PARAMETER_ROWS * lanes // units, PARAMETER_BITS),
    ]


def settled(config: ArrayConfig) -> list[tuple[int, int, int, bool]]:
    """Memories of which it is settled whether they lie in LUTs (the last): queues, occupancy, zeros of the map."""
    lanes = config.groups * config.lanes
    queued = WORD_CHANNELS * config.columns + 1 + ceil_log2(config.words) + ceil_log2(config.value_positions)
    return [(lanes, config.queue_words, queued + (config.pixels if config.pixels > 1 else 0), True),
            (lanes * config.columns, config.words, WORD_CHANNELS, config.masks_in_luts),
            (config.banks, config.value_lines, WORD_CHANNELS, False)]


def _all_memories(config: ArrayConfig) -> list[tuple[int, int, int, bool]]:
    return [(*own, in_luts(*own[1:])) for own in memories(config)] + settled(config)


def blocks(rows: int, bits: int) -> int:
    """Block memories of 18 kbit for one memory with a write port and a read port, in the best of their shapes."""
    return min(-(-rows // depth) * -(-bits // width) for depth, width in SHAPES)


def lut_cells(rows: int, bits: int) -> int:
    """LUT memories of 16 x 4 for the same."""
    return -(-rows // 16) * -(-bits // 4)


def in_luts(rows: int, bits: int) -> bool:
    """Whether yosys takes LUT memories: where sixteen of them, or fewer, do the work of a block."""
    return lut_cells(rows, bits) <= 16 * blocks(rows, bits)


def estimate(config: ArrayConfig, coefficients: Mapping[str, float] = COEFFICIENTS) -> Area:
    """The area of the zero-skip array of a configuration, with its loader, counters and registers."""
    logic = sum(coefficients[name] * number for name, number in terms(config).items())
    return Area(luts=round(logic + memory_luts(config)),
                multipliers=config.multipliers + 2 * config.output_units * config.pixels,
                memories=sum(count * blocks(rows, bits) for count, rows, bits, luts in _all_memories(config)
                             if not luts))


def memory_luts(config: ArrayConfig) -> int:
    """LUTs of those of `memories` that are made of LUTs."""
    return sum(count * luts_of({"LUT4": 0, "CCU2C": 0, "DPR16X4": lut_cells(rows, bits)})
               for count, rows, bits, luts in _all_memories(config) if luts)
