"""Configurations: presets, what goes together, and the errors by their text."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from zeroskip.config import BY_MULTIPLIERS, PRESETS, ArrayConfig, derive

TINY = PRESETS["tiny"]
TWO_COLUMNS = "columns can be 2 with one pixel and at most 16 groups alone"


def test_presets():
    assert {name: config.multipliers for name, config in PRESETS.items()} == {
        "tiny": 4, "small": 16, "base": 64, "large": 128, "fine": 64}
    assert PRESETS["fine"].pixels == 1 and PRESETS["fine"].columns == 2
    for number, name in BY_MULTIPLIERS.items():
        assert PRESETS[name].multipliers == number
        assert PRESETS[name].dense_filters * PRESETS[name].dense_pixels == number
    assert all(config.bus_bytes == 16 for config in PRESETS.values())


@pytest.mark.parametrize("field", [field.name for field in fields(ArrayConfig)])
@pytest.mark.parametrize("value", [0, -1, 1.0, "4", True, None])
def test_positive_integers(field, value):
    with pytest.raises(TypeError, match=f"^{field} must be a positive integer, not {re.escape(repr(value))}$"):
        replace(TINY, **{field: value})


@pytest.mark.parametrize("field", ["pixels", "columns", "dense_filters", "dense_pixels", "queue_words",
                                   "value_positions", "lane_filters", "result_rows", "map_positions", "windows",
                                   "words", "list_entries", "dense_weights"])
def test_powers_of_two(field):
    with pytest.raises(ValueError, match=f"^{field} must be a power of two, not 12$"):
        replace(TINY, **{field: 12})


@pytest.mark.parametrize(("changes", "message"), [
    ({"groups": 33}, "groups must be in 1..32, not 33"),
    ({"lanes": 9}, "lanes must be in 1..8, not 9"),
    ({"pixels": 16}, "pixels must be in 1..8, not 16"),
    ({"columns": 4}, "columns must be in 1..2, not 4"),
    ({"columns": 2}, f"{TWO_COLUMNS}, not with 2 and 1"),
    ({"columns": 2, "pixels": 1, "groups": 32}, f"{TWO_COLUMNS}, not with 1 and 32"),
    ({"acc_width": 27}, "acc_width must be in 28..32, not 27"),
    ({"acc_width": 33}, "acc_width must be in 28..32, not 33"),
    ({"lane_filters": 32}, "lane_filters must be in 2..16, not 32"),
    ({"value_positions": 16}, "value_positions must be in 32..4096, not 16"),
    ({"value_positions": 8192}, "value_positions must be in 32..4096, not 8192"),
    ({"queue_words": 1}, "queue_words must be in 2..32, not 1"),
    ({"queue_words": 64}, "queue_words must be in 2..32, not 64"),
    ({"result_rows": 16}, "result_rows must be at least twice the 16 filters of a lane, not 16"),
    ({"list_entries": 1}, "list_entries must be in 2..4096, not 1"),
    ({"list_entries": 8192}, "list_entries must be in 2..4096, not 8192"),
    ({"dense_filters": 32}, "dense_filters must be in 1..16, not 32"),
    ({"dense_pixels": 16}, "dense_pixels must be in 1..8, not 16"),
    ({"map_positions": 32768}, "map_positions must be in 8..16384, not 32768"),
    ({"map_positions": 4}, "map_positions must be in 8..16384, not 4"),
    ({"windows": 4096}, "windows must be in 1..2048, not 4096"),
    ({"words": 8192}, "words must be in 1..4096, not 8192"),
    ({"output_units": 2}, "output_units must divide the 1 groups, not 2"),
    ({"groups": 4, "output_units": 3}, "output_units must divide the 4 groups, not 3"),
    ({"dense_filters": 4}, "dense_filters * dense_pixels must be the 4 multipliers of the zero-skip array, not 8"),
])
def test_what_does_not_go_together(changes, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        replace(TINY, **changes)


def test_derive():
    """Two presets are what it gives; every shape is possible up to the largest dense array."""
    assert derive(groups=4, lanes=4, pixels=4) == PRESETS["base"]
    assert derive(groups=16, lanes=4, pixels=1) == PRESETS["fine"]
    for groups in (1, 2, 4, 8, 16, 32):
        for lanes in (1, 2, 4, 8):
            for pixels in (1, 2, 4, 8):
                if groups * lanes * pixels <= 128:
                    config = derive(groups=groups, lanes=lanes, pixels=pixels)
                    assert config.output_units * config.pixels <= 16
                    assert config.dense_filters // config.dense_pixels in (1, 2)
    assert derive(groups=2, lanes=2, pixels=4, result_rows=32, output_units=1).result_rows == 32


@pytest.mark.parametrize(("shape", "kind", "message"), [
    ((3, 1, 1), ValueError, "groups must be a power of two, not 3"),
    ((1, 1, 0), TypeError, "pixels must be a positive integer, not 0"),
    ((16, 4, 4), ValueError, "groups * lanes * pixels must be at most 128, not 256"),
    ((1, 16, 1), ValueError, "lanes must be in 1..8, not 16"),
])
def test_derive_refuses(shape, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        derive(**dict(zip(("groups", "lanes", "pixels"), shape, strict=True)))


def test_frozen_and_by_keyword():
    with pytest.raises(FrozenInstanceError):
        TINY.groups = 2
    with pytest.raises(TypeError):
        ArrayConfig(1, 2, 2, 1, 2, 2)
    assert replace(TINY) == TINY and hash(replace(TINY)) == hash(TINY)
