"""What a vector engine takes of an ECP5: LUTs by a linear model, multipliers and block memories counted.

The coefficients are from yosys' counts of `base` by submodule, with the chip's own cells; ``python -m
benchmarks.area`` shows how far the model is off on other configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zeroskip.spec import timing
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import instruction_bits

COEFFICIENTS: dict[str, float] = {
    "array": 2000, "bank": 20, "lane": 1035, "multiplier": 62, "rotation": 3.4, "entry": 95, "way": 390,
    "lean": 200,
}
"""LUTs for each, see `terms`."""
TRUE_DUAL = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18))
SIMPLE_DUAL = (*TRUE_DUAL, (512, 36))
"""Rows and bits of a block memory, with two ports that read and write, and with a port for each."""
STORED_BITS = 9
"""Of a position of the map: its code, and whether it is zero."""
REQUANTISER_MULTIPLIERS = 2
"""Of each way out."""


@dataclass(frozen=True, kw_only=True)
class Area:
    """LUTs (before packing), multipliers and block memories of 18 kbit."""

    luts: int
    multipliers: int
    memories: int


def terms(config: EngineConfig) -> dict[str, int]:
    """How often each of the terms is there.

    ``array``: once, with loader, counters and registers; ``bank``: of the maps' copies; ``rotation``: eight bits of a
    level of a lane's barrel; ``entry``: that a lane looks at in a cycle; ``way``: out of a lane; ``lean``: of these,
    those with a product of LUTs.
    """
    lanes, vector = config.lanes, config.vector
    return {"array": 1, "bank": config.banks * -(-lanes // 2), "lane": lanes, "multiplier": config.multipliers,
            "rotation": lanes * (vector + config.banks) * config.bank_bits, "entry": lanes * config.look,
            "way": lanes * config.ways, "lean": config.lean}


def blocks(rows: int, bits: int, shapes: tuple[tuple[int, int], ...]) -> int:
    """Block memories of 18 kbit for one memory, in the best of their shapes."""
    return min(-(-rows // depth) * -(-bits // width) for depth, width in shapes)


def memories(config: EngineConfig) -> int:
    """Block memories of 18 kbit."""
    lanes = config.lanes
    maps = -(-lanes // 2) * config.banks * 2 * blocks(config.map_words // 2, STORED_BITS, TRUE_DUAL)
    lists = lanes * blocks(config.list_words, config.list_word_bits, SIMPLE_DUAL)
    instructions = lanes * 2 * blocks(config.instructions, -(-instruction_bits(config) // 2), SIMPLE_DUAL)
    flags = lanes * 2 * blocks(config.map_words, config.flags, TRUE_DUAL) if config.look > 1 else 0
    waiting = timing.result_words(config)
    results = blocks(waiting, 9 * config.banks + config.word_bits + 1, SIMPLE_DUAL) if waiting > timing.SHALLOW else 0
    return maps + lists + instructions + flags + results


def estimate(config: EngineConfig, coefficients: Mapping[str, float] = COEFFICIENTS) -> Area:
    """The area of a vector engine, with its loader, counters and registers."""
    luts = sum(coefficients[name] * number for name, number in terms(config).items())
    return Area(luts=round(luts), memories=memories(config), multipliers=config.multipliers - config.lean
                + REQUANTISER_MULTIPLIERS * config.lanes * config.ways)
