"""How many cells a memory takes, against a search over everything that fits."""

from __future__ import annotations

import pytest

from zeroskip.gateware.primitives.block_memory import SIMPLE_DUAL, TRUE_DUAL, fewest_cells


@pytest.mark.parametrize("shapes", [TRUE_DUAL, SIMPLE_DUAL], ids=["true", "simple"])
def test_no_row_of_cells_is_shorter(shapes):
    for depth in (1, 2, 511, 512, 513, 1024, 1025, 2048, 2049, 4096, 8191, 8193, 16384):
        for width in range(1, 80):
            row = fewest_cells(width=width, depth=depth, shapes=shapes)
            assert row.shape.rows >= depth and row.shape.width * row.cells >= width
            for shape in shapes:
                if shape.rows >= depth:
                    cells = next(count for count in range(1, 81) if shape.width * count >= width)
                    assert (row.cells, row.shape.width) <= (cells, shape.width)


@pytest.mark.parametrize("width", [1, 9, 10, 35, 36, 37, 72])
def test_slices_are_the_whole_width(width):
    row = fewest_cells(width=width, depth=512, shapes=SIMPLE_DUAL)
    bits = [bit for part in row.slices() for bit in range(part.start, part.stop)]
    assert bits == list(range(width)) and len(row.slices()) == row.cells


def test_pins_below_an_address():
    """What is left of fourteen pins once they address the rows: those enable bytes, or choose bits of a word."""
    assert [(shape.width, shape.unused_address_pins, shape.byte_enables) for shape in SIMPLE_DUAL] == [
        (1, 0, 0), (2, 1, 0), (4, 2, 0), (9, 3, 0), (18, 4, 2), (36, 5, 4)]


def test_too_deep():
    with pytest.raises(ValueError, match=r"^depth must be at most 16384, not 16385$"):
        fewest_cells(width=1, depth=16385, shapes=TRUE_DUAL)
