"""What an engine takes of a chip, against yosys' counts of the presets (``python -m benchmarks.area`` makes them)."""

import dataclasses

import pytest

from zeroskip.area import blocks, estimate, memories
from zeroskip.spec.config import PRESETS

MEMORIES = {"base": 109, "large": 208}
"""Block memories by yosys."""


@pytest.mark.parametrize("preset", MEMORIES)
def test_block_memories_are_counted(preset):
    assert memories(PRESETS[preset]) == MEMORIES[preset]


def test_multipliers_with_those_of_the_requantisers():
    assert estimate(PRESETS["base"]).multipliers == 80
    assert estimate(PRESETS["large"]).multipliers == 160 - PRESETS["large"].lean == 156


@pytest.mark.parametrize(("rows", "bits", "count"), [(2048, 9, 1), (2049, 9, 2), (512, 36, 1), (4096, 54, 12)])
def test_blocks_in_the_best_shape(rows, bits, count):
    from zeroskip.area import SIMPLE_DUAL

    assert blocks(rows, bits, SIMPLE_DUAL) == count


@pytest.mark.parametrize("name", ["lanes", "look", "ways", "map_words", "list_words"])
def test_more_of_anything_takes_no_less(name):
    base = PRESETS["base"]
    more = dataclasses.replace(base, **{name: 2 * getattr(base, name)})
    before, after = estimate(base), estimate(more)
    assert after.luts >= before.luts and after.memories >= before.memories
    assert (after.luts, after.memories) != (before.luts, before.memories)
