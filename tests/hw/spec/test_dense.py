"""Parameters of the dense array: ranges, presets, sizes that follow."""

from __future__ import annotations

import re

import pytest

from zeroskip.spec.config import PRESETS as ENGINES
from zeroskip.spec.dense import PRESETS, DenseConfig, code_rows, raw_beats, raw_rows


def test_presets_have_as_many_multipliers_as_the_vector_engine():
    assert {name: config.multipliers for name, config in PRESETS.items()} == {
        name: config.multipliers for name, config in ENGINES.items()}


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "2"])
@pytest.mark.parametrize("field", ["filters", "pixels", "acc_width", "map_positions", "taps", "weights", "parameters"])
def test_positive_integers(field, value):
    with pytest.raises(TypeError, match=f"^{field} must be a positive integer, not {re.escape(repr(value))}$"):
        DenseConfig(**{"filters": 2, "pixels": 2} | {field: value})


@pytest.mark.parametrize(("changes", "message"), [
    ({"filters": 3}, "filters must be a power of two, not 3"),
    ({"filters": 32}, "filters must be in 1..16, not 32"),
    ({"pixels": 16}, "pixels must be in 1..8, not 16"),
    ({"acc_width": 16}, "acc_width must be in 18..32, not 16"),
    ({"acc_width": 29}, "acc_width must be even, not 29"),
    ({"map_positions": 1000}, "map_positions must be a power of two, not 1000"),
    ({"map_positions": 4}, "map_positions must be in 8..16384, not 4"),
    ({"taps": 8192}, "taps must be in 1..4096, not 8192"),
    ({"weights": 1 << 19}, "weights must be in 1..262144, not 524288"),
    ({"parameters": 5000}, "parameters must be in 1..4096, not 5000"),
])
def test_ranges(changes, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DenseConfig(**{"filters": 2, "pixels": 2} | changes)


@pytest.mark.parametrize(("filters", "pixels", "codes", "raw", "drain", "fifo"), [
    (1, 1, 1, 1, 1, 16), (2, 2, 1, 1, 2, 16), (8, 8, 4, 16, 16, 16), (16, 8, 8, 32, 32, 32)])
def test_passes(filters, pixels, codes, raw, drain, fifo):
    """Beats of a pass, as codes and as sums; cycles that its sums take to leave."""
    config = DenseConfig(filters=filters, pixels=pixels)
    assert (config.pass_beats(requantise=True), config.pass_beats(requantise=False)) == (codes, raw)
    assert config.drain_cycles(requantise=False) == drain and config.drain_cycles(requantise=True) == filters
    assert config.pass_spacing(requantise=True) == max(2, filters) and config.fifo_depth == fifo
    assert config.lines << (pixels - 1).bit_length() == config.map_positions == pixels << config.line_bits


@pytest.mark.parametrize(("pixels", "codes", "sums", "beats"), [
    (1, 16, 4, 1), (2, 8, 2, 1), (4, 4, 1, 1), (8, 2, 1, 2)])
def test_rows(pixels, codes, sums, beats):
    """Rows of codes in a beat, of sums in a beat, and beats of a row of sums."""
    assert (code_rows(pixels), raw_rows(pixels), raw_beats(pixels)) == (codes, sums, beats)
